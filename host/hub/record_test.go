package hub_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// version is a record's version: "5" is one of epoch e, "f5" one of epoch f.
func version(text string) hub.Position {
	epoch, number := "e", strings.TrimPrefix(text, "f")
	if number != text {
		epoch = "f"
	}
	n, _ := strconv.ParseInt(number, 10, 64)
	if n == 0 {
		return hub.Position{}
	}
	return at(epoch, n)
}

// record is the delivery of a version: p5 as a patch, w5 as a whole.
func record(text string) hub.Delivery {
	return hub.Delivery{
		Push: protocol.NewPush("p"+text, nil), Whole: protocol.NewPush("w"+text, nil), Position: version(text),
	}
}

// script plays what happens to one session and one record, step by step:
//
//	5         version 5 is published
//	sub:a     Subscribe for patches, with a as the hold; full:a for values
//	cover:a   Cover, with a as the hold
//	upto:a=5  ReleaseUpTo of what the reply contains
//	sent:a=5  the reply, and Answered
//	reply:a=5 both, as it should be
//	release:a Release
//	done:a=5  all three
//	uncover:a Uncover; unsub and end as they are called
type script struct {
	*testing.T
	hub     *hub.Hub
	session *hub.Session
	wire    *hubtest.Wire
	holds   map[string]*hub.Hold
}

// play returns what the session is pushed, replies among it.
func play(t *testing.T, steps string) (got []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		s, wire := connect(t, h)
		x := script{t, h, s, wire, make(map[string]*hub.Hold)}
		for _, step := range strings.Fields(steps) {
			x.step(step)
		}
		synctest.Wait()
		got = commands(wire)
	})
	return got
}

// commands takes the names of what was written.
func commands(wire *hubtest.Wire) (names []string) {
	for _, text := range wire.Texts() {
		_, text, _ = strings.Cut(text, `"command":"`)
		name, _, _ := strings.Cut(text, `"`)
		names = append(names, name)
	}
	return names
}

func (x script) step(step string) {
	x.Helper()
	verb, object, _ := strings.Cut(step, ":")
	name, contained, _ := strings.Cut(object, "=")
	held, c := x.holds[name], version(contained)
	switch verb {
	case "sub", "full":
		x.holds[name], _ = x.hub.Subscribe(x.session, board, hub.Terms{Patches: verb == "sub"})
	case "cover":
		x.holds[name] = x.hub.Cover(x.session, board, hub.Disconnect, name)
	case "upto":
		held.ReleaseUpTo(c)
	case "sent":
		x.session.Push(frame("%s", object))
		held.Answered(c)
	case "release":
		held.Release()
	case "reply", "done":
		x.step("upto:" + object)
		x.step("sent:" + object)
		if verb == "done" {
			held.Release()
		}
	case "unsub":
		x.hub.Unsubscribe(x.session, board)
	case "end":
		x.hub.EndSubscription(x.session, board, protocol.NewPush("end", nil))
	case "uncover":
		x.hub.Uncover(x.session, board, name)
	default:
		x.hub.Publish(board, record(step))
	}
}

type scene struct{ steps, want string }

func (s scene) run(t *testing.T) {
	t.Helper()
	t.Parallel()
	if got := strings.Join(play(t, s.steps), " "); got != s.want {
		t.Errorf("%s\n got %q\nwant %q", s.steps, got, s.want)
	}
}

// A patch is pushed directly after what it builds on, and nowhere else.
func TestPatches(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]scene{
		"values":                     {"full:a 1 2 done:a=1 3", "a=1 w2 w3"},
		"patches":                    {"sub:a 1 2 done:a=1 3", "a=1 p2 p3"},
		"after the reply":            {"sub:a done:a=1 2 3", "a=1 p2 p3"},
		"of what is not there yet":   {"sub:a done:a=0 1 2", "a=0 p1 p2"},
		"that much later":            {"sub:a done:a=0 7 8", "a=0 w7 p8"},
		"late":                       {"sub:a done:a=3 2 3 4", "a=3 p4"},
		"twice":                      {"sub:a done:a=1 2 2 3 2 4", "a=1 p2 p3 p4"},
		"one is lost":                {"sub:a done:a=1 3 4", "a=1 w3 p4"},
		"one is lost before":         {"sub:a 3 4 done:a=1", "a=1 w3 p4"},
		"another epoch":              {"sub:a done:a=1 f1 f2", "a=1 wf1 pf2"},
		"the next of another epoch":  {"sub:a done:a=1 f2 f3", "a=1 wf2 pf3"},
		"another epoch before":       {"sub:a 8 9 f1 f2 done:a=f1 f3", "a=f1 pf2 pf3"},
		"an old epoch that is late":  {"sub:a done:a=f1 9 f1 f2", "a=f1 w9 wf1 pf2"},
		"values of an old epoch":     {"full:a done:a=f1 9 f1 f2", "a=f1 w9 wf1 wf2"},
		"no reply":                   {"sub:a 1 release:a 2", "w1 p2"},
		"again":                      {"sub:a done:a=1 2 sub:b 3 4 done:b=3 5", "a=1 p2 b=3 p4 p5"},
		"again, with a reply behind": {"sub:a done:a=1 2 3 sub:b done:b=3 4", "a=1 p2 p3 b=3 p4"},
		"from values":                {"full:a done:a=1 2 sub:b done:b=2 3", "a=1 w2 b=2 p3"},
		"to values":                  {"sub:a done:a=1 2 full:b done:b=2 3 4", "a=1 p2 b=2 w3 w4"},
		"values and back":            {"sub:a done:a=1 full:b done:b=1 2 3 sub:c 4 done:c=3 5", "a=1 b=1 w2 w3 c=3 p4 p5"},
		"again within the courtesy":  {"sub:a reply:a=1 2 sub:b 3 done:b=3 release:a 4", "a=1 p2 b=3 p4"},
	} {
		t.Run(name, s.run)
	}
}

