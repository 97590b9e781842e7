package backplane

import (
	"context"
	"errors"
	"time"
)

// The errors a KV answers with, wrapped or not; errors.Is finds them. A
// context's own errors come back as they are.
var (
	// ErrFull reports a write that would take a namespace over its limit.
	ErrFull = errors.New("backplane: namespace is full")
	// ErrNotInteger reports an increment of a value that is not an integer.
	ErrNotInteger = errors.New("backplane: value is not a 64-bit integer")
	// ErrOverflow reports an increment that would leave 64 bits.
	ErrOverflow = errors.New("backplane: value would leave 64 bits")
)

// EntryOverhead is what an entry counts towards its namespace's usage beside
// the bytes of its key and value: what keeping it costs, roughly, so that a
// limit bounds memory and not just text.
const EntryOverhead = 64

// Write says how a value is kept.
type Write struct {
	// TTL is how long; 0 is until deleted. Stores may round it up to
	// milliseconds.
	TTL time.Duration
	// Limit is the most bytes that the namespace may hold after the write; 0
	// is no limit. A write that does not make the namespace larger succeeds
	// even above it.
	Limit int64
}

// KV keeps values under keys, in namespaces that know nothing of each other.
// Keys and values are any bytes. Where a nil value stands for none, an empty
// one is a value; Set takes nil for empty. Every method is one atomic change,
// safe for concurrent use from every node, and fails without effect where ctx
// is done when it begins. What is passed in is not kept, and what is returned
// must not be changed.
//
// A namespace's usage is the sum over its entries of the bytes of key and
// value and EntryOverhead; an entry that has expired may count for a while,
// but never makes a write fail.
type KV interface {
	// Get returns the value of a key, nil where it is missing or expired.
	Get(ctx context.Context, namespace, key string) ([]byte, error)
	// Set writes a key, value and TTL both. It fails with ErrFull.
	Set(ctx context.Context, namespace, key string, value []byte, w Write) error
	// Delete removes a key and reports whether it was there.
	Delete(ctx context.Context, namespace, key string) (bool, error)
	// Increment adds to an integer in decimal text, as JSON writes it (no
	// leading zeros, no plus, no -0), and returns the sum. A missing key
	// counts as 0 and is created with the write's TTL; an existing one keeps
	// its own. It fails with ErrNotInteger, ErrOverflow or ErrFull.
	Increment(ctx context.Context, namespace, key string, by int64, w Write) (int64, error)
	// CompareAndSet writes a key, or deletes it where value is nil, if its
	// value is expected, byte for byte; nil expects it to be missing. It
	// reports whether it did, and returns the value found where it did not. It
	// fails with ErrFull, only where the value was the expected one.
	CompareAndSet(ctx context.Context, namespace, key string, expected, value []byte, w Write) (swapped bool, current []byte, err error)
	// Usage returns the bytes that a namespace holds.
	Usage(ctx context.Context, namespace string) (int64, error)
}
