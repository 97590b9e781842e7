//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// nodeLease is how long the nodes of these tests are waited for.
const nodeLease = 3 * time.Second

const nodesConfig = trackedConfig + `
[node]
lease = "3s"
[liveness]
ping_interval = 0
latency_interval = 0
`

// cluster is some nodes on a Redis, each of which clients can reach by itself.
type cluster struct {
	nodes []*host
	redis *goredis.Client
}

func startCluster(t *testing.T, nodes int, s setup) *cluster {
	t.Helper()
	server := redistest.Start(t)
	return startClusterAt(t, server.Addr, server.Addr, nodes, s)
}

// startClusterAt starts nodes that reach Redis at an address, which may be a
// proxy's, while the test looks at another.
func startClusterAt(t *testing.T, address, direct string, nodes int, s setup) *cluster {
	t.Helper()
	x := &cluster{redis: goredis.NewClient(&goredis.Options{Addr: direct})}
	t.Cleanup(func() { _ = x.redis.Close() })
	common := append([]string{"MESH_REDIS_URL=redis://" + address}, s.env...)
	for i := range nodes {
		s.env = append(slices.Clone(common), "MESH_NODE_NAME="+nameOf(i))
		x.nodes = append(x.nodes, startOne(t, s))
	}
	return x
}

// nameOf is what a node is called.
func nameOf(i int) string { return "node-" + strconv.Itoa(i+1) }

// connections counts the connections that a node knows of, on all nodes.
func (h *host) connections(t *testing.T) (n int) {
	t.Helper()
	for cursor := ""; ; {
		var page struct {
			Connections []json.RawMessage
			Cursor      string
		}
		if err := json.Unmarshal([]byte(h.op(t, "connections.list", `{"limit":1000,"cursor":`+encoded(cursor)+`}`)), &page); err != nil {
			t.Fatal(err)
		}
		if n, cursor = n+len(page.Connections), page.Cursor; cursor == "" {
			return n
		}
	}
}

