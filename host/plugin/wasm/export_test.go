package wasm

// Trim does what the watchdog does after trimAfter.
func (p *Plugin) Trim() { p.calls.trim() }

// Waiting returns how many calls wait for an instance.
func (p *Plugin) Waiting() int {
	p.calls.mu.Lock()
	defer p.calls.mu.Unlock()
	return p.calls.waiters
}

// Compiling returns how many modules are being compiled.
func (r *Runtime) Compiling() int { return int(r.compiling.Load()) }

// Resting reports whether the watchdog sleeps.
func (r *Runtime) Resting() bool { return r.watchdog.resting.Load() }
