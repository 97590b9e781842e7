//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// loadRecords is how many records are written under load.
const loadRecords = 3

// Redis ends and starts anew, or its network is cut, while clients of three nodes
// write: what was acknowledged is there, versions have no gaps, and every subscriber
// has everything in order or is told that it has not.
func TestRedisAwayUnderLoad(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]func(*testing.T, *redistest.Server, *redistest.Proxy){
		"killed": func(t *testing.T, server *redistest.Server, _ *redistest.Proxy) {
			t.Helper()
			server.Kill()
			rest(time.Second)
			server.Restart(t)
		},
		"cut": func(t *testing.T, _ *redistest.Server, proxy *redistest.Proxy) {
			t.Helper()
			proxy.Cut()
			rest(away())
			proxy.Restore(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
			proxy := redistest.StartProxy(t, server.Addr)
			l := &load{nodes: startClusterAt(t, proxy.Addr, server.Addr, 3, setup{config: awayConfig}).nodes, stop: make(chan struct{}), full: make(chan struct{})}
			l.start(t)
			rest(time.Second)
			outage(t, server, proxy)
			for _, node := range l.nodes {
				node.awaitReady(t, 200, patience)
			}
			rest(2 * time.Second)
			l.finish(t)
		})
	}
}

// load is what is written through all nodes, and who follows it.
type load struct {
	nodes    []*host
	stop     chan struct{} // closed: nothing more is written
	full     chan struct{} // closed once top and final are known
	begun    atomic.Int64  // watchers that have subscribed
	writing  sync.WaitGroup
	watching sync.WaitGroup
	writers  []*loadWriter
	records  []*recordWatcher
	channels []*channelWatcher

	final [loadRecords]stored
	top   position
}

// loadWriter writes a member of its own into each record, and messages.
type loadWriter struct {
	name      string
	acked     [loadRecords]int // what its members are at least
	versions  [loadRecords][]version
	unknown   [loadRecords]int // writes that have failed, and may have been made
	published []string         // messages that were acknowledged
}

func recordOfLoad(i int) string { return "open:" + strconv.Itoa(i) }

const channelOfLoad = "kept:load"

func (l *load) start(t *testing.T) {
	t.Helper()
	l.nodes[0].dial(t, v1).call(t, "mesh/publish-channel", object("channel", channelOfLoad, "message", "first"))
	for i, node := range l.nodes {
		c := &channelWatcher{host: node, got: make(map[string]int)}
		l.channels = append(l.channels, c)
		l.watching.Go(func() { report(t, "channel", c.follow(t, l)) })
		for r := range loadRecords {
			w := &recordWatcher{host: node, id: r, mode: []string{"full", "patch"}[(i+r)%2]}
			l.records = append(l.records, w)
			l.watching.Go(func() { report(t, recordOfLoad(r)+" "+w.mode, w.follow(t, l)) })
		}
	}
	eventually(t, patience, "everyone has subscribed", func() bool { return int(l.begun.Load()) == len(l.channels)+len(l.records) })
	for i, node := range l.nodes {
		for j := range 2 {
			w := &loadWriter{name: fmt.Sprintf("w%d-%d", i, j)}
			l.writers = append(l.writers, w)
			c := node.dial(t, v1)
			l.writing.Go(func() { report(t, w.name, w.write(c, l.stop)) })
		}
	}
}

func report(t *testing.T, who string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", who, err)
	}
}

// isAway reports whether a command has failed since Redis is away.
func isAway(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.Code == "EUNAVAILABLE"
}

// write writes until it is told to stop.
func (w *loadWriter) write(c *client, stop <-chan struct{}) error {
	for n := 1; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		r := n % loadRecords
		reply, err := c.ask("mesh/publish-record-update", recordWrite(recordOfLoad(r), fmt.Sprintf(`{%q:%d}`, w.name, n), `"strategy":"merge"`))
		var v version
		switch {
		case isAway(err):
			w.unknown[r]++
			rest(5 * time.Millisecond)
		case err != nil:
			return err
		case json.Unmarshal([]byte(reply), &v) != nil || v.Epoch == "":
			return fmt.Errorf("the reply is %s", reply)
		default:
			w.acked[r], w.versions[r] = n, append(w.versions[r], v)
		}
		message := fmt.Sprintf("%s %d", w.name, n)
		_, err = c.ask("mesh/publish-channel", object("channel", channelOfLoad, "message", message))
		switch {
		case isAway(err): // it may have been published, or not
		case err != nil:
			return err
		default:
			w.published = append(w.published, message)
		}
	}
}

