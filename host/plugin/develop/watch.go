package develop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// quiet is how long the sources must stay as they are before they are built:
	// editors write several files, and some of them twice.
	quiet = 30 * time.Millisecond
	// maxFolders bounds those that are watched.
	maxFolders = 4096
)

// sources watches a project's folders.
type sources struct {
	dir     string
	watcher *fsnotify.Watcher
	folders int
}

func watchSources(dir string) (*sources, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	s := &sources{dir: dir, watcher: w}
	if err := s.add(dir); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return s, nil
}

func (s *sources) close() error { return s.watcher.Close() }

// add watches a folder and those below it.
func (s *sources) add(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // gone meanwhile
		case err != nil:
			return err
		case !d.IsDir():
			return nil
		case path != s.dir && isIgnored(d.Name()):
			return filepath.SkipDir
		}
		if s.folders++; s.folders > maxFolders {
			return refused(fmt.Errorf("%s has more than %d folders: is it that of a plugin?", s.dir, maxFolders))
		}
		return s.watcher.Add(path)
	})
}

// isIgnored reports whether a file or folder is none of the sources: what
// builds and editors leave.
func isIgnored(name string) bool {
	switch name {
	case "target", "node_modules", "build", "Cargo.lock", "package-lock.json", "go.sum":
		return true
	}
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") || strings.HasSuffix(name, "~") ||
		strings.HasSuffix(name, ".wasm") || strings.HasSuffix(name, ".swp") || strings.HasSuffix(name, ".tmp")
}

// ignores reports whether a change of a path means nothing.
func (s *sources) ignores(path string) bool {
	relative, err := filepath.Rel(s.dir, path)
	if err != nil {
		return true
	}
	for part := range strings.SplitSeq(filepath.ToSlash(relative), "/") {
		if isIgnored(part) {
			return true
		}
	}
	return false
}

// next waits until something has changed and stayed quiet for a moment, and
// returns when the change was first seen.
func (s *sources) next(ctx context.Context) (time.Time, error) {
	var first time.Time
	settled := time.NewTimer(time.Hour)
	defer settled.Stop()
	for {
		select {
		case <-ctx.Done():
			return first, ctx.Err()
		case event, open := <-s.watcher.Events:
			if !open {
				return first, errors.New("the watch of the sources has ended")
			}
			if event.Op == fsnotify.Chmod || s.ignores(event.Name) {
				continue
			}
			if event.Has(fsnotify.Create) {
				if info, err := os.Stat(event.Name); err == nil && info.IsDir() {
					if err := s.add(event.Name); err != nil {
						return first, err
					}
				}
			}
		case err := <-s.watcher.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) { // something has changed, whatever it is
				return first, fmt.Errorf("watch %s: %w", s.dir, err)
			}
		case <-settled.C:
			if !first.IsZero() {
				return first, nil
			}
		}
		if first.IsZero() {
			first = time.Now()
		}
		settled.Reset(quiet)
	}
}
