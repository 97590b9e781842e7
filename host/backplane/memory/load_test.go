package memory_test

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// What sampleOfRest has, as a journal has it.
const (
	valueKey = "\x06spacesthe key"
	roomKey  = "\x08the room"
	chatKey  = "\x08the chat"
)

// sampleOfRest returns a ledger that has kept a value, the metadata of a room and
// a stream of three messages.
func sampleOfRest(tb testing.TB) *ledger {
	tb.Helper()
	l := newLedger().run(tb)
	n := open(tb, l).Node("a")
	must(tb, n.KV().Set(ctx, "spaces", "the key", []byte("value"), backplane.Write{TTL: time.Hour}))
	must(tb, describing(n, "the room", nil, []byte("metadata"))(ctx))
	for range 3 {
		must(tb, say(ctx, n, "the chat", "message", keep10))
	}
	after := l.crash()
	for _, entries := range after.kept {
		for key, entry := range entries {
			entries[key] = slices.Clone(entry)
		}
	}
	return after
}

// messageKeys returns the keys of the messages of a ledger, in order.
func messageKeys(l *ledger) []string { return slices.Sorted(maps.Keys(l.kept[memory.MessageTable])) }

func TestDamagedEntriesAreNotLoaded(t *testing.T) {
	t.Parallel()
	must(t, reopen(sampleOfRest(t)))
	type tables = map[memory.Table]map[string][]byte
	set := func(t memory.Table, key string, at int, to byte) func(tables, []string) {
		return func(all tables, _ []string) { all[t][key][at] = to }
	}
	move := func(t memory.Table, key, to string) func(tables, []string) {
		return func(all tables, _ []string) {
			all[t][to] = all[t][key]
			delete(all[t], key)
		}
	}
	stream := func(at int, with ...byte) func(tables, []string) {
		return func(all tables, _ []string) {
			entry := all[memory.StreamTable]
			entry[chatKey] = tail(entry[chatKey], at, with...)
		}
	}
	renewed := func(change byte) func(tables, []string) {
		return func(all tables, _ []string) {
			entry := all[memory.StreamTable]
			entry[chatKey] = renewedStream(entry[chatKey], change)
		}
	}
	for name, c := range map[string]struct {
		spoil func(all tables, messages []string)
		says  string
	}{
		"a value of another format":  {set(memory.KVTable, valueKey, 0, 9), "the key\" of kv has format 9"},
		"a value of none":            {set(memory.KVTable, valueKey, 0, 0), "the key\" of kv is damaged"},
		"an empty value's entry":     {func(all tables, _ []string) { all[memory.KVTable][valueKey] = []byte{} }, "the key\" of kv is damaged"},
		"a value without its end":    {func(all tables, _ []string) { all[memory.KVTable][valueKey] = []byte{1} }, "the key\" of kv is damaged"},
		"an end of too many bytes":   {func(all tables, _ []string) { all[memory.KVTable][valueKey] = []byte{1, 0x80, 0} }, "damaged"},
		"a namespace cut short":      {move(memory.KVTable, valueKey, "\x20space"), "damaged"},
		"a room of another format":   {set(memory.RoomTable, roomKey, 0, 2), "the room\" of rooms has format 2"},
		"a room of none":             {set(memory.RoomTable, roomKey, 0, 0), "the room\" of rooms is damaged"},
		"a room's name cut short":    {move(memory.RoomTable, roomKey, "\x08the roo"), "damaged"},
		"a room's name with more":    {move(memory.RoomTable, roomKey, "\x08the room!"), "damaged"},
		"a stream of another format": {set(memory.StreamTable, chatKey, 0, 3), "the chat\" of streams has format 3"},
		"a renewed one without more": {set(memory.StreamTable, chatKey, 0, 2), "the chat\" of streams is damaged"},
		"a renewed one that is not":  {renewed(0), "the chat\" of streams is damaged"},
		"a renewed one":              {renewed(1), ""},
		"a stream of none":           {set(memory.StreamTable, chatKey, 0, 0), "the chat\" of streams is damaged"},
		"a stream without a top":     {stream(9, 0), "damaged"},
		"a stream's top too high":    {stream(9, 7), "\"the chat\" has no message 4"},
		"a stream with more": {func(all tables, _ []string) {
			all[memory.StreamTable][chatKey] = append(all[memory.StreamTable][chatKey], 1)
		}, "damaged"},
		"a channel with more": {move(memory.StreamTable, chatKey, chatKey+"!"), "damaged"},
		"two of one stream": {func(all tables, _ []string) {
			all[memory.StreamTable]["\x01a"] = all[memory.StreamTable][chatKey]
		}, "\"the chat\" have one stream"},
		"no stream":                  {func(all tables, _ []string) { delete(all[memory.StreamTable], chatKey) }, "of messages belongs to no stream"},
		"a gap":                      {func(all tables, m []string) { delete(all[memory.MessageTable], m[1]) }, "\"the chat\" has no message 2"},
		"no messages":                {func(all tables, _ []string) { clear(all[memory.MessageTable]) }, ""},
		"a message of other format":  {func(all tables, m []string) { all[memory.MessageTable][m[1]][0] = 3 }, "of messages has format 3"},
		"a message without its time": {func(all tables, m []string) { all[memory.MessageTable][m[1]] = []byte{1, 2, 3} }, "of messages is damaged"},
		"a message of long ago":      {func(all tables, m []string) { clear(all[memory.MessageTable][m[1]][1:]) }, "message 2 of channel \"the chat\" is older"},
		"a message at no time":       {func(all tables, m []string) { all[memory.MessageTable][m[1]][1] = 255 }, "damaged"},
		"a message 0": {func(all tables, m []string) {
			all[memory.MessageTable][m[0][:8]+"\x00\x00\x00\x00\x00\x00\x00\x00"] = all[memory.MessageTable][m[0]]
		}, "damaged"},
		"a key with more": {func(all tables, m []string) { all[memory.MessageTable][m[2]+"!"] = all[memory.MessageTable][m[2]] }, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := sampleOfRest(t)
			c.spoil(l.kept, messageKeys(l))
			err := reopen(l)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("says %q, not %q", err, c.says)
			}
		})
	}
}

