package journal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sort"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// maxBatch is how many bytes are gathered for one commit, save that one change
// always fits. It bounds what a commit needs of memory.
const maxBatch = 16 << 20

// batch is the changes of one commit.
type batch struct {
	changes []change
	entries int
	bytes   int
	last    int64 // place of its last change
	// done is closed once the changes are told, or err says why they are not
	// kept.
	done chan struct{}
	err  error
}

type change struct {
	entries []memory.JournalEntry
	then    func()
}

var errClosed = errors.New("the journal is closed")

// Append implements memory.Journal.
func (j *Journal) Append(entries []memory.JournalEntry, then func()) int64 {
	bytes := 0
	for i := range entries {
		bytes += len(entries[i].Key) + len(entries[i].Value)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	if j.cause == nil && !j.closing {
		b := j.gather(bytes)
		b.changes = append(b.changes, change{entries, then})
		b.entries += len(entries)
		b.bytes += bytes
		b.last = j.last
	}
	return j.last
}

// gather returns the batch that changes are gathered in.
func (j *Journal) gather(bytes int) *batch {
	if j.next < len(j.queue) {
		if b := j.queue[len(j.queue)-1]; b.bytes+bytes <= maxBatch {
			return b
		}
	}
	b := &batch{done: make(chan struct{})}
	j.queue = append(j.queue, b)
	j.more.Signal()
	return b
}

// take waits for a batch to write. It returns nil where none will follow. Who else
// can run goes first: with one processor they would otherwise each have a commit of
// their own.
func (j *Journal) take() *batch {
	runtime.Gosched()
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.next == len(j.queue) {
		if j.closing {
			return nil
		}
		j.more.Wait()
	}
	b := j.queue[j.next]
	j.next++
	return b
}

// settle has a batch, the oldest one, kept and told.
func (j *Journal) settle(b *batch) {
	j.mu.Lock()
	j.queue = slices.Delete(j.queue, 0, 1)
	j.next--
	j.kept.Store(b.last)
	j.mu.Unlock()
	close(b.done)
}

// fail refuses the batch that is being written, and all that follow.
func (j *Journal) fail(err error) {
	j.mu.Lock()
	j.cause = wrap(j.path, err)
	lost := slices.Clone(j.queue[j.next-1:])
	j.queue = slices.Delete(j.queue, j.next-1, len(j.queue))
	j.next = len(j.queue)
	j.mu.Unlock()
	j.log.Error("what changes can no longer be kept", "error", j.cause)
	for _, b := range lost {
		b.err = unavailable(j.cause)
		close(b.done)
	}
	close(j.failed)
}

func unavailable(cause error) error {
	return fmt.Errorf("%w: %w", backplane.ErrUnavailable, cause)
}

// Wait implements memory.Journal.
func (j *Journal) Wait(ctx context.Context, place int64) error {
	if place <= j.kept.Load() {
		return nil
	}
	b, err := j.batchOf(place)
	if b == nil {
		return err
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// batchOf returns the batch that a place is in. Where it is in none, it is kept,
// or err says why it will never be.
func (j *Journal) batchOf(place int64) (b *batch, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := sort.Search(len(j.queue), func(i int) bool { return j.queue[i].last >= place })
	switch {
	case i < len(j.queue):
		return j.queue[i], nil
	case place <= j.kept.Load():
		return nil, nil
	case j.cause != nil:
		return nil, unavailable(j.cause)
	}
	return nil, unavailable(wrap(j.path, errClosed))
}
