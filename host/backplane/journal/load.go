package journal

import (
	"fmt"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"

	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// Load implements memory.Journal. It fails with the error of fn, as it is, or
// where the file is damaged.
func (j *Journal) Load(t memory.Table, fn func(key, value []byte) error) error {
	var failed error
	err := guard(func() error {
		return j.db.View(func(tx *bolt.Tx) error {
			return loadTable(tx, t, func(key, value []byte) error {
				failed = fn(key, value)
				return failed
			})
		})
	})
	if err == nil || failed != nil {
		return failed
	}
	return damaged(j.path, err)
}

// guard turns a panic, and a fault in mapped memory, into an error.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return fn()
}
