package redis

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// The bounds of a pipe.
const (
	// mostWaiting is how many requests may wait to be sent, and mostBytesWaiting
	// how many bytes they may have, save that one may have more.
	mostWaiting      = 1 << 14
	mostBytesWaiting = 256 << 20
	// mostInBatch is how many share a round trip, and mostBytesInBatch about how
	// many bytes they may have, so that none waits long for the others.
	mostInBatch      = 256
	mostBytesInBatch = 1 << 20
)

// request is a script on its way.
type request struct {
	ctx    context.Context
	source source
	// args is the whole command: EVALSHA or EVAL, the script, 1, the base, and
	// what the script gets.
	args  []any
	bytes int
	// urgent is of what goes before all others, and is taken where those are too
	// many.
	urgent bool
	cmd    *goredis.Cmd
	err    error         // instead of the command's
	done   chan struct{} // gets one value once cmd or err is there
}

var requests = sync.Pool{New: func() any { return &request{done: make(chan struct{}, 1)} }}

// newRequest copies what its caller may change once it has been let go.
func newRequest(ctx context.Context, s source, base string, args []any) *request {
	r := requests.Get().(*request)
	all := make([]any, 4, 4+len(args))
	all[0], all[1], all[2], all[3] = "evalsha", s.sha, 1, base
	r.bytes = 0
	for _, arg := range args {
		switch a := arg.(type) {
		case []byte:
			arg = string(a)
			r.bytes += len(a)
		case string:
			r.bytes += len(a)
		case int, int64, bool, nil:
		default: // go-redis would fail the whole batch over it
			arg = fmt.Sprint(a)
		}
		all = append(all, arg)
	}
	r.ctx, r.source, r.args = ctx, s, all
	r.cmd, r.err = goredis.NewCmd(ctx, all...), nil
	return r
}

// inFull has the script sent along, for a server that does not know it.
func (r *request) inFull() {
	r.args[0], r.args[1] = "eval", r.source.text
	r.again()
}

// again makes the command as good as new.
func (r *request) again() { r.cmd = goredis.NewCmd(r.ctx, r.args...) }

func (r *request) finish(err error) {
	r.err = err
	r.done <- struct{}{}
}

// free gives a request back that nobody else has any more.
func (r *request) free() {
	r.ctx, r.args, r.cmd, r.err, r.urgent = nil, nil, nil, nil, false
	requests.Put(r)
}

// pipe is what waits to be sent to a server. Its workers send what they find as
// one batch, so that what comes in while all are busy shares a round trip.
type pipe struct {
	wake chan struct{} // has a value while a worker should look

	mu      sync.Mutex
	waiting []*request
	bytes   int   // that they have
	refused error // why nothing is taken
}

// put adds a request, unless the pipe takes none.
func (p *pipe) put(r *request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.refused != nil:
		return p.refused
	case r.urgent:
		p.waiting = slices.Insert(p.waiting, 0, r)
		p.bytes += r.bytes
		p.signal()
		return nil
	case len(p.waiting) >= mostWaiting, p.bytes > 0 && p.bytes+r.bytes > mostBytesWaiting:
		return errCrowded
	}
	p.waiting = append(p.waiting, r)
	p.bytes += r.bytes
	p.signal()
	return nil
}

func (p *pipe) signal() {
	signal(p.wake)
}

// take moves what is sent next to batch; those whose callers have gone are left
// out.
func (p *pipe) take(batch []*request) []*request {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken, size := 0, 0
	for _, r := range p.waiting {
		if len(batch) == mostInBatch || size > mostBytesInBatch {
			break
		}
		taken++
		p.bytes -= r.bytes
		if err := r.ctx.Err(); err != nil {
			r.finish(err)
			continue
		}
		size += r.bytes
		batch = append(batch, r)
	}
	left := copy(p.waiting, p.waiting[taken:])
	clear(p.waiting[left:])
	p.waiting = p.waiting[:left]
	if left > 0 {
		p.signal() // another worker may be idle
	}
	return batch
}

// refuse answers all that wait with an error, and all that come; nil ends that.
func (p *pipe) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused = err; err == nil {
		return
	}
	for _, r := range p.waiting {
		r.finish(err)
	}
	clear(p.waiting)
	p.waiting, p.bytes = p.waiting[:0], 0
}

// work sends batches until ctx is done. Each request waits for others, at most
// for flush.
func (p *pipe) work(ctx context.Context, flush time.Duration, send func(context.Context, []*request)) {
	var batch []*request
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		for !p.empty() {
			_ = wait(ctx, flush) // or ctx is done
			if flush <= 0 {
				runtime.Gosched() // those just answered may ask again
			}
			if batch = p.take(batch[:0]); len(batch) > 0 {
				send(ctx, batch)
				clear(batch)
			}
		}
	}
}

func (p *pipe) empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting) == 0
}
