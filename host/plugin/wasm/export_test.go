package wasm

// Trim does what the watchdog does after trimAfter.
func (p *Plugin) Trim() { p.calls.pool.trim() }

// Waiting returns how many calls wait for an instance.
func (p *Plugin) Waiting() int {
	pool := p.calls.pool
	pool.mu.Lock()
	defer pool.mu.Unlock()
	return pool.waiters
}

// Compiling returns how many modules are being compiled.
func (r *Runtime) Compiling() int { return int(r.compiling.Load()) }

// Resting reports whether the watchdog sleeps.
func (r *Runtime) Resting() bool { return r.watchdog.resting.Load() }