// finish ends the writing, and checks what has become of it.
func (l *load) finish(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.writing.Wait()
	for r := range loadRecords {
		l.final[r] = l.nodes[r].stored(t, recordOfLoad(r))
	}
	var top position
	if err := json.Unmarshal([]byte(l.nodes[0].dial(t, v1).call(t, "mesh/subscribe-channel", object("channel", channelOfLoad))), &top); err != nil {
		t.Fatal(err)
	}
	l.top = top
	close(l.full)
	l.watching.Wait()
	l.checkWrites(t)
	for _, c := range l.channels {
		t.Log(c)
		for _, w := range l.writers {
			c.check(t, w)
		}
	}
	for _, w := range l.records {
		t.Log(w)
	}
}

// checkWrites checks that what was acknowledged is there, each as one version.
func (l *load) checkWrites(t *testing.T) {
	t.Helper()
	for r := range loadRecords {
		members, err := recordMembers(l.final[r].Value)
		if err != nil {
			t.Fatal(err)
		}
		made, unknown, epochs := make(map[int64]bool), 0, make(map[string]bool)
		for _, w := range l.writers {
			if got, err := strconv.Atoi(string(members[w.name])); err != nil || got < w.acked[r] {
				t.Errorf("%s of %s is %s, and %d was acknowledged", w.name, recordOfLoad(r), members[w.name], w.acked[r])
			}
			for _, v := range w.versions[r] {
				if made[v.Version] {
					t.Errorf("version %d of %s was made twice", v.Version, recordOfLoad(r))
				}
				made[v.Version], epochs[v.Epoch] = true, true
			}
			unknown += w.unknown[r]
		}
		last := l.final[r].Version
		if n := int64(len(made)); n == 0 || last < n || last > n+int64(unknown) {
			t.Errorf("%s is at version %d after %d writes, and %d that may have been made", recordOfLoad(r), last, n, unknown)
		}
		t.Logf("%s: %d writes acknowledged, %d failed, version %d, %d epochs", recordOfLoad(r), len(made), unknown, last, len(epochs))
	}
}

// connectAgain connects as long as it is refused for Redis is away.
func connectAgain(t *testing.T, h *host) (c *client, err error) {
	t.Helper()
	polled(away()+patience, func() bool {
		c, err = h.tryDial(t, v1)
		var r *refused
		return !errors.As(err, &r) || r.status != 503
	})
	return c, err
}

// askAgain asks as long as the answer is that Redis is away.
func (c *client) askAgain(command, payload string) (reply string, err error) {
	polled(away()+patience, func() bool {
		reply, err = c.ask(command, payload)
		return !isAway(err)
	})
	return reply, err
}

// errAgain is of a connection that the server has closed with 4102.
var errAgain = errors.New("closed with 4102")

// taken has each push of a client taken, until there is nothing more to come.
func (l *load) taken(c *client, first bool, take func(frame) error, complete func() bool) error {
	if first {
		l.begun.Add(1)
	}
	n, full := 0, l.full
	late := time.NewTimer(2*away() + 3*patience)
	defer late.Stop()
	for {
		frames, grown := c.pushes.from(n)
		for _, f := range frames {
			if err := take(f); err != nil {
				return err
			}
		}
		n += len(frames)
		if full == nil && complete() {
			return nil
		}
		select {
		case <-grown:
		case <-full:
			full = nil
		case <-late.C:
			return errors.New("not everything has come")
		case <-c.ended:
			if code := websocket.CloseStatus(c.cause()); code != 4102 {
				return fmt.Errorf("the connection has ended: %w", c.cause())
			}
			if c.pushes.len() == n {
				return errAgain
			}
		}
	}
}

// recordWatcher follows a record, over as many connections as it takes.
type recordWatcher struct {
	host *host
	id   int
	mode string

	last                            version
	value                           json.RawMessage
	pushed, recovered, jumps, begun int
}

// String implements fmt.Stringer.
func (w *recordWatcher) String() string {
	return fmt.Sprintf("%s in %s: %d versions pushed, %d recovered, %d times the newest for those before, %d connections",
		recordOfLoad(w.id), w.mode, w.pushed, w.recovered, w.jumps, w.begun)
}

func (w *recordWatcher) follow(t *testing.T, l *load) error {
	t.Helper()
	for {
		err := w.live(t, l)
		if errors.Is(err, errAgain) {
			continue
		}
		if final := l.final[w.id]; err == nil && canonical(w.value) != canonical(final.Value) {
			return fmt.Errorf("at %+v it has %s instead of %s", w.last, w.value, final.Value)
		}
		return err
	}
}