// renewedStream makes of a stream's entry one whose epoch is the id, but for a
// change of a byte.
func renewedStream(entry []byte, change byte) []byte {
	id := slices.Clone(entry[1:9])
	id[7] ^= change
	return slices.Concat([]byte{2}, entry[1:9], id, entry[9:])
}

// fuzzed opens a store with one entry of a table more, or returns nil where it is
// refused.
func fuzzed(t *testing.T, l *ledger, table memory.Table, key, entry []byte) *memory.Node {
	t.Helper()
	l.put(memory.JournalEntry{Table: table, Key: key, Value: append([]byte{}, entry...)})
	s, err := memory.Open(memory.Options{Journal: l.run(t)})
	if err != nil {
		if !strings.Contains(err.Error(), " of "+table.String()) && !strings.Contains(err.Error(), " of messages") && !strings.Contains(err.Error(), "channel") {
			t.Errorf("%q does not say what is wrong", err)
		}
		return nil
	}
	return s.Node("a")
}

// Whatever is in a journal, it is refused, or can be used and comes back as it is.
func FuzzLoadValues(f *testing.F) {
	for key, entry := range sampleOfRest(f).kept[memory.KVTable] {
		f.Add([]byte(key), entry)
	}
	f.Add([]byte("\x00"), []byte{1, 0})
	f.Add([]byte("\x01sk"), binary.AppendUvarint([]byte{1}, 1<<63-1))
	f.Fuzz(func(t *testing.T, key, entry []byte) {
		l := newLedger()
		n := fuzzed(t, l, memory.KVTable, key, entry)
		if n == nil {
			return
		}
		size, read := binary.Uvarint(key)
		space, name := string(key[read:read+int(size)]), string(key[read+int(size):])
		value, err := n.KV().Get(ctx, space, name)
		must(t, err)
		if kept, there := l.crash().kept[memory.KVTable][string(key)]; there != (value != nil) || !strings.HasSuffix(string(kept), string(value)) {
			t.Fatalf("%q is %q, and %q is kept", key, value, kept)
		}
		must(t, n.KV().Set(ctx, space, name, []byte("next"), backplane.Write{}))
		if again, err := open(t, l.crash()).Node("a").KV().Get(ctx, space, name); err != nil || string(again) != "next" {
			t.Fatalf("%q is loaded (%v)", again, err)
		}
	})
}

func FuzzLoadRooms(f *testing.F) {
	f.Add([]byte(roomKey), []byte("\x01metadata"))
	f.Add([]byte{0}, []byte{1})
	f.Fuzz(func(t *testing.T, key, entry []byte) {
		l := newLedger()
		n := fuzzed(t, l, memory.RoomTable, key, entry)
		if n == nil {
			return
		}
		_, read := binary.Uvarint(key)
		metadata, err := n.RoomMetadata().Get(ctx, string(key[read:]))
		must(t, err)
		if metadata == nil || string(metadata) != string(entry[1:]) {
			t.Fatalf("%q is %q", entry, metadata)
		}
	})
}

func FuzzLoadStreams(f *testing.F) {
	seed := sampleOfRest(f).kept
	for _, key := range messageKeys(&ledger{kept: seed}) {
		f.Add([]byte(chatKey), seed[memory.StreamTable][chatKey], []byte(key), seed[memory.MessageTable][key])
		f.Add([]byte(chatKey), renewedStream(seed[memory.StreamTable][chatKey], 1), []byte(key), seed[memory.MessageTable][key])
	}
	f.Add([]byte(chatKey), seed[memory.StreamTable][chatKey], []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, streamKey, streamEntry, messageKey, messageEntry []byte) {
		l := newLedger()
		if len(messageKey) > 0 {
			l.put(memory.JournalEntry{Table: memory.MessageTable, Key: messageKey, Value: append([]byte{}, messageEntry...)})
		}
		n := fuzzed(t, l, memory.StreamTable, streamKey, streamEntry)
		if n == nil {
			return
		}
		_, size := binary.Uvarint(streamKey)
		channel := string(streamKey[size:])
		page := read(t, n, channel, backplane.Query{})
		for range 3 {
			next := publish(t, n, channel, 5, keep10)
			if page.Epoch != "" && (next.Epoch != page.Epoch || next.Offset != page.Offset+1) {
				t.Fatalf("after %+v comes %+v", page.Position, next)
			}
			page.Position = next
		}
		again := read(t, open(t, l.crash()).Node("a"), channel, backplane.Query{})
		if again.Position != page.Position || len(again.Messages) < 3 {
			t.Fatalf("%+v is loaded, want %+v", again, page.Position)
		}
	})
}
