package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// MaxTTL is the longest time to live, ten years.
const MaxTTL = 10 * 365 * 24 * time.Hour

// Store is the kv of one plugin, which its instances share on every node. Keys
// are 1 to 256 bytes without control characters, values JSON text, a ttl is 0
// (until deleted) up to MaxTTL; everything else is EPAYLOAD. Every method may
// fail with EUNAVAILABLE or, where ctx is done, ETIMEOUT.
type Store struct {
	engine *Engine
	plugin string
}

// Store returns a plugin's kv.
func (e *Engine) Store(plugin string) Store { return Store{engine: e, plugin: plugin} }

// Get returns the value of a key, nil where it is missing or expired.
func (s Store) Get(ctx context.Context, key string) (json.RawMessage, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	value, err := s.engine.node.KV().Get(ctx, s.plugin, key)
	if err != nil {
		return nil, s.failed(abi.OpKVGet, err)
	}
	return value, nil
}

// Set writes a key. It fails with ELIMIT where the store would exceed its
// limit.
func (s Store) Set(ctx context.Context, key string, value json.RawMessage, ttl time.Duration) error {
	w, err := s.write(key, ttl)
	if err != nil {
		return err
	}
	if err := checkJSON("value", value); err != nil {
		return err
	}
	if err := s.engine.node.KV().Set(ctx, s.plugin, key, value, w); err != nil {
		return s.failed(abi.OpKVSet, err)
	}
	return nil
}

// Delete removes a key and reports whether it was there.
func (s Store) Delete(ctx context.Context, key string) (bool, error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	deleted, err := s.engine.node.KV().Delete(ctx, s.plugin, key)
	if err != nil {
		return false, s.failed(abi.OpKVDelete, err)
	}
	return deleted, nil
}

// Increment adds to an integer, atomically, and returns the sum. A missing key
// counts as 0 and gets ttl; an existing one keeps its own. It fails with
// ECONFLICT where the value is no integer or would leave 64 bits, and with
// ELIMIT.
func (s Store) Increment(ctx context.Context, key string, by int64, ttl time.Duration) (int64, error) {
	w, err := s.write(key, ttl)
	if err != nil {
		return 0, err
	}
	sum, err := s.engine.node.KV().Increment(ctx, s.plugin, key, by, w)
	if err != nil {
		return 0, s.failed(abi.OpKVIncrement, err)
	}
	return sum, nil
}

// CompareAndSet writes a key, or deletes it where value is nil, if its value is
// expected, byte for byte; nil expects it to be missing. It reports whether it
// did, and the value found where it did not. It fails with ELIMIT.
func (s Store) CompareAndSet(ctx context.Context, key string, expected, value json.RawMessage, ttl time.Duration) (swapped bool, current json.RawMessage, err error) {
	w, err := s.write(key, ttl)
	if err != nil {
		return false, nil, err
	}
	if value != nil {
		if err := checkJSON("value", value); err != nil {
			return false, nil, err
		}
	}
	swapped, current, err = s.engine.node.KV().CompareAndSet(ctx, s.plugin, key, expected, value, w)
	if err != nil {
		return false, nil, s.failed(abi.OpKVCompareAndSet, err)
	}
	return swapped, current, nil
}

func checkKey(key string) error {
	if err := protocol.CheckName(key); err != nil {
		return payloadError("key", "%v", err)
	}
	return nil
}

func (s Store) write(key string, ttl time.Duration) (backplane.Write, error) {
	if err := checkKey(key); err != nil {
		return backplane.Write{}, err
	}
	if ttl < 0 || ttl > MaxTTL {
		return backplane.Write{}, payloadError("ttl", "must be 0 (until deleted) to %d milliseconds", MaxTTL.Milliseconds())
	}
	// To the backplane a limit of 0 is none; no entry fits into 1 byte.
	return backplane.Write{TTL: ttl, Limit: max(1, s.engine.limits.KVSize(s.plugin))}, nil
}

func (s Store) failed(operation string, err error) error {
	switch {
	case errors.Is(err, backplane.ErrFull):
		return protocol.NewError(abi.CodeLimit, fmt.Sprintf(
			"%s: the store would exceed plugins.%s.kv_size (%d bytes); delete keys, or set a ttl", operation, s.plugin, s.engine.limits.KVSize(s.plugin)))
	case errors.Is(err, backplane.ErrNotInteger):
		return protocol.NewError(abi.CodeConflict, operation+": the value is not a 64-bit integer; set the key first")
	case errors.Is(err, backplane.ErrOverflow):
		return protocol.NewError(abi.CodeConflict, operation+": the value would leave 64 bits")
	}
	return storeError(operation, err)
}
