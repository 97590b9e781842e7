package memory

import "sync"

// ending is an item of deadlines. It carries when it is due, which it is told
// under the lock of its shard.
type ending interface {
	queued
	shardHash() uint64
	setDue(at int64)
}

// deadlines is when things end by themselves, by the store's clock, in shards.
type deadlines[T ending] [shardCount]struct {
	mu    sync.Mutex
	queue queue[T]
	_     [32]byte // keep neighbours off one cache line
}

// schedule sets when an item ends, 0 for never; whatever guards the item is
// locked.
func (d *deadlines[T]) schedule(item T, at int64) {
	shard := &d[item.shardHash()%shardCount]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	item.setDue(at)
	switch queued := *item.place() != nowhere; {
	case queued && at == 0:
		shard.queue.remove(item)
	case queued:
		shard.queue.fix(item)
	case at != 0:
		shard.queue.push(item)
	}
}

// take takes items of a shard whose end has come off the queue, at most as many
// as there is room for in batch.
func (d *deadlines[T]) take(i int, now int64, batch []T) []T {
	shard := &d[i]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for len(batch) < cap(batch) && len(shard.queue) > 0 && shard.queue[0].due() <= now {
		item := shard.queue[0]
		shard.queue.remove(item)
		batch = append(batch, item)
	}
	return batch
}

// pass takes all items whose end has come off the queues and hands them to end.
// Until that locks one it may have got another end: what counts is what it has
// then, so that of several callers one ends it.
func (d *deadlines[T]) pass(now int64, end func(T)) {
	var batch [sweepBatch]T
	for i := range d {
		for more := true; more; {
			taken := d.take(i, now, batch[:0])
			for _, item := range taken {
				end(item)
			}
			more = len(taken) == len(batch)
		}
	}
}
