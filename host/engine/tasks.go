package engine

import "sync"

// tasks are goroutines that end with the engine. It is safe for concurrent use.
type tasks struct {
	mu      sync.Mutex
	ended   bool
	running sync.WaitGroup // only added to while not ended
}

// start runs a task beside, unless the engine has ended, and reports whether it
// does.
func (t *tasks) start(task func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.running.Go(task)
	}
	return !t.ended
}

// end starts no further task.
func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}

// wait returns once all tasks have ended.
func (t *tasks) wait() { t.running.Wait() }
