package plugin

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// rescanEvery is how often the folder is read without being told to:
	// events get lost, and some file systems send none.
	rescanEvery = 2 * time.Second
	// pollEvery takes its place where there are no events at all.
	pollEvery = 250 * time.Millisecond
	// maxPace is the longest time between two looks at a file that has not
	// settled.
	maxPace = 25 * time.Millisecond
)

// watch follows the folder until ctx is done.
func (m *Manager) watch(ctx context.Context) {
	w := newWatcher(m.dir, m.log)
	defer w.close()
	rescan := time.NewTicker(w.rescan())
	defer rescan.Stop()
	pace := max(min(m.settle/4, maxPace), time.Millisecond)
	look := time.NewTimer(0)
	defer look.Stop()
	looking := true // look is set, so that a stream of events cannot put it off
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.events():
		case err := <-w.errors():
			m.log.Warn("watching the plugin folder", "dir", m.dir, "error", err)
		case r := <-m.reloads:
			r.done <- m.reload(ctx, r.name)
		case <-rescan.C:
		case <-look.C:
			w.follow()
			looking = m.step(ctx)
			if looking {
				look.Reset(pace)
			}
			continue
		}
		if !looking {
			looking = true
			look.Reset(pace)
		}
	}
}

// step deals with what has changed, and reports whether something is about to.
func (m *Manager) step(ctx context.Context) (pending bool) {
	now := time.Now()
	err := m.scan(now)
	if failed := err != nil; failed != m.scanFailed {
		m.scanFailed = failed
		if failed {
			m.log.Error("the plugin folder cannot be read; what is loaded goes on serving", "dir", m.dir, "error", err)
		} else {
			m.log.Info("the plugin folder can be read again", "dir", m.dir)
		}
	}
	if err != nil {
		return false
	}
	files, pending := m.due(now, m.settle)
	m.process(ctx, files)
	return pending
}

// watcher tells of changes in a folder, also after the folder was removed and
// made again.
type watcher struct {
	dir    string
	notify *fsnotify.Watcher // nil where the system has none to give
	// watched is the folder that is watched, nil for none: the name may have
	// come to stand for another one.
	watched os.FileInfo
}

func newWatcher(dir string, log *slog.Logger) *watcher {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("the system does not tell of changes in the plugin folder: it is read again and again", "every", pollEvery, "error", err)
		return &watcher{dir: dir}
	}
	w := &watcher{dir: dir, notify: notify}
	w.follow()
	return w
}

// follow makes sure that it is the present folder that is watched.
func (w *watcher) follow() {
	if w.notify == nil {
		return
	}
	now, err := os.Stat(w.dir)
	if err != nil {
		w.watched = nil
		return
	}
	if w.watched != nil && os.SameFile(now, w.watched) {
		return
	}
	_ = w.notify.Remove(w.dir) // of the folder that was there before; gone with it as a rule
	if w.watched = now; w.notify.Add(w.dir) != nil {
		w.watched = nil // the next look tries again
	}
}

func (w *watcher) rescan() time.Duration {
	if w.notify == nil {
		return pollEvery
	}
	return rescanEvery
}

func (w *watcher) events() <-chan fsnotify.Event {
	if w.notify == nil {
		return nil
	}
	return w.notify.Events
}

func (w *watcher) errors() <-chan error {
	if w.notify == nil {
		return nil
	}
	return w.notify.Errors
}

func (w *watcher) close() {
	if w.notify != nil {
		_ = w.notify.Close() // nothing depends on it any more
	}
}
