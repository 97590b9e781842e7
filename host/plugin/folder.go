package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is a plugin's file and what has become of it. It is changed by the one
// goroutine that looks after the folder; the fields that Status reads also
// under the manager's lock.
type file struct {
	name string
	// seen is how it was last found, nil where it was not; since is when it
	// was first found so.
	seen  os.FileInfo
	since time.Time
	// tried is the state that was last dealt with, nil for none.
	tried os.FileInfo
	// forced loads the content even where it is the one that serves.
	forced bool

	// For Status, under the manager's lock.
	version *version // serving, nil for none
	failure error    // why what was tried does not serve
	refused string   // the short hash of the content that failure is about
}

// changed reports whether there is something to deal with.
func (f *file) changed() bool { return !sameState(f.seen, f.tried) }

// sameState reports whether a file has not been touched in between. A file
// that replaces another one differs even where size and time are the same.
func sameState(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}

// isPluginFile tells plugins from what editors and copying tools leave beside
// them.
func isPluginFile(name string) bool {
	return strings.HasSuffix(name, extension) && len(name) > len(extension) && !strings.ContainsAny(name[:1], ".~#")
}

// scan looks at what is in the folder now. Where the folder cannot be read
// everything stays as it was: a mount that is gone for a moment takes no
// plugin down.
func (m *Manager) scan(now time.Time) error {
	listed, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	found := make(map[string]bool)
	for _, entry := range listed {
		name := entry.Name()
		if !isPluginFile(name) {
			continue
		}
		info, err := os.Stat(filepath.Join(m.dir, name)) // follows links
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			found[name] = true // there, and as it was, as far as anyone can tell
			continue
		}
		if err != nil || !info.Mode().IsRegular() {
			continue // gone meanwhile, or a folder
		}
		found[name] = true
		f := m.files[name]
		if f == nil {
			f = &file{name: name}
			m.mu.Lock()
			m.files[name] = f
			m.mu.Unlock()
		}
		f.find(info, now)
	}
	for name, f := range m.files {
		if !found[name] {
			f.find(nil, now)
		}
	}
	return nil
}

func (f *file) find(info os.FileInfo, now time.Time) {
	if f.since.IsZero() || !sameState(f.seen, info) {
		f.seen, f.since = info, now
	}
}

// due returns the files to deal with, in the order of their names: those that
// have changed and then stayed quiet for the settle time, and with them those
// that may do better now that others change. Pending are changed files that
// are not quiet yet.
func (m *Manager) due(now time.Time, settle time.Duration) (due []*file, pending bool) {
	var waiting []*file
	for _, f := range m.files {
		var collided *collision
		var unread *unreadable
		switch {
		case f.changed() && now.Sub(f.since) < settle:
			pending = true
		case f.changed():
			due = append(due, f)
		case errors.As(f.failure, &collided):
			waiting = append(waiting, f)
		case errors.As(f.failure, &unread):
			due = append(due, f)
		}
	}
	if len(due) > 0 {
		due = append(due, waiting...)
	}
	slices.SortFunc(due, func(a, b *file) int { return strings.Compare(a.name, b.name) })
	return due, pending
}

// unreadable is a failure of the file system, which may pass without the file
// changing.
type unreadable struct{ error }

// Unwrap returns the failure.
func (u *unreadable) Unwrap() error { return u.error }

// openFolder makes the folder where it is missing, which it logs: its name may
// be a mistake.
func openFolder(dir string, log *slog.Logger) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		log.Warn("the folder of plugins is missing and is made", "dir", dir)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil { // as the umask says, like any tool that makes folders
		return fmt.Errorf("plugin: open folder: %w", err)
	}
	return nil
}
