package mesh

// KV is the plugin's own store of keys and JSON values. All its instances on
// all nodes share it; other plugins have their own. Keys are 1 to 256 bytes
// without control characters.
var KV Store

// Store is the type of KV.
type Store struct{}

// Duration is a time in milliseconds. It is not that of package time, which
// makes a plugin 260 KB larger; convert with d.Milliseconds().
type Duration int64

// Durations, to be multiplied: 5 * mesh.Minute.
const (
	// Forever as a time-to-live means that nothing expires.
	Forever     Duration = 0
	Millisecond Duration = 1
	Second               = 1000 * Millisecond
	Minute               = 60 * Second
	Hour                 = 60 * Minute
	Day                  = 24 * Hour
)

// Get returns a key's value; nil where it is missing or expired.
func (Store) Get(key string) (JSON, error) { return callKVGet(key) }

// Set writes a key; the ttl may be Forever. The error is ELIMIT where the store
// would grow over its bound.
func (Store) Set(key string, value JSON, ttl Duration) error {
	return callKVSet(key, value, int64(ttl))
}

// Delete removes a key and tells whether it was there.
func (Store) Delete(key string) (bool, error) { return callKVDelete(key) }

// Increment adds to an integer, atomically, and returns the sum. A missing key
// counts as 0 and gets the ttl; an existing one keeps its own. The error is ECONFLICT where the value is no integer or the sum needs more than
// 64 bits.
func (Store) Increment(key string, by int64, ttl Duration) (int64, error) {
	return callKVIncrement(key, by, int64(ttl))
}

// CompareAndSet writes a key only if its value is, byte for byte, the expected
// one, and otherwise returns the one it found. An expected nil means that the
// key must be missing, a value of nil deletes it.
func (Store) CompareAndSet(key string, expected, value JSON, ttl Duration) (swapped bool, current JSON, err error) {
	return callKVCompareAndSet(key, expected, value, int64(ttl))
}