// Whoever shows a collection gets values, and all of them, whatever else the
// session subscribes to.
func TestCovered(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]scene{
		"alone":                         {"cover:x 1 2 done:x=1 3 uncover:x 4", "x=1 w2 w3"},
		"twice":                         {"cover:x done:x=1 2 cover:y done:y=2 3 uncover:y 4 uncover:x 5", "x=1 w2 y=2 w3 w4"},
		"then patches":                  {"cover:x done:x=1 2 sub:a 3 4 reply:a=3 5 release:a 6", "x=1 w2 w3 a=3 w4 w5 w6"},
		"then patches remain":           {"cover:x done:x=1 2 sub:a done:a=2 uncover:x 3 4", "x=1 w2 a=2 p3 p4"},
		"over patches":                  {"sub:a done:a=1 2 cover:x 3 4 reply:x=3 release:x 5 uncover:x 6", "a=1 p2 w3 x=3 w4 w5 p6"},
		"over patches, nothing new":     {"sub:a done:a=1 2 cover:x done:x=2 uncover:x 3", "a=1 p2 x=2 p3"},
		"over values":                   {"full:a done:a=1 cover:x 2 done:x=2 3 uncover:x 4", "a=1 w2 x=2 w3 w4"},
		"uncovered while held":          {"sub:a done:a=1 cover:x 2 3 uncover:x done:x=3 4", "a=1 p2 p3 x=3 p4"},
		"uncovered for good while held": {"cover:x 1 uncover:x done:x=1 2", "x=1"},
		"patches are not known yet":     {"full:a done:a=1 cover:x done:x=1 2 sub:b 3 4 uncover:x reply:b=4 release:b 5", "a=1 x=1 w2 w3 w4 b=4 p5"},
		"unsubscribed while held":       {"sub:a done:a=1 cover:x 2 unsub done:x=2 3", "a=1 w2 x=2 w3"},
		"unsubscribed":                  {"sub:a done:a=1 cover:x done:x=1 unsub 2 uncover:x 3", "a=1 x=1 w2"},
		"late":                          {"cover:x done:x=4 sub:a done:a=7 5 6 7 8", "x=4 a=7 w7 w8"},
		"late, over patches":            {"sub:a done:a=5 cover:x done:x=7 uncover:x 6 7 8", "a=5 x=7 w7 p8"},
		"lost, over patches":            {"sub:a done:a=5 cover:x done:x=7 uncover:x 8 9", "a=5 x=7 w8 p9"},
		"late, after one more reply":    {"sub:a done:a=5 cover:x done:x=7 uncover:x sub:b done:b=7 6 7 8", "a=5 x=7 b=7 p8"},
		"late, then patches":            {"cover:x done:x=4 sub:a done:a=7 uncover:x 5 6 8", "x=4 a=7 p8"},
		"another epoch":                 {"cover:x done:x=8 sub:a 9 f1 f2 f3 reply:a=f2 f4 release:a", "x=8 w9 wf1 wf2 a=f2 wf3 wf4"},
		"a subscription that fails":     {"cover:x done:x=1 sub:a 2 unsub 3", "x=1 w2 w3"},
		"a cover that fails":            {"sub:a done:a=1 cover:x 2 release:x uncover:x 3", "a=1 w2 p3"},
		"nothing of it is there":        {"cover:x done:x=0 sub:a done:a=0 uncover:x 1 2", "x=0 a=0 p1 p2"},
		"without the word before":       {"cover:x done:x=1 sub:a 2 3 sent:a=2 release:a", "x=1 a=2 w2 w3"},
		"a farewell":                    {"cover:x done:x=1 sub:a 2 end reply:a=2 3 release:a 4", "x=1 w2 a=2 end w3 w4"},
		"a farewell at once":            {"cover:x done:x=1 sub:a done:a=1 2 end 3", "x=1 a=1 w2 end w3"},
		"a farewell in the courtesy":    {"cover:x done:x=1 sub:a reply:a=1 2 end 3", "x=1 a=1 w2 end w3"},
		"a farewell, then no reply":     {"cover:x done:x=1 sub:a 2 end unsub 3", "x=1 w2 w3"},
		"a farewell during a cover":     {"sub:a done:a=1 cover:x 2 end done:x=2 3", "a=1 end w2 x=2 w3"},
	} {
		t.Run(name, s.run)
	}
}

