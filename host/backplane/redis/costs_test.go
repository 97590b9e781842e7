package redis_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
)

// meter counts what a server is asked for.
type meter struct {
	t      *testing.T
	node   *redis.Node
	server *goredis.Client
}

// cost is what something has asked of Redis: round trips that the caller waits
// for, scripts in them, and all commands that Redis has run, those within scripts
// and for subscriptions among them.
type cost struct{ trips, scripts, commands int }

var calls = regexp.MustCompile(`cmdstat_([a-z_|]+):calls=(\d+)`)

// commands counts what Redis has run since it was last asked, by name.
func (m meter) commands() map[string]int {
	m.t.Helper()
	stats, err := m.server.Info(m.t.Context(), "commandstats").Result()
	ok(m.t, err)
	ok(m.t, m.server.ConfigResetStat(m.t.Context()).Err())
	counted := make(map[string]int)
	for _, found := range calls.FindAllStringSubmatch(stats, -1) {
		if name := found[1]; name != "config|resetstat" && name != "hello" && !strings.HasPrefix(name, "client") {
			counted[name], _ = strconv.Atoi(found[2]) // it is digits
		}
	}
	return counted
}

// of measures what one does.
func (m meter) of(do func() error) (c cost) {
	m.t.Helper()
	m.commands()
	before := m.node.Stats()
	ok(m.t, do())
	after, counted := m.node.Stats(), m.commands()
	// That a subscription has begun is waited for too.
	begun := counted["subscribe"]
	c.trips = int(after.RoundTrips-before.RoundTrips) + begun
	c.scripts = int(after.Commands - before.Commands)
	for name, n := range counted {
		if name != "evalsha" && name != "eval" {
			c.commands += n
		}
	}
	if loads := counted["eval"] + max(0, counted["evalsha"]-c.scripts); loads > 0 {
		m.t.Errorf("a script was loaded: %v", counted)
	}
	return c
}

// operation is something that a client does, as the engine asks for it.
type operation struct {
	name string
	do   func(client string) error
}

