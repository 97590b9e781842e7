package meshtest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// entry is a key's value and when it goes; a zero time: never.
type entry struct {
	value   mesh.JSON
	expires time.Time
}

// KV returns the value of a key of the plugin's store, nil where there is none.
func (h *Host) KV(key string) mesh.JSON {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.value(key).Copy()
}

// SetKV writes a key of the plugin's store, to last.
func (h *Host) SetKV(key, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kv[key] = entry{value: mesh.JSON(value)}
}

func (h *Host) value(key string) mesh.JSON {
	e, ok := h.kv[key]
	if ok && e.over() {
		delete(h.kv, key)
		return nil
	}
	return e.value
}

func (e entry) over() bool { return !e.expires.IsZero() && !time.Now().Before(e.expires) }

func (h *Host) getKey(f *codec.Fields) ([]byte, *mesh.Error) {
	key, e := readName(f, "key")
	if e != nil {
		return nil, e
	}
	return codec.AppendBytes(nil, h.value(key)), nil
}

func (h *Host) setKey(f *codec.Fields) ([]byte, *mesh.Error) {
	key, e := readName(f, "key")
	if e != nil {
		return nil, e
	}
	value := f.Bytes()
	ttl, _ := f.Int()
	if !json.Valid(value) {
		return nil, mesh.BadPayload("value", "must be JSON")
	}
	h.kv[key] = newEntry(value, ttl)
	return nil, nil
}

func (h *Host) deleteKey(f *codec.Fields) ([]byte, *mesh.Error) {
	key, e := readName(f, "key")
	if e != nil {
		return nil, e
	}
	there := h.value(key) != nil
	delete(h.kv, key)
	return codec.AppendBool(nil, there), nil
}

func (h *Host) incrementKey(f *codec.Fields) ([]byte, *mesh.Error) {
	key, e := readName(f, "key")
	if e != nil {
		return nil, e
	}
	by, _ := f.Int()
	ttl, _ := f.Int()
	old := h.value(key)
	if old == nil {
		h.kv[key] = newEntry(mesh.Int(by), ttl)
		return codec.AppendInt(nil, by), nil
	}
	n, err := strconv.ParseInt(string(old), 10, 64)
	sum := n + by
	if err != nil || (sum > n) != (by > 0) && by != 0 {
		return nil, mesh.NewError(mesh.CodeConflict, "the value is not an integer, or the sum needs more than 64 bits")
	}
	h.kv[key] = entry{value: mesh.Int(sum), expires: h.kv[key].expires}
	return codec.AppendInt(nil, sum), nil
}

func (h *Host) compareAndSetKey(f *codec.Fields) ([]byte, *mesh.Error) {
	key, e := readName(f, "key")
	if e != nil {
		return nil, e
	}
	expected, value := f.Bytes(), f.Bytes()
	ttl, _ := f.Int()
	if value != nil && !json.Valid(value) {
		return nil, mesh.BadPayload("value", "must be JSON")
	}
	current := h.value(key)
	if (expected == nil) != (current == nil) || !bytes.Equal(expected, current) {
		return codec.AppendBytes(codec.AppendBool(nil, false), current), nil
	}
	if value == nil {
		delete(h.kv, key)
	} else {
		h.kv[key] = newEntry(value, ttl)
	}
	return codec.AppendBool(nil, true), nil
}

// newEntry keeps a copy: the arguments of a host call are the plugin's.
func newEntry(value mesh.JSON, ttl int64) entry {
	e := entry{value: value.Copy()}
	if ttl > 0 {
		e.expires = time.Now().Add(time.Duration(ttl) * time.Millisecond)
	}
	return e
}