// keys returns the keys that Redis has, in order.
func (x *cluster) keys(t *testing.T) (keys []string) {
	t.Helper()
	all := x.redis.Scan(t.Context(), 0, "*", 1000).Iterator()
	for all.Next(t.Context()) {
		keys = append(keys, all.Val())
	}
	if err := all.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// crowd are clients of each node, each of them in two tracked rooms.
type crowd struct {
	ofNode [][]*client
	rooms  map[string][]string // by connection
}

func (x *cluster) crowd(t *testing.T, clientsOfNode, rooms int) *crowd {
	t.Helper()
	c := &crowd{ofNode: make([][]*client, len(x.nodes)), rooms: make(map[string][]string)}
	var joining sync.WaitGroup
	for i, node := range x.nodes {
		c.ofNode[i] = node.dialMany(t, clientsOfNode, dialing{subprotocols: []string{"mesh.v1"}})
		for j, in := range c.ofNode[i] {
			mine := []string{"tracked:" + strconv.Itoa(j%rooms), "tracked:" + strconv.Itoa((j+i+1)%rooms)}
			slices.Sort(mine)
			c.rooms[in.id] = slices.Compact(mine)
		}
	}
	for _, clients := range c.ofNode {
		joining.Go(func() {
			for _, in := range clients {
				for _, room := range c.rooms[in.id] {
					if _, err := in.ask("mesh/join-room", object("roomName", room)); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	joining.Wait()
	return c
}

// watchers subscribes a client of each node after the first to all rooms.
func (x *cluster) watchers(t *testing.T, rooms int) (all []*client) {
	t.Helper()
	for _, node := range x.nodes[1:] {
		w := node.dial(t, v1)
		for i := range rooms {
			w.call(t, "mesh/subscribe-presence", object("roomName", "tracked:"+strconv.Itoa(i)))
		}
		all = append(all, w)
	}
	return all
}

// changes counts what a client has been told of presence since the first n
// pushes, as "<type> <room> <connection>".
func (c *client) changes(n int) map[string]int {
	counted := make(map[string]int)
	frames, _ := c.pushes.from(n)
	for _, f := range frames {
		var u struct{ Type, ConnectionID, RoomName string }
		if f.Command == "mesh/presence-update" && json.Unmarshal(f.Payload, &u) == nil {
			counted[u.Type+" "+u.RoomName+" "+u.ConnectionID]++
		}
	}
	return counted
}

// expect is what changes should count for some clients.
func (c *crowd) expect(kind string, clients []*client) map[string]int {
	wanted := make(map[string]int)
	for _, of := range clients {
		for _, room := range c.rooms[of.id] {
			wanted[kind+" "+room+" "+of.id] = 1
		}
	}
	return wanted
}

// want waits until watchers were told just this since the first n pushes.
func wantChanges(t *testing.T, watchers []*client, n []int, within time.Duration, what string, wanted map[string]int) {
	t.Helper()
	for i, w := range watchers {
		if !polled(within, func() bool { return len(w.changes(n[i])) >= len(wanted) }) {
			t.Fatalf("%s: watcher %d was told %d of %d changes within %v", what, i, len(w.changes(n[i])), len(wanted), within)
		}
		if got := w.changes(n[i]); !maps.Equal(got, wanted) {
			t.Fatalf("%s: watcher %d was told %d changes, not %d", what, i, len(got), len(wanted))
		}
	}
}

func seen(watchers []*client) (n []int) {
	for _, w := range watchers {
		n = append(n, w.pushes.len())
	}
	return n
}

// A node that is killed is noticed within its lease: everyone else sees each of
// its clients leave once, and nothing is left of it.
func TestNodeKilled(t *testing.T) {
	t.Parallel()
	const clients, rooms = 200, 10
	x := startCluster(t, 3, setup{config: nodesConfig})
	c := x.crowd(t, clients, rooms)
	watchers := x.watchers(t, rooms)
	before := seen(watchers)
	dead := x.nodes[0]
	dead.exit = -1
	dead.signal(t, syscall.SIGKILL)
	wantChanges(t, watchers, before, nodeLease+2*time.Second, "killed", c.expect("leave", c.ofNode[0]))
	rest(nodeLease + 2*time.Second)
	wantChanges(t, watchers, before, 0, "later", c.expect("leave", c.ofNode[0]))
	if n := x.nodes[1].connections(t); n != 2*clients+len(watchers) {
		t.Errorf("%d connections are left", n)
	}
	x.wantNothingOf(t, nameOf(0), c.ofNode[0])
}

// wantNothingOf fails if Redis knows a node or its clients.
func (x *cluster) wantNothingOf(t *testing.T, dead string, clients []*client) {
	t.Helper()
	names := map[string]bool{dead: true}
	for _, c := range clients {
		names[c.id] = true
	}
	for _, key := range x.keys(t) {
		if strings.HasSuffix(key, ":buried:"+dead) { // which goes by itself
			continue
		}
		for _, name := range append(x.membersOf(t, key), strings.SplitAfterN(key, ":", 3)...) {
			if names[name] {
				t.Errorf("%s has %s", key, name)
				return
			}
		}
	}
}

// membersOf returns what a key has: fields and values, or members.
func (x *cluster) membersOf(t *testing.T, key string) (all []string) {
	t.Helper()
	kind, err := x.redis.Type(t.Context(), key).Result()
	switch kind {
	case "hash":
		var fields map[string]string
		fields, err = x.redis.HGetAll(t.Context(), key).Result()
		for field, value := range fields {
			all = append(all, field, value)
		}
	case "set":
		all, err = x.redis.SMembers(t.Context(), key).Result()
	case "zset":
		all, err = x.redis.ZRange(t.Context(), key, 0, -1).Result()
	case "string":
		var value string
		if value, err = x.redis.Get(t.Context(), key).Result(); err == goredis.Nil { //nolint:errorlint // it is not wrapped; the key has just expired
			err = nil
		}
		all = []string{value}
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A node that stands still for longer than its lease is taken for dead; when it
// goes on it serves its clients again, and all see them come back.
func TestNodePaused(t *testing.T) {
	t.Parallel()
	const clients, rooms = 200, 10
	x := startCluster(t, 3, setup{config: nodesConfig})
	c := x.crowd(t, clients, rooms)
	watchers := x.watchers(t, rooms)
	before := seen(watchers)
	paused := x.nodes[0]
	paused.signal(t, syscall.SIGSTOP)
	resumed := false
	defer func() {
		if !resumed {
			paused.signal(t, syscall.SIGCONT)
		}
	}()
	wantChanges(t, watchers, before, nodeLease+2*time.Second, "paused", c.expect("leave", c.ofNode[0]))
	rest(nodeLease)
	x.wantNothingOf(t, nameOf(0), c.ofNode[0])
	wantChanges(t, watchers, before, 0, "later", c.expect("leave", c.ofNode[0]))
	paused.signal(t, syscall.SIGCONT)
	resumed = true
	wantChanges(t, watchers, before, nodeLease+2*time.Second, "back", union(c.expect("leave", c.ofNode[0]), c.expect("join", c.ofNode[0])))
	for _, in := range c.ofNode[0] {
		if err := in.cause(); err != nil {
			t.Fatalf("a client of the paused node was disconnected: %v", err)
		}
	}
	if n := x.nodes[1].connections(t); n != 3*clients+len(watchers) {
		t.Errorf("%d connections are there", n)
	}
	// And what is sent to them arrives, once.
	x.nodes[2].op(t, "rooms.send", `{"roomName":"tracked:0","command":"hello","payload":1}`)
	for _, in := range c.ofNode[0] {
		if slices.Contains(c.rooms[in.id], "tracked:0") {
			in.push(t, "hello")
		}
	}
}

func union(sets ...map[string]int) map[string]int {
	all := make(map[string]int)
	for _, set := range sets {
		maps.Copy(all, set)
	}
	return all
}

// durableKeys are what Redis may keep once no client is connected, without a TTL,
// as docs/REDIS.md says.
var durableKeys = []string{
	"mesh:record:", "mesh:patches:", "mesh:records", "mesh:record-", "mesh:kv", "mesh:room-meta", "mesh:era", "mesh:presence-seq",
}

// Whatever clients have done, on whichever node: once they have gone Redis holds
// what is documented to stay, and when the nodes have gone nothing of them.
func TestNothingLeftInRedis(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 3, setup{plugins: []string{conformance}, config: nodesConfig + `
[[channels]]
pattern = "/^kept:.+$/"
publish = true
history = 20
[[channels]]
pattern = "/^live:.+$/"
publish = true
[[records]]
pattern = "/^r:.+$/"
writable = true
`})
	var storm sync.WaitGroup
	for i, node := range x.nodes {
		for j := range 8 {
			dice := rand.New(rand.NewPCG(uint64(i), uint64(j))) //nolint:gosec // it is to be repeatable
			storm.Go(func() {
				for range 6 {
					if err := node.visitEverything(t, dice); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	storm.Wait()
	eventually(t, patience, "no connection is left", func() bool { return x.nodes[0].connections(t) == 0 })
	x.wantOnlyDocumented(t, append(durableKeys, "mesh:nodes", "mesh:incarnations", "mesh:inboxes"))
	for _, node := range x.nodes {
		node.finish(t)
	}
	x.wantOnlyDocumented(t, durableKeys)
}

// visitEverything is the short life of a client that does what it likes.
func (h *host) visitEverything(t *testing.T, dice *rand.Rand) error {
	t.Helper()
	c, err := h.tryDial(t, v1)
	if err != nil {
		return err
	}
	for range 10 {
		n := strconv.Itoa(dice.IntN(5))
		command, payload := "", ""
		switch dice.IntN(9) {
		case 0:
			command, payload = "join-room", object("roomName", "tracked:"+n)
		case 1:
			command, payload = "leave-room", object("roomName", "tracked:"+n)
		case 2:
			command, payload = "subscribe-presence", object("roomName", "tracked:"+n)
		case 3:
			command, payload = "publish-presence-state", `{"roomName":"tracked:`+n+`","state":{"x":1},"expireAfter":200}`
		case 4:
			command, payload = "subscribe-channel", object("channel", "kept:"+n)
		case 5:
			command, payload = "publish-channel", object("channel", "kept:"+n, "message", "m")
		case 6:
			command, payload = "publish-channel", object("channel", "live:"+n, "message", "m")
		case 7:
			command, payload = "publish-record-update", recordWrite("r:"+n, strconv.Itoa(dice.IntN(100)))
		case 8:
			command, payload = "subscribe-record", object("recordId", "r:"+n)
		}
		var refusal *failure
		if _, err := c.ask("mesh/"+command, payload); err != nil && !errors.As(err, &refusal) {
			return err
		}
	}
	if dice.IntN(2) == 0 {
		return c.conn.Close(websocket.StatusNormalClosure, "")
	}
	return c.conn.CloseNow()
}

// wantOnlyDocumented fails where Redis has a key that begins with none of these
// and has no TTL.
func (x *cluster) wantOnlyDocumented(t *testing.T, prefixes []string) {
	t.Helper()
	for _, key := range x.keys(t) {
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
			continue
		}
		if left := x.redis.TTL(t.Context(), key).Val(); left == -1 {
			t.Errorf("%s is left, with %v", key, x.membersOf(t, key))
		}
	}
}