// operations are in the order of docs/REDIS.md; each client does all of them.
func operations(t *testing.T, n *redis.Node) []operation {
	t.Helper()
	ctx := t.Context()
	one := []byte(`"m"`)
	keep := backplane.Keep{Count: 100, TTL: time.Hour}
	subscribe := func(kind backplane.Kind, name string) error {
		return n.Bus().Subscribe(ctx, backplane.Topic{Kind: kind, Name: name})
	}
	read := func(channel string, keep backplane.Keep) error {
		_, err := n.Channels().Read(ctx, channel, backplane.Query{Keep: keep, Limit: 10})
		return err
	}
	snapshot := func(room string) error {
		_, err := n.Presence().Snapshot(ctx, room)
		return err
	}
	record := func(id string) error {
		_, err := n.Records().Get(ctx, id)
		return err
	}
	first := func(kind backplane.Kind, name func(string) string, then func(string) error) func(string) error {
		return func(c string) error {
			if err := subscribe(kind, name(c)); err != nil {
				return err
			}
			return then(name(c))
		}
	}
	in := func(prefix string) func(string) string { return func(c string) string { return prefix + c } }
	plain := func(name string) error { return read(name, backplane.Keep{}) }
	kept := func(name string) error { return read(name, keep) }
	join := func(present bool) func(string) error {
		return func(c string) error {
			room := "plain:" + c
			if present {
				room = "tracked:" + c
			}
			if _, err := n.Rooms().Join(ctx, room, c, present); err != nil {
				return err
			}
			if present {
				return snapshot(room)
			}
			_, err := n.Rooms().Members(ctx, room)
			return err
		}
	}
	leave := func(prefix string) func(string) error {
		return func(c string) error {
			_, err := n.Rooms().Leave(ctx, prefix+c, c, "left")
			return err
		}
	}
	var written backplane.Version
	write := func(c string, wanted backplane.Version) error {
		versions, conflicts, _, err := n.Records().Submit(ctx, []backplane.RecordWrite{{
			ID: "record:" + c, Expect: wanted, Value: []byte(`{"n":1}`), Patch: []byte(`[]`), Tombstone: time.Hour, Log: 64, LogSize: 1 << 20,
		}}, 1<<30)
		if err == nil && conflicts != nil {
			err = fmt.Errorf("a conflict with %+v", conflicts)
		}
		if err == nil {
			written = versions[0]
		}
		return err
	}
	disconnect := func(c string) error {
		_, _, err := n.Connections().Remove(ctx, c, "disconnected")
		return err
	}
	return []operation{
		{"connect", func(c string) error {
			return n.Connections().Add(ctx, backplane.Connection{ID: c, User: "u", Metadata: one})
		}},
		{"join a room", join(false)},
		{"join a room with presence", join(true)},
		{"set a state of presence", func(c string) error {
			_, err := n.Presence().SetState(ctx, "tracked:"+c, c, one, 0, false)
			return err
		}},
		{"subscribe to presence, the first on the node", first(backplane.PresenceOf, in("tracked:"), snapshot)},
		{"subscribe to presence, a further one", func(c string) error { return snapshot("tracked:" + c) }},
		{"leave a room", leave("plain:")},
		{"leave a room with presence", leave("tracked:")},
		{"publish, not kept", func(c string) error {
			_, err := n.Channels().Publish(ctx, "live:"+c, one, backplane.Keep{})
			return err
		}},
		{"publish, kept", func(c string) error {
			_, err := n.Channels().Publish(ctx, "kept:"+c, one, keep)
			return err
		}},
		{"subscribe to a channel, the first on the node", first(backplane.Channel, in("live:"), plain)},
		{"the same with history", first(backplane.Channel, in("kept:"), kept)},
		{"subscribe to a channel, a further one", func(c string) error { return kept("kept:" + c) }},
		{"write a new record", func(c string) error {
			if err := record("record:" + c); err != nil {
				return err
			}
			return write(c, backplane.Version{})
		}},
		{"write it again", func(c string) error {
			if err := record("record:" + c); err != nil {
				return err
			}
			return write(c, written)
		}},
		{"write it while others wait to", func(c string) error { return write(c, written) }},
		{"subscribe to a record, the first on the node", first(backplane.RecordOf, in("record:"), record)},
		{"subscribe to a record, a further one", func(c string) error { return record("record:" + c) }},
		{"disconnect, in no room", disconnect},
		{"connect again", func(c string) error {
			return n.Connections().Add(ctx, backplane.Connection{ID: c, User: "u", Metadata: one})
		}},
		{"join again", join(true)},
		{"disconnect, in a room with presence", disconnect},
	}
}

// What each operation costs is what docs/REDIS.md says.
func TestWhatOperationsCost(t *testing.T) {
	t.Parallel()
	c := alone(t, time.Minute)
	c.options.Timeout = time.Minute // by which the node asks now and then whether all is well
	n, isNode := c.member("a").(*redis.Node)
	if !isNode {
		t.Fatal("no node")
	}
	m := meter{t, n, c.server()}
	for _, o := range operations(t, n) { // after which Redis has the scripts
		ok(t, o.do("first"))
	}
	var table strings.Builder
	for _, o := range operations(t, n) {
		measured := m.of(func() error { return o.do("second") })
		if strings.HasSuffix(o.name, "again") && o.name != "write it again" {
			continue // it only leads to the next one
		}
		fmt.Fprintf(&table, "| %s | %d | %d | %d |\n", o.name, measured.trips, measured.scripts, measured.commands)
	}
	docs, err := os.ReadFile("../../../docs/REDIS.md")
	ok(t, err)
	if !strings.Contains(string(docs), table.String()) {
		t.Errorf("docs/REDIS.md does not have what operations cost:\n%s", table.String())
	}
}