// What was in a reply is pushed for the sake of those who have not seen that: as
// long as they are there, and have no reply of their own.
func TestNoOneIsToldTwice(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]scene{
		"for another":                 {"cover:x done:x=4 cover:y done:y=5 5 6", "x=4 y=5 w5 w6"},
		"who has gone":                {"cover:x done:x=4 cover:y done:y=5 uncover:x 5 6", "x=4 y=5 w6"},
		"who goes before the reply":   {"cover:x done:x=4 cover:y upto:y=5 uncover:x 5 sent:y=5 release:y 6", "x=4 y=5 w6"},
		"who goes while it waits":     {"cover:x done:x=4 cover:y cover:z 5 reply:y=5 uncover:x upto:z=5 release:y sent:z=5 release:z 6", "x=4 y=5 z=5 w6"},
		"while the other goes":        {"cover:x done:x=4 cover:y done:y=5 uncover:y 5 6", "x=4 y=5 w5 w6"},
		"who knows it by now":         {"cover:x done:x=4 sub:a done:a=5 cover:y done:y=5 uncover:x 5 6", "x=4 a=5 y=5 w6"},
		"who does not know it yet":    {"cover:x done:x=4 cover:y 5 cover:z reply:y=5 release:y upto:z=5 uncover:x sent:z=5 release:z 6", "x=4 y=5 w5 z=5 w6"},
		"one who begins has read it":  {"sub:a done:a=4 cover:x cover:y 5 sub:b reply:b=5 release:b reply:x=5 reply:y=5 release:x release:y 6", "a=4 b=5 x=5 y=5 w6"},
		"one who begins has read on":  {"sub:a done:a=4 cover:x 5 sub:b reply:b=5 release:b 6 reply:x=6 release:x 7", "a=4 b=5 w6 x=6 w7"},
		"one who has begun fails":     {"sub:a done:a=4 cover:x 5 sub:b reply:b=5 release:b uncover:x release:x 6", "a=4 b=5 p6"},
		"a subscription that ends":    {"cover:x done:x=4 full:a done:a=4 cover:y done:y=5 unsub uncover:x 5 6", "x=4 a=4 y=5 w6"},
		"dismissed before the reply":  {"cover:x done:x=4 sub:a end reply:a=5 release:a 5 6", "x=4 a=5 end w5 w6"},
		"given up before the reply":   {"cover:x done:x=4 cover:y uncover:y done:y=5 5 6", "x=4 y=5 w5 w6"},
		"subscribed anew, then alone": {"sub:a done:a=4 cover:x done:x=5 sub:b done:b=5 uncover:x 5 6", "a=4 x=5 b=5 p6"},
	} {
		t.Run(name, s.run)
	}
}

