package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/host/command"
)

// parallelLoads is how many files are compiled at once.
const parallelLoads = 2

// candidate is what has become of a file that changed.
type candidate struct {
	file    *file
	version *version // nil where it failed, is gone, or is what serves already
	hash    string   // short, of the content; "" where it could not be read
	err     error
	same    bool // the content that serves already
	known   bool // err is what the last try said of the same content
	took    time.Duration
}

// process deals with files that have changed: loads them beside what serves,
// and then replaces all at once what can be replaced, so that a plugin whose
// file was renamed is never missing.
func (m *Manager) process(ctx context.Context, files []*file) {
	if len(files) == 0 {
		return
	}
	candidates := m.loadAll(ctx, files)
	before := m.serving()
	after := m.settleClaims(candidates)
	if !maps.Equal(before, after) {
		m.serve(before, after)
	}
	m.record(candidates, after) // by now what is called loaded serves
	m.report(candidates)
}

func (m *Manager) loadAll(ctx context.Context, files []*file) []*candidate {
	candidates := make([]*candidate, len(files))
	slots := make(chan struct{}, parallelLoads)
	var loading sync.WaitGroup
	for i, f := range files {
		candidates[i] = &candidate{file: f}
		if f.seen == nil {
			continue
		}
		loading.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			start := time.Now()
			candidates[i].load(ctx, m)
			candidates[i].took = time.Since(start)
		})
	}
	loading.Wait()
	return candidates
}

func (c *candidate) load(ctx context.Context, m *Manager) {
	content, hash, err := m.readFile(c.file.name, c.file.seen)
	if err != nil {
		c.err = err
		return
	}
	c.hash = hash
	if v := c.file.version; v != nil && v.hash == hash && !c.file.forced {
		c.same = true
		return
	}
	c.version, c.err = m.load(ctx, c.file.name, content, hash)
}

// serving returns the versions that serve, by file.
func (m *Manager) serving() map[string]*version {
	versions := make(map[string]*version)
	for name, f := range m.files {
		if f.version != nil {
			versions[name] = f.version
		}
	}
	return versions
}

// settleClaims decides what serves from now on. All candidates together are
// tried first, since plugins may hand commands over to each other; if they
// collide, one after the other, again and again while that still changes
// something. What still collides is closed and fails.
func (m *Manager) settleClaims(candidates []*candidate) map[string]*version {
	after := m.serving()
	var open []*candidate
	for _, c := range candidates {
		if c.file.seen == nil {
			delete(after, c.file.name)
		}
		if c.version != nil {
			open = append(open, c)
		}
	}
	all := maps.Clone(after)
	for _, c := range open {
		all[c.file.name] = c.version
	}
	if _, err := claimsOf(all); err == nil {
		return all
	}
	for progress := true; progress; {
		progress = false
		open = slices.DeleteFunc(open, func(c *candidate) bool {
			if c.err = claim(after, c); c.err != nil {
				return false
			}
			after[c.file.name] = c.version
			progress = true
			return true
		})
	}
	for _, c := range open {
		c.version.close()
		c.version = nil
	}
	return after
}

// claim checks a candidate against what else is to serve.
func claim(after map[string]*version, c *candidate) error {
	others := maps.Clone(after)
	delete(others, c.file.name)
	taken, err := claimsOf(others)
	if err != nil {
		return err
	}
	return taken.add(c.version)
}

func sorted(versions map[string]*version) []*version {
	return slices.SortedFunc(maps.Values(versions), func(a, b *version) int { return strings.Compare(a.file, b.file) })
}

// record takes down what has become of the files.
func (m *Manager) record(candidates []*candidate, after map[string]*version) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range candidates {
		f := c.file
		if f.seen == nil {
			delete(m.files, f.name)
			continue
		}
		if errors.Is(c.err, errChanging) {
			f.since = time.Now() // it is not quiet after all
			continue
		}
		before := f.failure
		f.tried, f.forced, f.version, f.failure = f.seen, false, after[f.name], nil
		if c.err != nil {
			f.failure = fmt.Errorf("plugin: load %s: %w", f.name, c.err)
			c.known = before != nil && before.Error() == f.failure.Error() && f.refused == c.hash
			f.refused = c.hash
		}
	}
}

// report logs and counts what has become of the files.
func (m *Manager) report(candidates []*candidate) {
	for _, c := range candidates {
		m.tally(c)
		switch f := c.file; {
		case errors.Is(c.err, errChanging) || c.same || c.known:
		case c.err != nil && f.version != nil:
			m.log.Error("plugin not loaded; the version before goes on serving", "file", f.name, "version", c.hash, "serving", f.version.hash, "error", c.err)
		case c.err != nil:
			m.log.Error("plugin not loaded", "file", f.name, "version", c.hash, "error", c.err)
		case c.version != nil:
			v := c.version
			m.log.Info("plugin loaded", "plugin", v.name, "file", v.file, "version", v.hash,
				"commands", len(v.registration.Commands), "took", c.took.Round(time.Millisecond))
		case f.seen == nil && f.version != nil:
			m.log.Info("plugin unloaded", "plugin", f.pluginName(), "file", f.name)
		}
	}
}

// tally counts a file that was loaded, or was not.
func (m *Manager) tally(c *candidate) {
	switch {
	case errors.Is(c.err, errChanging) || c.same:
	case c.err != nil:
		m.profile(c.file.pluginName()).counters.FailedLoads.Add(1)
	case c.version != nil:
		c.version.counters.Loads.Add(1)
	}
}

// serve puts a new table in place.
func (m *Manager) serve(before, after map[string]*version) {
	versions := sorted(after)
	m.bid(before, after)
	m.mu.Lock()
	for _, v := range versions {
		m.hold(v)
	}
	m.mu.Unlock()
	m.router.Swap(command.NewTable(compose(versions, m.departed), func() {
		for _, v := range versions {
			m.drop(v)
		}
	}))
	ended := make(map[string]<-chan struct{}) // by plugin
	for file, v := range before {
		if after[file] != v {
			v.stopSchedules()
			ended[v.name] = v.schedules.ended
		}
	}
	for file, v := range after {
		if before[file] != v {
			m.schedule(v, ended[v.name])
		}
	}
}

// schedule starts a version's schedules.
func (m *Manager) schedule(v *version, before <-chan struct{}) {
	if !m.scheduling {
		return
	}
	if len(v.registration.Schedules) == 0 {
		v.schedules.ended = before // which the version after this one waits for
		return
	}
	m.mu.Lock()
	m.hold(v)
	m.mu.Unlock()
	ended := make(chan struct{})
	v.schedules.ended = ended
	v.startSchedules(before, m.claim)
	m.work.Go(func() {
		v.schedules.running.Wait()
		if before != nil {
			<-before // none of these ran, and one of those before may still
		}
		close(ended)
		m.drop(v)
	})
}

// hold keeps a version alive until it is dropped; the manager is locked.
func (m *Manager) hold(v *version) {
	if v.holders == 0 {
		m.work.Add(1)
	}
	v.holders++
}

// drop ends a hold. The last one closes the version, on a goroutine of its
// own: whoever holds a table last has a session to serve.
func (m *Manager) drop(v *version) {
	m.mu.Lock()
	v.holders--
	last := v.holders == 0
	m.mu.Unlock()
	if last {
		go func() { // counted in work since the first hold
			defer m.work.Done()
			v.close()
		}()
	}
}
