package redis

import (
	"context"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// inbox is the node's own channel: what is done to its connections, in order. A
// frame says of what kind it is and has a number, each the one after that of the
// frame before.
type inbox struct {
	node *Node

	mu sync.Mutex
	// seen is the number of the last frame that has been handled. Those of a life
	// begin above all numbers of the lives before, with a frame that says so;
	// start is that frame's, by what Redis has answered to who enlisted.
	seen, start int64
	begun       bool // a life has
	up          bool // frames come in
	// instructed is the number of the last instruction, as Redis has it, and
	// history names the data that the server has: where it is another one, the end
	// of what the one before was told may be missing, and its numbers are used
	// again.
	instructed int64
	history    string
	// waiting are those who wait for frames, by their numbers.
	waiting map[int64]chan struct{}
	// asked has a place for the answer to each instruction that this node has
	// sent and is waiting for, by its token.
	asked map[string]*int
}

// hasty is a handler that a lane tells at once when its connection is lost, with
// the lane locked.
type hasty interface{ disconnected() }

var (
	_ handler = (*inbox)(nil)
	_ hasty   = (*inbox)(nil)
)

func (x *inbox) init(n *Node) {
	x.node = n
	x.waiting = make(map[int64]chan struct{})
	x.asked = make(map[string]*int)
}

// open subscribes to the node's channel, before anyone can write to it.
func (x *inbox) open(ctx context.Context) error {
	sh := x.node.directory
	return sh.lane.subscribe(ctx, sh.channel("node", x.node.id), x)
}

// overdue is how long a frame may take that Redis has sent. A lane notices long
// before that its connection is dead.
const overdue = 10 * time.Second

// handled waits until the frame of a number has been handled, and with it all
// before. It does not wait for what has been lost, nor for 0. A frame that is
// overdue is taken for lost: a reconciliation follows once that is certain.
func (x *inbox) handled(ctx context.Context, number int64) error {
	x.mu.Lock()
	if number <= x.seen || !x.up {
		x.mu.Unlock()
		return nil
	}
	done := x.waiting[number]
	if done == nil {
		done = make(chan struct{})
		x.waiting[number] = done
	}
	x.mu.Unlock()
	late := time.NewTimer(overdue)
	defer late.Stop()
	select {
	case <-done:
		return nil
	case <-late.C:
		x.node.log.Warn("an answer came, but what it tells of did not", "node", x.node.id)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// advance notes that everything up to a number has been handled, and wakes those
// who have waited for it; it is locked.
func (x *inbox) advance(to int64) {
	from := x.seen
	x.seen = max(from, to)
	if to == from+1 {
		x.wake(to)
		return
	}
	for number := range x.waiting {
		if number <= to {
			x.wake(number)
		}
	}
}

func (x *inbox) wake(number int64) {
	if done := x.waiting[number]; done != nil {
		close(done)
		delete(x.waiting, number)
	}
}

// position is a number that is not below any that was seen.
func (x *inbox) position() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return max(x.seen, x.start)
}

// started notes the number that a life of the node has begun with.
func (x *inbox) started(number int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.start = max(x.start, number)
}

// isUp reports whether frames come in, as far as is known.
func (x *inbox) isUp() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.up
}

// hears reports whether frames of the node's life come in.
func (x *inbox) hears() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.up && x.seen >= x.start
}

// begin implements handler.
func (x *inbox) begin(ctx context.Context) (answered, error) {
	now, err := x.inRedis(ctx)
	return func(context.Context) error {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.up, x.history = true, now.history
		return nil
	}, err
}

// reopen has the channel subscribed to on a connection of its own anew: the old
// one may be dead without anyone having noticed yet.
func (x *inbox) reopen() {
	x.disconnected()
	x.node.directory.lane.deaf()
}

// disconnected implements hasty: no one waits for what will not come.
func (x *inbox) disconnected() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.up = false
	for number := range x.waiting {
		x.wake(number)
	}
}

// deliver implements handler. What is no frame is passed over.
func (x *inbox) deliver(text string) {
	all, ok := fields(text, 2)
	if !ok {
		return
	}
	kind, number := all[0].text, all[1].number()
	x.mu.Lock()
	seen, isNew := x.seen, x.begun && number > x.seen
	x.mu.Unlock()
	isNext := number == seen+1
	switch {
	case (isNew || kind == "begin") && !isNext && x.isAhead(number):
		x.node.log.Warn("dropped what another program has published on the node's channel", "node", x.node.id)
		return
	case kind == "begin":
		x.begins(number)
		return
	case !isNew:
		return
	case !isNext:
		x.mend(number)
	}
	x.handle(kind, number, all[2:])
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.advance(number); kind == "instruct" {
		x.instructed = number
	}
}

// begins is the first frame of a life of the node.
func (x *inbox) begins(number int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.begun, x.instructed = true, 0
	x.advance(number)
	x.node.lease.mend() // now that it hears what is sent to its connections
}

// isAhead reports whether Redis has not come to a number yet, so that it has sent
// no frame of it: to believe it would be to hear nothing any more.
func (x *inbox) isAhead(number int64) bool {
	ctx, cancel := context.WithTimeout(context.Background(), x.node.options.Timeout)
	defer cancel()
	now, err := x.inRedis(ctx)
	return err == nil && number > now.last
}

// handle tells the receiver what a frame says.
func (x *inbox) handle(kind string, number int64, f []field) {
	to, own := x.node.to(), &x.node.own
	if to == nil {
		return
	}
	switch {
	case kind == "member" && len(f) >= 4:
		room, id, joined := f[0].text, f[1].text, f[2].text == "1"
		if own.member(room, id, joined, number) {
			to.Member(room, id, joined, f[3].text)
		}
	case kind == "metadata" && len(f) >= 2:
		if metadata := f[1].bytes(); own.metadata(f[0].text, metadata, number) {
			to.Metadata(f[0].text, metadata)
		}
	case kind == "present" && len(f) >= 3: // by another node
		own.presence(f[0].text, f[1].text, f[2].text == "1")
	case kind == "state" && len(f) >= 4: // by another node
		own.state(f[0].text, f[1].text, f[2].bytes(), time.Duration(f[3].number())*time.Millisecond)
	case kind == "gone" && len(f) >= 1: // removed by another node
		own.remove(f[0].text)
	case kind == "instruct" && len(f) >= 2:
		if audience, what, ok := readInstruction(f[1].text); ok {
			x.answer(f[0].text, to.Instruct(audience, what))
		}
	}
}

// ask makes a place for the answer to an instruction; forget gives it back.
func (x *inbox) ask(token string) (answer func() int, forget func()) {
	reached := new(int)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked[token] = reached
	answer = func() int {
		x.mu.Lock()
		defer x.mu.Unlock()
		return *reached
	}
	return answer, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.asked, token)
	}
}

func (x *inbox) answer(token string, reached int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if place := x.asked[token]; place != nil {
		*place = reached
	}
}

// closeOwn closes all sessions of this node, which may have missed something that
// cannot be made up for.
func (n *Node) closeOwn(reason string) {
	n.closeSessions(backplane.Audience{Scope: backplane.Everyone}, reason)
}

func (n *Node) closeSessions(whose backplane.Audience, reason string) {
	if to := n.to(); to != nil {
		to.Instruct(whose, backplane.Instruction{Close: &backplane.Close{Code: closeInsufficientState, Reason: reason}})
	}
}

// closeInsufficientState is the code (abi/errors.json) that has clients come back
// and read anew.
const closeInsufficientState = 4102