// Those who hold one subscription do not overtake each other: whatever the
// order, no one is set back by what he is told, and the newest comes last. In
// each of these, o has shown the record before.
func TestHoldsOfOneSubscription(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]scene{
		"in turn":                    {"sub:a cover:b 5 reply:a=5 release:a 6 reply:b=6 release:b 7", "a=5 w5 w6 b=6 w7"},
		"nested":                     {"sub:a 5 cover:b 6 reply:b=6 release:b 7 reply:a=7 release:a 8", "b=6 w6 w7 a=7 w8"},
		"the second has read less":   {"sub:a cover:b 5 6 7 reply:a=7 release:a 8 reply:b=6 release:b 9", "a=7 b=6 w7 w8 w9"},
		"the first has read less":    {"sub:a cover:b 5 6 7 reply:b=7 release:b 8 reply:a=6 release:a 9", "b=7 a=6 w7 w8 w9"},
		"the second has read more":   {"sub:a cover:b 5 6 7 reply:a=7 release:a 8 9 10 reply:b=9 release:b", "a=7 w7 w8 w9 b=9 w10"},
		"both have said, then reply": {"sub:a cover:b 5 6 upto:a=5 upto:b=6 sent:a=5 sent:b=6 7 release:a release:b", "w5 a=5 b=6 w6 w7"},
		"both have read the same":    {"sub:a cover:b 5 6 upto:a=5 upto:b=5 sent:a=5 sent:b=5 release:b release:a", "w5 a=5 b=5 w6"},
		"a cover's courtesy lasts":   {"cover:b reply:b=4 5 sub:a 6 reply:a=6 release:b release:a 7", "b=4 a=6 w6 w7"},
		"a courtesy lasts":           {"sub:a cover:b 5 reply:a=5 6 7 reply:b=7 release:b 8 release:a 9", "a=5 w5 b=7 w7 w8 w9"},
		"released before the other":  {"sub:a cover:b 5 6 upto:a=6 release:b 7 sent:a=6 release:a", "w6 a=6 w7"},
		"one of them fails":          {"sub:a cover:b 5 6 unsub reply:b=5 release:b", "w5 b=5 w6"},
		"two covers":                 {"cover:a cover:b 5 6 reply:a=6 release:a reply:b=5 release:b 7", "a=6 b=5 w6 w7"},
		"three":                      {"sub:a cover:b cover:c 5 reply:c=5 6 reply:a=6 7 reply:b=7 release:a release:c release:b 8", "c=5 a=6 b=7 w7 w8"},
		"another epoch":              {"sub:a cover:b 5 f1 f2 reply:a=f2 release:a reply:b=f1 release:b f3", "a=f2 b=f1 wf2 wf3"},
		"released twice":             {"sub:a 5 reply:a=5 release:a cover:b 6 release:a reply:b=6 release:b release:b", "w5 a=5 w6 b=6"},
	} {
		s.steps, s.want = "cover:o done:o=4 "+s.steps, "o=4 "+s.want
		t.Run(name, s.run)
	}
}

// A deletion is for everyone; patches follow on it.
func TestDeliveriesWithoutAWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		s, wire := connect(t, h)
		held, _ := h.Subscribe(s, board, hub.Terms{Patches: true})
		release(held, version("1"))
		deleted := record("2")
		deleted.Whole = nil
		for _, d := range []hub.Delivery{deleted, record("3")} {
			h.Publish(board, d)
		}
		synctest.Wait()
		if got := commands(wire); !slices.Equal(got, []string{"p2", "p3"}) {
			t.Errorf("got %q", got)
		}
	})
}

// A form that no one needs is never encoded, and one that many need once.
func TestFormsAreEncodedOnDemand(t *testing.T) {
	t.Parallel()
	h := hub.New(quiet)
	var encoded [2]int
	lazy := func(i int) *protocol.Push {
		return protocol.NewLazyPush("x", func() []byte {
			encoded[i]++
			return nil
		})
	}
	publish := func(number int64) [2]int {
		encoded = [2]int{}
		h.Publish(board, hub.Delivery{Push: lazy(0), Whole: lazy(1), Position: at("e", number)})
		return encoded
	}
	begin := func(patches bool) {
		held, _ := h.Subscribe(register(t, h, hubtest.NewWire(t)), board, hub.Terms{Patches: patches})
		release(held, at("e", 1))
	}
	begin(true)
	begin(true)
	if got := publish(2); got != [2]int{1, 0} {
		t.Errorf("for patches alone %v", got)
	}
	begin(false)
	begin(false)
	if got := publish(3); got != [2]int{1, 1} {
		t.Errorf("for both %v", got)
	}
}

// A collection's diff goes between the record's past and its future.
func TestADiffAmongVersions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(quiet)
		s, wire := connect(t, h)
		names := []string{"a", "b", "c"}
		publish := func(number int64) {
			for _, name := range names {
				d := hub.Delivery{Push: protocol.NewPush("patch", nil), Position: at("e", number)}
				d.Whole = protocol.NewPush(fmt.Sprint(name, number), nil)
				h.Publish(hub.Topic{Kind: hub.RecordTopic, Name: name}, d)
			}
		}
		var holds []*hub.Hold
		for _, name := range names {
			holds = append(holds, h.Cover(s, hub.Topic{Kind: hub.RecordTopic, Name: name}, hub.Disconnect, "x"))
		}
		publish(1)
		publish(2)
		for _, held := range holds {
			held.ReleaseUpTo(at("e", 1))
		}
		s.Send(protocol.NewPush("diff", nil))
		publish(3)
		for _, held := range holds {
			release(held, at("e", 1))
		}
		publish(4)
		h.Uncover(s, hub.Topic{Kind: hub.RecordTopic, Name: "b"}, "x")
		s.Send(protocol.NewPush("diff", nil))
		publish(5)
		synctest.Wait()
		want := []string{"diff", "a2", "a3", "b2", "b3", "c2", "c3", "a4", "b4", "c4", "diff", "a5", "c5"}
		if got := commands(wire); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}
