package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	// lockTimeout is how long the end of another process is waited for.
	lockTimeout = time.Second
	dirMode     = 0o700
	fileMode    = 0o600
	// mapped is how much of the file is mapped from the start, so that one that
	// grows is not mapped anew at every turn. It costs addresses, not memory.
	mapped = 64 << 20
	// draft is what a file is called before it is complete.
	draft = ".mesh-host-new-*"
)

// The file says in a bucket of its own what it is.
var (
	metaBucket = []byte("mesh-host")
	formatKey  = []byte("format")
)

const format = 1

// open opens the file of a folder, complete and checked.
func open(dir string) (*bolt.DB, string, error) {
	path, err := filepath.Abs(filepath.Join(dir, File))
	if err != nil {
		return nil, "", fmt.Errorf("journal: %w", err)
	}
	if err := prepare(path); err != nil {
		return nil, path, err
	}
	db, err := lock(path, bolt.Options{
		NoFreelistSync: true, FreelistType: bolt.FreelistMapType, InitialMmapSize: mapped,
	})
	if err != nil {
		return nil, path, err
	}
	if err := identify(db, path); err != nil {
		return nil, path, errors.Join(err, db.Close())
	}
	removeDrafts(filepath.Dir(path))
	return db, path, nil
}

// prepare makes the folder and the file where they are missing, and checks the
// file otherwise.
func prepare(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return create(path)
	case err != nil:
		return fmt.Errorf("journal: %w", err)
	case info.IsDir():
		return foreign(path, errors.New("it is a folder"))
	case info.Size() == 0: // nothing to check, and it will be filled
		return nil
	}
	return inspect(path)
}

// create makes the file under another name and links it once it is complete, so
// that a process that is ended meanwhile leaves no half of it. Where another
// process was faster, its file stays; where files cannot be linked, opening the
// file will make it.
func create(path string) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, draft)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	name := file.Name()
	defer func() { _ = os.Remove(name) }()
	if err := file.Close(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	db, err := lock(name, bolt.Options{NoFreelistSync: true})
	if err != nil {
		return err
	}
	if err := errors.Join(identify(db, path), db.Close()); err != nil {
		return err
	}
	if os.Link(name, path) != nil {
		return nil
	}
	return syncDir(dir)
}

// syncDir has the names in a folder kept.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // has no such thing
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// removeDrafts removes what processes have left behind that ended in create. One
// that is still there finds the file in use.
func removeDrafts(dir string) {
	drafts, _ := filepath.Glob(filepath.Join(dir, draft))
	for _, name := range drafts {
		_ = os.Remove(name)
	}
}

// inspect checks the whole file, while no one writes it.
func inspect(path string) error {
	db, err := lock(path, bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	err = guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			return errors.Join(check(file, tx), file.Close())
		})
	})
	if err != nil {
		err = damaged(path, err)
	}
	return errors.Join(err, db.Close())
}

// lock opens the file for this process alone, or, if it is to be read only, for
// those that read.
func lock(path string, o bolt.Options) (db *bolt.DB, err error) {
	o.Timeout = lockTimeout
	err = guard(func() error {
		db, err = bolt.Open(path, fileMode, &o)
		return err
	})
	var of *fs.PathError
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("journal: another mesh-host uses %s: stop it, or give this one another folder", path)
	case errors.As(err, &of):
		return nil, fmt.Errorf("journal: %w", err)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, io.EOF):
		return nil, foreign(path, err)
	}
	return nil, damaged(path, err)
}

// identify checks that a file is the journal of a version that is known. One in
// which there is nothing becomes one.
func identify(db *bolt.DB, path string) error {
	var found []byte
	empty := true
	err := db.View(func(tx *bolt.Tx) error {
		if meta := tx.Bucket(metaBucket); meta != nil {
			found = append(found, meta.Get(formatKey)...)
		}
		return tx.ForEach(func([]byte, *bolt.Bucket) error {
			empty = false
			return nil
		})
	})
	if err != nil {
		return damaged(path, err)
	}
	if empty {
		return claim(db, path)
	}
	switch version, err := strconv.Atoi(string(found)); {
	case found == nil:
		return foreign(path, errors.New("it holds something else"))
	case err != nil || version < 1:
		return damaged(path, fmt.Errorf("its format is %q", found))
	case version > format:
		return fmt.Errorf("journal: %s has format %d, and this mesh-host knows %d at most: use the version that has written it, or give this one another folder", path, version, format)
	}
	return nil
}

func claim(db *bolt.DB, path string) error {
	err := db.Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucket(metaBucket)
		if err != nil {
			return err
		}
		return meta.Put(formatKey, strconv.AppendInt(nil, format, 10))
	})
	if err != nil {
		return wrap(path, err)
	}
	return nil
}

// wrap says which file an error is about.
func wrap(path string, err error) error { return fmt.Errorf("journal: %s: %w", path, err) }

func damaged(path string, err error) error {
	return fmt.Errorf("journal: %s is damaged: restore it from a copy, or move it away to begin without what it holds: %w", path, err)
}

func foreign(path string, err error) error {
	return fmt.Errorf("journal: %s is no store of mesh-host: move it away, or give mesh-host another folder: %w", path, err)
}
