package redis_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

var bg = context.Background()

// openAt opens a node and a client of its own at a server.
func openAt(tb testing.TB, s *redistest.Server) (*redis.Node, *goredis.Client) {
	tb.Helper()
	n, err := redis.Open(bg, "a", redis.Options{
		Addresses: []string{s.Addr}, Lease: time.Minute, Connect: 5 * time.Second, Timeout: 5 * time.Second,
	})
	if err != nil {
		tb.Fatal(err)
	}
	client := goredis.NewClient(&goredis.Options{Addr: s.Addr, MaxRetries: -1})
	tb.Cleanup(func() {
		_ = client.Close()
		_ = n.Close()
	})
	return n, client
}

func publish(t *testing.T, n *redis.Node, data string, keep int) backplane.Position {
	t.Helper()
	at, err := n.Channels().Publish(bg, "c", []byte(data), backplane.Keep{Count: keep, TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// publishUpTo publishes "1", "2", … and keeps all.
func publishUpTo(t *testing.T, n *redis.Node, top int) (at backplane.Position) {
	t.Helper()
	for i := range top {
		at = publish(t, n, strconv.Itoa(i+1), 100)
	}
	return at
}

func TestStreamKeys(t *testing.T) {
	t.Parallel()
	n, client := openAt(t, redistest.Start(t))
	ttl := func(key string) time.Duration { return client.PTTL(bg, key).Val().Round(time.Minute) }
	if at := publish(t, n, "1", 0); at != (backplane.Position{}) || client.Exists(bg, "mesh:channel:c", "mesh:stream:c").Val() != 0 {
		t.Errorf("a message that is not kept leaves something, at %v", at)
	}
	if _, err := n.Channels().Read(bg, "c", backplane.Query{Keep: backplane.Keep{Count: 5}}); err != nil {
		t.Fatal(err)
	}
	if got := ttl("mesh:channel:c"); got != 10*time.Minute {
		t.Errorf("a stream on which nothing was published stays for %v", got)
	}
	publish(t, n, "1", 5)
	if got := ttl("mesh:channel:c"); got != 24*time.Hour { // as the query asked for
		t.Errorf("a stream stays for %v", got)
	}
	if got := ttl("mesh:stream:c"); got != 24*time.Hour {
		t.Errorf("its messages stay for %v", got)
	}
	if _, err := n.Channels().Publish(bg, "short", nil, backplane.Keep{Count: 1, TTL: time.Second}); err != nil {
		t.Fatal(err)
	}
	if got := ttl("mesh:channel:short"); got != 10*time.Minute {
		t.Errorf("a stream with a short TTL stays for %v", got)
	}
}

// What other programs or evictions do to a stream never makes for a recovery
// that leaves something out, nor for a crash.
//
//nolint:tparallel // one server, emptied before each
func TestStreamDamage(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n, client := openAt(t, server)
	for name, damage := range map[string][]any{
		"nothing":                   {"PING"},
		"what is said was evicted":  {"DEL", "mesh:channel:c"},
		"messages were evicted":     {"DEL", "mesh:stream:c"},
		"another type":              {"SET", "mesh:channel:c", "x"},
		"messages of another type":  {"SET", "mesh:stream:c", "x"},
		"no epoch":                  {"HDEL", "mesh:channel:c", "e"},
		"a top that is no number":   {"HSET", "mesh:channel:c", "top", "ten"},
		"a top that is too large":   {"HSET", "mesh:channel:c", "top", "99999999999999999999"},
		"a top that went back":      {"HSET", "mesh:channel:c", "top", "7"},
		"a top that is ahead":       {"HSET", "mesh:channel:c", "top", "12"},
		"a time that is none":       {"HSET", "mesh:channel:c", "time", "-1"},
		"a bare XADD":               {"XADD", "mesh:stream:c", "*", "message", "x"},
		"a bare XADD of the next":   {"XADD", "mesh:stream:c", "11-0", "message", "x"},
		"one beside the newest":     {"XADD", "mesh:stream:c", "10-1", "time", "1", "data", "x"},
		"one is missing":            {"XDEL", "mesh:stream:c", "5-0"},
		"the newest is missing":     {"XDEL", "mesh:stream:c", "10-0"},
		"the oldest is missing":     {"XDEL", "mesh:stream:c", "1-0"},
		"some are missing":          {"XTRIM", "mesh:stream:c", "MAXLEN", "3"},
		"the last id was set":       {"XSETID", "mesh:stream:c", "1000-0"},
		"the last id is the last":   {"XSETID", "mesh:stream:c", "18446744073709551615-18446744073709551615"},
		"another server's memories": {"HSET", "mesh:era", "server", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			client.FlushAll(bg)
			before := publishUpTo(t, n, 10)
			if err := client.Do(bg, damage...).Err(); err != nil {
				t.Fatal(err)
			}
			wantProven(t, n, before, 10)
			at, err := n.Channels().Publish(bg, "c", []byte("11"), backplane.Keep{Count: 100})
			if err == nil && at.Epoch == before.Epoch && at.Offset != 11 {
				t.Errorf("the next message has offset %d", at.Offset)
			}
			if wrongType := name == "another type" || name == "messages of another type"; (err != nil) != wrongType {
				t.Errorf("the next message: %v", err)
			}
			wantProven(t, n, before, 11)
		})
	}
}

// wantProven fails where a page claims to be all since an offset and is not.
func wantProven(t *testing.T, n *redis.Node, before backplane.Position, top int64) {
	t.Helper()
	for after := range before.Offset + 1 {
		page, err := n.Channels().Read(bg, "c", backplane.Query{After: after})
		if err != nil || page.Epoch != before.Epoch || after+1 < page.Oldest || after > page.Offset {
			continue // nothing is claimed
		}
		if page.Offset != top || int64(len(page.Messages)) != top-after {
			t.Errorf("after %d up to %d there are %d messages, and the oldest is %d", after, page.Offset, len(page.Messages), page.Oldest)
		}
		for i, m := range page.Messages {
			if want := after + 1 + int64(i); m.Offset != want || string(m.Data) != strconv.FormatInt(want, 10) {
				t.Errorf("after %d: message %d is %d %q", after, i, m.Offset, m.Data)
			}
		}
	}
}

// A message that is too old is left out though nobody has published since, and
// removed by who publishes next.
func TestStreamAge(t *testing.T) {
	t.Parallel()
	n, client := openAt(t, redistest.Start(t))
	keep := backplane.Keep{Count: 1000, TTL: 300 * time.Millisecond}
	for range 200 {
		if _, err := n.Channels().Publish(bg, "c", []byte("old"), keep); err != nil {
			t.Fatal(err)
		}
	}
	<-time.After(400 * time.Millisecond)
	page, err := n.Channels().Read(bg, "c", backplane.Query{})
	if err != nil || page.Oldest != 201 || page.Offset != 200 || len(page.Messages) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	at, err := n.Channels().Publish(bg, "c", []byte("new"), keep)
	if err != nil || at.Offset != 201 || at.Epoch != page.Epoch || client.XLen(bg, "mesh:stream:c").Val() != 1 {
		t.Errorf("the next is %+v, of %d: %v", at, client.XLen(bg, "mesh:stream:c").Val(), err)
	}
}

// What Lua holds of large messages stays about as much as is asked for.
func TestReadBytes(t *testing.T) {
	t.Parallel()
	n, _ := openAt(t, redistest.Start(t))
	data := make([]byte, 1<<20)
	for range 40 {
		if _, err := n.Channels().Publish(bg, "c", data, backplane.Keep{Count: 100}); err != nil {
			t.Fatal(err)
		}
	}
	for _, newest := range []bool{false, true} {
		page, err := n.Channels().Read(bg, "c", backplane.Query{Bytes: 5 << 20, Newest: newest})
		if err != nil || len(page.Messages) != 5 {
			t.Errorf("got %d messages: %v", len(page.Messages), err)
		}
	}
}

func TestSweepValues(t *testing.T) {
	t.Parallel()
	n, client := openAt(t, redistest.Start(t))
	for i := range 600 {
		space := "s" + strconv.Itoa(i%30)
		w := backplane.Write{TTL: time.Duration(1+i%2*3_600_000) * time.Millisecond}
		if err := n.KV().Set(bg, space, strconv.Itoa(i), []byte("x"), w); err != nil {
			t.Fatal(err)
		}
	}
	<-time.After(5 * time.Millisecond)
	if err := n.SweepValues(bg); err != nil {
		t.Fatal(err)
	}
	left := int64(0)
	for i := range 30 {
		left += client.HLen(bg, "mesh:kv:s"+strconv.Itoa(i)).Val()
	}
	if left != 300 || client.Exists(bg, "mesh:kv-bytes:s0", "mesh:kv-ends:s0", "mesh:kv:s0").Val() != 0 {
		t.Errorf("%d values are left of 300", left)
	}
	if spaces := client.ZCard(bg, "mesh:kv-spaces").Val(); spaces != 15 {
		t.Errorf("%d namespaces are left of 15", spaces)
	}
}

func TestValuesDamage(t *testing.T) {
	t.Parallel()
	n, client := openAt(t, redistest.Start(t))
	kv := n.KV()
	set := func(key string, w backplane.Write) error { return kv.Set(bg, "s", key, []byte("12345"), w) }
	for _, key := range []string{"a", "b"} {
		if err := set(key, backplane.Write{TTL: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	for name, damage := range map[string][]any{
		"the bytes were evicted":   {"DEL", "mesh:kv-bytes:s"},
		"the bytes are no number":  {"SET", "mesh:kv-bytes:s", "many"},
		"the ends were evicted":    {"DEL", "mesh:kv-ends:s"},
		"an end of what is not":    {"ZADD", "mesh:kv-ends:s", "1", "x"},
		"the spaces were evicted":  {"DEL", "mesh:kv-spaces"},
		"a space that is not":      {"ZADD", "mesh:kv-spaces", "1", "x"},
		"a space with a wrong end": {"ZADD", "mesh:kv-spaces", "1", "s"},
	} {
		if err := client.Do(bg, damage...).Err(); err != nil {
			t.Fatal(err)
		}
		if err := n.SweepValues(bg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := set("a", backplane.Write{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if used, err := kv.Usage(bg, "s"); err != nil || used != 140 {
			t.Errorf("%s: usage is %d, %v", name, used, err)
		}
	}
	client.Del(bg, "mesh:kv:s")
	if used, err := kv.Usage(bg, "s"); err != nil || used != 0 {
		t.Errorf("the values were evicted: usage is %d, %v", used, err)
	}
	if err := set("a", backplane.Write{Limit: 70}); err != nil {
		t.Errorf("the values were evicted: %v", err)
	}
	for _, key := range []string{"mesh:kv-spaces", "mesh:kv:s", "mesh:kv-ends:s", "mesh:kv-bytes:s"} {
		client.FlushAll(bg)
		client.Do(bg, "RPUSH", key, "x")
		if err := set("a", backplane.Write{TTL: time.Hour}); err == nil {
			t.Errorf("%s of another type is no error", key)
		}
		if keys := client.DBSize(bg).Val(); keys != 1 {
			t.Errorf("%s of another type: %d keys", key, keys)
		}
	}
}

// A context that is done changes nothing.
func TestStreamsDoneContext(t *testing.T) {
	t.Parallel()
	n, client := openAt(t, redistest.Start(t))
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if _, err := n.Channels().Publish(ctx, "c", nil, backplane.Keep{Count: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("publish: %v", err)
	}
	if _, err := n.Channels().Read(ctx, "c", backplane.Query{Keep: backplane.Keep{Count: 1}}); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
	if client.Exists(bg, "mesh:channel:c", "mesh:stream:c").Val() != 0 {
		t.Error("there is a stream")
	}
}
