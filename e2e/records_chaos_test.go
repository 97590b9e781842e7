//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// anything is a random JSON value.
func anything(random *rand.Rand, depth int) string {
	kinds := 9
	if depth == 0 {
		kinds = 7
	}
	switch random.IntN(kinds) {
	case 0:
		return "null"
	case 1:
		return []string{"true", "false"}[random.IntN(2)]
	case 2, 3:
		return fmt.Sprint(random.IntN(5))
	case 4:
		return []string{"1.0", "-0", "1e2", "9007199254740993", "0.10", "1e400"}[random.IntN(6)]
	case 5, 6:
		return encoded([]string{"", "a", "text", "ü/~", "\u2028\"\\", strings.Repeat("long ", 20)}[random.IntN(6)])
	case 7:
		elements := make([]string, random.IntN(6))
		for i := range elements {
			elements[i] = anything(random, depth-1)
		}
		return "[" + strings.Join(elements, ",") + "]"
	}
	names := []string{"a", "b", "", "a/b", "m~n", "ü", "0", "-", "id"}
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	members := make([]string, random.IntN(6))
	for i := range members {
		members[i] = encoded(names[i]) + ":" + anything(random, depth-1)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// Whatever is written, merged and deleted, by whomever and in whatever order:
// those who get patches have what those who get values have, version by version.
func TestRecordChaos(t *testing.T) {
	t.Parallel()
	for name, s := range kept(t, counterConfig) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recordChaos(t, start(t, s))
		})
	}
}

