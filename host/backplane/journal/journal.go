// Package journal keeps what the embedded backplane must not lose, in one file
// (bbolt). A change that is said to be kept survives the end of the process in
// any way, and that of the machine as far as the disk keeps what it has synced.
//
// # Group commit
//
// Changes gather while the one before them is being written; all that have
// gathered are written and synced as one transaction. So one change costs a
// commit, and a thousand that come together cost little more. What has been
// kept is told by a goroutine of its own, while the next commit is under way.
//
// # Bounds
//
// Append never blocks, and whoever appends holds a lock. What holds producers
// back is Wait: a change is acknowledged after it, so what is pending is at most
// what the calls in flight carry. What the store appends without waiting
// (removals of what has expired) is a key each of something that was waited for.
//
// # Failure
//
// A commit that fails, on a full disk or a broken one, is final: what follows is
// refused, Failed is closed, and the server should stop. To go on would be to
// answer from a memory that no longer is what the file says.
package journal

import (
	"log/slog"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"

	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// File is the name of the file in the folder.
const File = "mesh-host.db"

// Options says where a Journal keeps things.
type Options struct {
	// Dir is the folder, which is made where it is missing.
	Dir string
	// Log is told of a failure, once; nil tells no one.
	Log *slog.Logger
	// After, unless nil, is called after each then of an Append, outside of all
	// locks and on the same goroutine: whatever the thens produce can be helped
	// on its way. It delays those that wait.
	After func()
}

// Journal implements memory.Journal. It is safe for concurrent use.
type Journal struct {
	db    *bolt.DB
	path  string
	log   *slog.Logger
	after func()

	kept    atomic.Int64 // place of the last change that is kept and told
	written chan *batch  // to be told
	running sync.WaitGroup
	scratch scratch // of the writer
	stats   counters

	mu       sync.Mutex
	more     sync.Cond // there is a batch to write, or nothing will follow
	last     int64     // place of the last change
	queue    []*batch  // those that are not told yet, oldest first
	next     int       // the first in queue that nobody writes or has written
	closing  bool
	cause    error // of the failure
	failed   chan struct{}
	torn     bool // a commit has ended where its transaction is not
	closed   sync.Once
	closeErr error
}

var _ memory.Journal = (*Journal)(nil)

// Open opens the journal of a folder and makes what is missing of both. It fails
// where another process uses it, where the file is damaged or of another kind,
// and where a newer version has written it; the error says what to do. The
// caller must Close it.
func Open(o Options) (*Journal, error) {
	db, path, err := open(o.Dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		db: db, path: path, log: o.Log, after: o.After,
		written: make(chan *batch, 1), failed: make(chan struct{}),
	}
	j.more.L = &j.mu
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	j.running.Go(j.write)
	j.running.Go(j.tell)
	return j, nil
}

// Failed is closed once a change could not be kept; Err then says why.
func (j *Journal) Failed() <-chan struct{} { return j.failed }

// Err returns why changes cannot be kept any more, nil while they can.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cause
}

// Close writes what is pending and closes the file. What is appended from then
// on is not kept. It returns the error of a commit that has failed, and may be
// called more than once.
func (j *Journal) Close() error {
	j.closed.Do(func() {
		j.mu.Lock()
		j.closing = true
		j.more.Signal()
		j.mu.Unlock()
		j.running.Wait()
		j.closeErr = j.cause
		if j.torn {
			return // closing the file would wait for its transaction
		}
		if err := j.db.Close(); err != nil && j.closeErr == nil {
			j.closeErr = wrap(j.path, err)
		}
	})
	return j.closeErr
}