func (w *recordWatcher) live(t *testing.T, l *load) error {
	t.Helper()
	c, err := connectAgain(t, w.host)
	if err != nil {
		return err
	}
	defer c.conn.CloseNow()
	payload := map[string]any{"recordId": recordOfLoad(w.id), "mode": w.mode}
	if w.last.Epoch != "" {
		payload["epoch"], payload["version"] = w.last.Epoch, w.last.Version
	}
	text, err := c.askAgain("mesh/subscribe-record", encoded(payload))
	if err != nil {
		return err
	}
	w.begun++
	r, err := readRecordReply([]byte(text))
	if err != nil || r.Version < w.last.Version {
		return fmt.Errorf("after %+v comes the reply %s, %w", w.last, text, err)
	}
	if r.Recovered == nil || !*r.Recovered {
		w.last, w.value = r.version, r.Record
	}
	for _, p := range r.Patches {
		if err := w.next(version{r.Epoch, p.Version}, nil, p.Patch); err != nil {
			return err
		}
		w.recovered++
	}
	return l.taken(c, w.begun == 1, w.take, func() bool { return w.last == l.final[w.id].version })
}

func (w *recordWatcher) take(f frame) error {
	if f.Command != "mesh/record-update" {
		return nil
	}
	p, err := readRecordPush(f)
	if err != nil {
		return err
	}
	w.pushed++
	return w.next(p.version, p.Full, p.Patch)
}

// next takes a version: the next one, or after an outage the newest.
func (w *recordWatcher) next(v version, full, patch json.RawMessage) (err error) {
	follows := v.Version == w.last.Version+1 && (w.last.Epoch == "" || v.Epoch == w.last.Epoch)
	switch {
	case v.Version < w.last.Version, v == w.last:
		return fmt.Errorf("after %+v comes %+v", w.last, v)
	case full == nil && !follows:
		return fmt.Errorf("after %+v comes the patch of %+v", w.last, v)
	case full == nil:
		if full, err = applied(w.value, patch); err != nil {
			return err
		}
	case !follows:
		w.jumps++
	}
	w.last, w.value = v, full
	return nil
}

// channelWatcher follows a channel with history.
type channelWatcher struct {
	host *host

	last                              position
	got                               map[string]int
	gaps                              bool // it was told that it has not everything
	pushed, recovered, refused, begun int
}

// String implements fmt.Stringer.
func (w *channelWatcher) String() string {
	return fmt.Sprintf("%d messages pushed, %d recovered, %d recoveries refused, %d connections", w.pushed, w.recovered, w.refused, w.begun)
}

// check checks that nothing came twice, and that what is missing was said to be.
func (w *channelWatcher) check(t *testing.T, by *loadWriter) {
	t.Helper()
	missing := 0
	for _, text := range by.published {
		switch n := w.got[text]; {
		case n > 1:
			t.Errorf("%q came %d times", text, n)
		case n == 0:
			missing++
		}
	}
	if missing > 0 && !w.gaps {
		t.Errorf("%d messages of %s are missing", missing, by.name)
	}
}

func (w *channelWatcher) follow(t *testing.T, l *load) error {
	t.Helper()
	for {
		if err := w.live(t, l); !errors.Is(err, errAgain) {
			return err
		}
	}
}

func (w *channelWatcher) live(t *testing.T, l *load) error {
	t.Helper()
	c, err := connectAgain(t, w.host)
	if err != nil {
		return err
	}
	defer c.conn.CloseNow()
	w.begun++
	for more := true; more; {
		payload := object("channel", channelOfLoad)
		if w.last.Epoch != "" {
			payload = fmt.Sprintf(`{"channel":%q,"recover":{"epoch":%q,"offset":%d}}`, channelOfLoad, w.last.Epoch, w.last.Offset)
		}
		text, err := c.askAgain("mesh/subscribe-channel", payload)
		if err != nil {
			return err
		}
		if more, err = w.begin(text); err != nil {
			return fmt.Errorf("at %+v: %w: %.300s", w.last, err, text)
		}
	}
	return l.taken(c, w.begun == 1, w.take, func() bool { return w.last == l.top })
}

func (w *channelWatcher) begin(text string) (more bool, err error) {
	var r struct {
		position
		Recovered, More bool
		Missed          []struct {
			Offset  int64
			Message string
		}
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return false, err
	}
	if w.last.Epoch == "" || !r.Recovered {
		if w.last.Epoch != "" {
			w.gaps = true
			w.refused++
		}
		if w.last.Epoch == r.Epoch {
			return false, errors.New("everything is kept, and not recovered")
		}
		w.last = r.position
		return false, nil
	}
	for _, m := range r.Missed {
		if err := w.next(position{r.Epoch, m.Offset}, m.Message); err != nil {
			return false, err
		}
		w.recovered++
	}
	return r.More, nil
}

func (w *channelWatcher) take(f frame) error {
	if f.Command != "mesh/subscription-message" {
		return nil
	}
	var m struct {
		position
		Message string
	}
	if err := json.Unmarshal(f.Payload, &m); err != nil {
		return err
	}
	w.pushed++
	return w.next(m.position, m.Message)
}

func (w *channelWatcher) next(at position, text string) error {
	if at.Epoch != w.last.Epoch || at.Offset != w.last.Offset+1 {
		return fmt.Errorf("after %+v comes %+v", w.last, at)
	}
	w.last = at
	w.got[text]++
	return nil
}