func recordChaos(t *testing.T, h *host) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	followers := h.followers(1)
	seen := make([]map[int64]string, len(followers))
	const end = `"the end"`
	var begun, group, writing sync.WaitGroup
	for i, f := range followers {
		seen[i] = make(map[int64]string)
		ended := errors.New("it has come to the end")
		f.check = func(version int64, value json.RawMessage) error {
			if string(value) == end {
				return ended
			}
			if value != nil {
				seen[i][version] = canonical(value)
			}
			return nil
		}
		begun.Add(1)
		f.begun = begun.Done
		group.Go(func() {
			if err := f.live(hop{within: time.Minute}, 1<<62); !errors.Is(err, ended) {
				t.Errorf("%s: %v", f, err)
			}
		})
	}
	begun.Wait()
	for i := range 6 {
		c, random := h.dial(t, []dialing{v1, {}}[i%2]), rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // it is to be repeatable
		writing.Go(func() {
			for range 250 {
				strategy := `"strategy":"` + []string{"replace", "merge", "deepMerge"}[random.IntN(3)] + `"`
				command, payload := "mesh/publish-record-update", recordWrite("counters", anything(random, 4), strategy)
				if random.IntN(20) == 0 {
					command, payload = "mesh/transaction", `{"operations":[`+deleteOp("counters")+`]}`
				}
				if _, err := c.ask(command, payload); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	last := h.set(t, "counters", end)
	group.Wait()
	t.Logf("%d versions, %d of them with a value", last, len(seen[0]))
	for i := range seen {
		for v, value := range seen[0] {
			if seen[i][v] != value {
				t.Fatalf("version %d is %s for one, and %s for another", v, value, seen[i][v])
			}
		}
		if len(seen[i]) != len(seen[0]) || followers[i].last.Version != last {
			t.Errorf("%s has %d values, not %d", followers[i], len(seen[i]), len(seen[0]))
		}
	}
}

// One session that subscribes again and again, from a version or not, in one mode
// and in the other, while others write: what it is told joins without a gap and
// without a version that comes twice.
func TestRecordSubscribedAnewWhileWritten(t *testing.T) {
	t.Parallel()
	for name, s := range kept(t, counterConfig) {
		old, h := name == "in memory", start(t, s)
		w := h.writers(t, 4)
		stop := make(chan struct{})
		var writing sync.WaitGroup
		for client := range w.clients {
			writing.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					if err := w.write(client, n); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		err := h.subscribeAnew(old, 150)
		close(stop)
		writing.Wait()
		if err != nil {
			t.Errorf("old %t: %v", old, err)
		}
	}
}

func (h *host) subscribeAnew(old bool, times int) error {
	f := &recordFollower{host: h, id: "counters", mode: "full", old: old}
	l, err := h.link(hop{old: old, within: time.Minute})
	if err != nil {
		return err
	}
	defer l.conn.Close()
	if old {
		l.dialect = "rt/"
	}
	for n := range times {
		payload := map[string]any{"recordId": f.id, "mode": []string{"full", "patch"}[n/2%2]}
		stated := f.last
		if n%3 > 0 && stated.Epoch != "" {
			payload["epoch"], payload["version"] = stated.Epoch, stated.Version
		}
		reply, err := l.ask("subscribe-record", encoded(payload), f.take)
		if err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
		if err := f.goOn(reply, stated, payload["epoch"] != nil); err != nil {
			return fmt.Errorf("round %d, having stated %+v, at %+v: %w: %.200s", n, stated, f.last, err, reply)
		}
		f.mode = payload["mode"].(string)
		for until := f.last.Version + int64(n%5); f.last.Version < until; {
			push, err := l.frame()
			if err == nil {
				err = f.take(push)
			}
			if err != nil {
				return fmt.Errorf("after round %d: %w", n, err)
			}
		}
	}
	return nil
}

// goOn takes a reply to a session that was subscribed already, and has been told
// of further versions since it asked.
func (f *recordFollower) goOn(text json.RawMessage, stated version, asked bool) error {
	r, err := readRecordReply(text)
	if err != nil || !r.Success || r.Version < f.last.Version {
		return fmt.Errorf("back to %d, %w", r.Version, err)
	}
	if asked != (r.Recovered != nil) {
		return errors.New("recovered or not?")
	}
	if r.Recovered == nil || !*r.Recovered {
		return f.restart(r)
	}
	at := stated.Version
	for _, p := range r.Patches {
		if at++; p.Version != at {
			return fmt.Errorf("%d instead of %d is missed", p.Version, at)
		}
		if at > f.last.Version {
			if err := f.next(version{r.Epoch, at}, nil, p.Patch); err != nil {
				return err
			}
		}
	}
	if at != r.Version {
		return fmt.Errorf("the patches lead to %d", at)
	}
	return nil
}

// Writes that one client sends without waiting are made in its order, and its
// replies come in that order too.
func TestRecordWritesInOrder(t *testing.T) {
	t.Parallel()
	for _, s := range kept(t, recordsConfig) {
		h := start(t, s)
		r := h.shake(t)
		const n = 200
		for i := range n {
			r.send(t, text(request(fmt.Sprint(i), "mesh/publish-record-update", recordWrite("open:order", fmt.Sprintf(`{"n":%d}`, i), fmt.Sprintf(`"expectVersion":%d`, i)))))
		}
		for i := range n {
			if reply := r.reply(t); !strings.HasPrefix(reply, fmt.Sprintf(`{"id":%d,"command":"mesh/publish-record-update","payload":{"success":true,"version":%d,`, i, i+1)) {
				t.Fatalf("reply %d is %s", i, reply)
			}
		}
		h.recordIs(t, "open:order", fmt.Sprintf(`{"n":%d}`, n-1), n)
	}
}

// The reply that begins a subscription comes before its pushes, and old clients
// get time to register their callback.
func TestRecordReplyPrecedesPushes(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: collectionsConfig})
	h.set(t, "card:order", "0")
	longest := time.Duration(0)
	for round := range 20 {
		for _, d := range []dialing{{}, v1} {
			for _, begin := range []string{`"mesh/subscribe-record","payload":{"recordId":"card:order"}`, `"mesh/subscribe-collection","payload":{"collectionId":"all"}`} {
				w, err := h.connect(t, d)
				if err != nil {
					t.Fatal(err)
				}
				for _, frame := range []string{`{"id":1,"command":` + begin + `}`, `{"command":"mesh/publish-record-update","payload":` + recordWrite("card:order", encoded(w.conn.Subprotocol()+fmt.Sprint(round, begin))) + `}`} {
					if err := w.send(frame); err != nil {
						t.Fatal(err)
					}
				}
				replied := time.Time{}
				for pushed := false; !pushed; {
					text, err := w.next()
					if err != nil {
						t.Fatal(err)
					}
					if strings.HasPrefix(string(text), `{"id":1,`) {
						replied = time.Now()
					}
					pushed = strings.Contains(string(text), "record-update\"")
				}
				if replied.IsZero() {
					t.Fatalf("round %d: the push comes before the reply to %s", round, begin)
				}
				if d.subprotocols == nil {
					longest = max(longest, time.Since(replied))
				}
				_ = w.conn.CloseNow()
			}
		}
	}
	if longest < 4*time.Millisecond {
		t.Errorf("an old client gets its first push after at most %v", longest)
	}
}

// Values that are made to be compared with effort are compared in no time, and
// their patches are right.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: recordsConfig + "[limits]\nmessage_size = \"4MiB\"\noutbox = \"64MiB\"\n"})
	writer, other, full, patched := h.dial(t, v1), h.dial(t, v1), h.dial(t, v1), h.dial(t, v1)
	full.followsIn(t, "full", "open:hostile", 0)
	patched.followsIn(t, "patch", "open:hostile", 0)
	list := func(n int, element func(int) string) string {
		elements := make([]string, n)
		for i := range elements {
			elements[i] = element(i)
		}
		return "[" + strings.Join(elements, ",") + "]"
	}
	members := func(n int, value func(int) string) string {
		all := list(n, func(i int) string { return fmt.Sprintf(`"k%d":%s`, i, value(i)) })
		return "{" + all[1:len(all)-1] + "}"
	}
	const many = 50_000
	values := []string{
		list(many, func(i int) string { return fmt.Sprint(i) }),
		list(many, func(i int) string { return fmt.Sprint(many - i) }),                // reversed
		list(many, func(i int) string { return fmt.Sprint(i * 7919 % many) }),         // shuffled
		list(many, func(i int) string { return fmt.Sprint((i + 1) * 7919 % many) }),   // and moved by one
		list(many-1, func(i int) string { return fmt.Sprint((i + 2) * 7919 % many) }), // the first one gone
		list(many, func(int) string { return "[]" }),
		list(many, func(i int) string { return []string{"[]", "{}"}[i%2] }),
		list(many, func(i int) string { return []string{"0", "0.0", "1"}[i%3] }),
		members(25_000, func(int) string { return "1" }),
		members(25_000, func(i int) string { return fmt.Sprint(2 - i%2) }),
		members(25_000, func(int) string { return "[[[1]]]" }),
		list(3000, func(i int) string { return list(100, func(j int) string { return fmt.Sprint(i * j % 7) }) }),
		list(3000, func(i int) string { return list(100, func(j int) string { return fmt.Sprint((i + 1) * j % 7) }) }),
		`"` + strings.Repeat("a", 1_000_000) + `"`,
		`"` + strings.Repeat("a", 999_999) + `b"`,
		list(1000, func(i int) string { return `"` + strings.Repeat("a", 1000) + fmt.Sprint(i) + `"` }),
		list(1000, func(i int) string { return `"` + strings.Repeat("a", 1000) + fmt.Sprint(i+500) + `"` }),
		list(20, func(i int) string { return strings.Repeat("9", 50_000) + fmt.Sprint(i) }),
		list(20, func(i int) string { return strings.Repeat("9", 50_000) + fmt.Sprint(i) + ".0e0" }),
		`[1e99999999999999999999,1e-99999999999999999999,0e99999999999999999999,1e1000000000]`,
		`[10e99999999999999999998,1e-99999999999999999999,0,10e999999999]`,
	}
	slowest, served := time.Duration(0), time.Duration(0)
	for i, value := range values {
		at := time.Now()
		reply, err := writer.ask("mesh/publish-record-update", recordWrite("open:hostile", value))
		if err != nil {
			t.Fatalf("value %d, %.50s: %v", i, value, err)
		}
		v := writer.wrote(t, reply)
		slowest = max(slowest, time.Since(at))
		at = time.Now()
		other.call(t, "mesh/noop", "")
		served = max(served, time.Since(at))
		if before := h.stored(t, "open:hostile"); before.version != v {
			t.Errorf("value %d is at %+v", i, v)
		}
	}
	last := h.stored(t, "open:hostile").Version
	t.Logf("%d versions of %d values, the slowest in %v; others waited %v at most", last, len(values), slowest, served)
	if slowest > 5*time.Second || served > 2*time.Second {
		t.Errorf("a write takes %v, and makes others wait for %v", slowest, served)
	}
	fulls := full.records(t, int(last))
	var replayed json.RawMessage
	for i, p := range patched.records(t, int(last)) {
		if len(p.Patch) > len(fulls[i].Full)+100 {
			t.Errorf("the patch of version %d has %d bytes, its value %d", p.Version, len(p.Patch), len(fulls[i].Full))
		}
		var err error
		if replayed, err = applied(replayed, p.Patch); err != nil || canonical(replayed) != canonical(fulls[i].Full) {
			t.Fatalf("version %d: %v", p.Version, err)
		}
	}
	if !slices.Equal(upTo(last), versionsOf(fulls)) {
		t.Errorf("the versions are %v", versionsOf(fulls))
	}
}

func versionsOf(pushes []recordPush) (versions []int64) {
	for _, p := range pushes {
		versions = append(versions, p.Version)
	}
	return versions
}
