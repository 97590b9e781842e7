package memory

import "unsafe"

// slot is a message in a ring.
type slot struct {
	at   int64 // when it came, by the store's clock
	time int64 // in milliseconds since 1970
	data []byte
}

const slotSize = int64(unsafe.Sizeof(slot{}))

// ring holds messages, oldest first. It grows as it is filled.
type ring struct {
	slots   []slot
	head, n int
}

const minRing = 4

// at returns the i-th oldest message.
func (r *ring) at(i int) *slot {
	i += r.head
	if i >= len(r.slots) {
		i -= len(r.slots)
	}
	return &r.slots[i]
}

// push adds a message; there is room for it.
func (r *ring) push(s slot) {
	r.n++
	*r.at(r.n - 1) = s
}

// pop removes the oldest message.
func (r *ring) pop() slot {
	oldest := r.at(0)
	s := *oldest
	*oldest = slot{}
	if r.head++; r.head == len(r.slots) {
		r.head = 0
	}
	r.n--
	return s
}

// grown is how many slots the ring has after the next push, if at most that
// many messages are kept.
func (r *ring) grown(most int) int {
	if r.n < len(r.slots) {
		return len(r.slots)
	}
	return min(max(minRing, 2*r.n), max(most, r.n+1))
}

// shrunk is how many slots the ring should have.
func (r *ring) shrunk() int {
	switch {
	case r.n == 0:
		return 0
	case r.n <= len(r.slots)/4:
		return max(minRing, 2*r.n)
	}
	return len(r.slots)
}

// resize moves the messages to other slots.
func (r *ring) resize(slots int) {
	if slots == len(r.slots) {
		return
	}
	moved := make([]slot, slots)
	for i := range r.n {
		moved[i] = *r.at(i)
	}
	r.slots, r.head = moved, 0
}
