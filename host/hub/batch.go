package hub

import "sync"

// batch is what waits for a session's socket: the session's own bytes, and
// frames that are shared with other sessions. A shared frame is a reference
// until it is written. A fan-out touches little memory of each session so, and
// a message that a thousand slow readers have not read yet is there once.
type batch struct {
	bytes  []byte // replies and whatever else is for this session only
	shared []sharedFrame
	size   int // bytes of all shared frames

	from, next int // what gather has passed of bytes and shared
	whole      [1][]byte
}

// sharedFrame is a frame that goes before bytes[at:].
type sharedFrame struct {
	frame []byte
	at    int
}

// keepBuffer bounds the memory of batches that return to the pool, in bytes;
// keepShared does it in frames.
const (
	keepBuffer = 128 << 10
	keepShared = 1 << 10
)

var batches = sync.Pool{New: func() any { return new(batch) }}

// len is how many bytes there are to write.
func (b *batch) len() int { return len(b.bytes) + b.size }

// share adds a frame that must not be changed.
func (b *batch) share(frame []byte) {
	b.shared = append(b.shared, sharedFrame{frame, len(b.bytes)})
	b.size += len(frame)
}

// prepend puts bytes before everything else.
func (b *batch) prepend(first []byte) {
	b.bytes = append(first, b.bytes...)
	for i := range b.shared {
		b.shared[i].at += len(first)
	}
}

// release gives the batch back for reuse.
func (b *batch) release() {
	if cap(b.bytes) > keepBuffer || cap(b.shared) > keepShared {
		return
	}
	clear(b.shared)
	*b = batch{bytes: b.bytes[:0], shared: b.shared[:0]}
	batches.Put(b)
}

// write writes everything that gather has not passed.
func (b *batch) write(w Wire) error {
	var p *page
	if len(b.shared) > 0 {
		p = pages.Get().(*page)
		defer p.release()
	}
	for pieces := b.gather(p); len(pieces) > 0; pieces = b.gather(p) {
		if err := w.Write(pieces); err != nil {
			return err
		}
	}
	return nil
}

// try is write as long as it need not wait; it returns what is left of the
// pieces that it has come to, some of them in the page.
func (b *batch) try(p *page, w Wire) (rest [][]byte, err error) {
	for pieces := b.gather(p); len(pieces) > 0; pieces = b.gather(p) {
		if rest, err = w.TryWrite(pieces); err != nil || len(rest) > 0 {
			return rest, err
		}
	}
	return nil, nil
}

// gather takes what leaves with the next write, in order; it is empty where
// nothing is left. It is valid until the next gather or the release. Without
// shared frames, as replies leave, nothing is copied and p is not used.
func (b *batch) gather(p *page) [][]byte {
	if len(b.shared) == 0 {
		return b.rest()
	}
	p.clear()
	for b.next < len(b.shared) {
		s := &b.shared[b.next]
		if !p.add(b.bytes[b.from:s.at]) {
			return p.end()
		}
		b.from = s.at
		if !p.add(s.frame) {
			return p.end()
		}
		b.next++
	}
	if p.add(b.bytes[b.from:]) {
		b.from = len(b.bytes)
	}
	return p.end()
}

func (b *batch) rest() [][]byte {
	if b.from == len(b.bytes) {
		return nil
	}
	b.whole[0] = b.bytes[b.from:]
	b.from = len(b.bytes)
	return b.whole[:]
}

// page holds what leaves with one write: small pieces are copied together,
// large ones stay where they are.
type page struct {
	bytes  []byte // of fixed capacity
	cut    int    // bytes before it are in vector
	vector [][]byte
}

const (
	// pageSize bounds what is copied for one write, in bytes: enough for the
	// call to be cheap for what it moves, and little for a blocked write to hold.
	pageSize = 32 << 10
	// copySize is up to where a copy is cheaper than one piece more, in bytes.
	copySize = 2 << 10
	// pagePieces bounds the pieces of a write; systems take 1024.
	pagePieces = 512
)

var pages = sync.Pool{New: func() any { return new(page) }}

// add adds a piece and reports whether there was room for it.
func (p *page) add(piece []byte) bool {
	switch {
	case len(piece) == 0:
		return true
	case len(p.vector) >= pagePieces:
		return false
	case len(piece) > copySize:
		p.end()
		p.vector = append(p.vector, piece)
		return true
	case p.bytes == nil:
		p.bytes = make([]byte, 0, pageSize)
	case len(p.bytes)+len(piece) > pageSize:
		return false
	}
	p.bytes = append(p.bytes, piece...)
	return true
}

// end makes a piece of what was copied last, and returns all pieces.
func (p *page) end() [][]byte {
	if p.cut < len(p.bytes) {
		p.vector = append(p.vector, p.bytes[p.cut:])
		p.cut = len(p.bytes)
	}
	return p.vector
}

func (p *page) clear() {
	clear(p.vector)
	p.bytes, p.cut, p.vector = p.bytes[:0], 0, p.vector[:0]
}

// release gives the page back for reuse.
func (p *page) release() {
	p.clear()
	pages.Put(p)
}
