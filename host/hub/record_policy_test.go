package hub_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/hub/hubtest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// slowRecord is a session with an outbox of 1,000 bytes that has a record at
// version 0 of epoch e, with patches of 100 bytes and values of 300.
type slowRecord struct {
	*testing.T
	hub     *hub.Hub
	session *hub.Session
	wire    *hubtest.Wire
	terms   hub.Terms
}

func inSlowRecord(t *testing.T, terms hub.Terms, test func(s slowRecord)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := running(t, hub.Limits{Outbox: 1000, CloseTimeout: defaults.CloseTimeout})
		s, wire := connect(t, h)
		x := slowRecord{t, h, s, wire, terms}
		release(x.subscribe(), at("e", 1000))
		test(x)
	})
}

func (s slowRecord) subscribe() *hub.Hold {
	held, _ := s.hub.Subscribe(s.session, board, s.terms)
	return held
}

// stall blocks the socket: one push is being written from then on.
func (s slowRecord) stall() {
	s.wire.Block(true)
	s.session.Push(frame("stall"))
	s.wire.AwaitWriter()
}

// publish publishes versions, from and to.
func (s slowRecord) publish(from, to int) {
	for i := from; i <= to; i++ {
		d := record(fmt.Sprint(i))
		d.Push = protocol.NewPush(fmt.Sprint("p", i), text(70))
		d.Whole = protocol.NewPush(fmt.Sprint("w", i), text(260))
		s.hub.Publish(board, d)
	}
}

func text(size int) []byte { return []byte(`"` + strings.Repeat("x", size) + `"`) }

// expect lets the socket take everything and compares what came.
func (s slowRecord) expect(want string) {
	s.Helper()
	s.wire.Block(false)
	synctest.Wait()
	got := strings.Join(commands(s.wire), " ")
	if got = strings.ReplaceAll(got, "mesh/", ""); got != want {
		s.Errorf("got  %q\nwant %q", got, want)
	}
}

// What has waited as the newest of many is a value, and patches follow on it.
func TestConflatePatches(t *testing.T) {
	t.Parallel()
	inSlowRecord(t, hub.Terms{Policy: hub.Conflate, Patches: true}, func(s slowRecord) {
		s.publish(1001, 1002)
		s.expect("p1001 p1002")
		s.stall()
		s.publish(1003, 1050)
		s.expect("stall p1003 p1004 p1005 p1006 p1007 p1008 p1009 p1010 p1011 w1050")
		s.publish(1051, 1052)
		s.expect("p1051 p1052")
	})
}

// A list of patches that is held becomes one value where there is no more room.
func TestConflateHeldPatches(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contained int64
		want      string
	}{
		"after none": {1000, "w1050 p1051"},
		"after some": {1003, "w1050 p1051"},
		"after all":  {1050, "p1051"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSlowRecord(t, hub.Terms{Policy: hub.Conflate, Patches: true}, func(s slowRecord) {
				held := s.subscribe()
				s.publish(1001, 1050)
				release(held, at("e", c.contained))
				s.publish(1051, 1051)
				s.expect(c.want)
			})
		})
	}
}

// Of several keys, each is left as a whole.
func TestConflateHeldKeys(t *testing.T) {
	t.Parallel()
	inSlowRecord(t, hub.Terms{Policy: hub.Conflate, Patches: true}, func(s slowRecord) {
		held := s.subscribe()
		for i := 1001; i <= 1050; i++ {
			d := record(fmt.Sprint(i))
			d.Key = fmt.Sprint(min(i, 1003)) // 1001 and 1002 are the only ones of theirs
			s.hub.Publish(board, d)
		}
		release(held, at("e", 1000))
		s.expect("w1001 w1002 w1050")
	})
}

// Nothing is patched across a gap.
func TestDropPatches(t *testing.T) {
	t.Parallel()
	inSlowRecord(t, hub.Terms{Policy: hub.Drop, Patches: true}, func(s slowRecord) {
		s.stall()
		s.publish(1001, 1020)
		s.expect("stall p1001 p1002 p1003 p1004 p1005 p1006 p1007 p1008 p1009 gap")
		s.publish(1021, 1023)
		s.expect("w1021 p1022 p1023")
		held := s.subscribe() // as the client does after a gap
		s.publish(1024, 1024)
		release(held, at("e", 1023))
		s.expect("p1024")
	})
}

func TestDropHeldPatches(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contained int64
		want      string
	}{
		"after none": {1000, "p1001 p1002 p1003 p1004 p1005 gap w1021 p1022"},
		"after some": {1003, "p1004 p1005 gap w1021 p1022"},
		"after most": {1019, "gap w1021 p1022"},
		"after all":  {1020, "p1021 p1022"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSlowRecord(t, hub.Terms{Policy: hub.Drop, Patches: true}, func(s slowRecord) {
				held := s.subscribe()
				s.publish(1001, 1020)
				release(held, at("e", c.contained))
				synctest.Wait()
				s.publish(1021, 1022)
				s.expect(c.want)
			})
		})
	}
}

func TestGapOfARecord(t *testing.T) {
	t.Parallel()
	inSlowRecord(t, hub.Terms{Policy: hub.Drop}, func(s slowRecord) {
		s.stall()
		s.publish(1001, 1020)
		s.wire.Block(false)
		synctest.Wait()
		got := s.wire.Texts()
		want := `{"command":"mesh/gap","payload":{"kind":"record","name":"board","epoch":"e","offset":1020}}`
		if len(got) != 5 || got[4] != want {
			s.Errorf("got %q", got[len(got)-1])
		}
	})
}

// What a collection shows is told of a gap, whatever the reply to someone else
// contained.
func TestAGapThatOthersHaveNotSeen(t *testing.T) {
	t.Parallel()
	inSlowRecord(t, hub.Terms{Policy: hub.Drop, Patches: true}, func(s slowRecord) {
		s.hub.Cover(s.session, board, hub.Drop, "x").Release()
		held := s.subscribe()
		s.publish(1001, 1010)
		held.ReleaseUpTo(at("e", 1010))
		s.session.Push(frame("reply"))
		release(held, at("e", 1010))
		synctest.Wait()
		s.publish(1011, 1011)
		s.expect("w1001 w1002 reply gap w1011")
	})
}

// Where a reply waits for room that there is not, the policy says what becomes
// of the versions before it; the newest of them arrives, or the session ends.
func TestReleaseUpToWithoutRoom(t *testing.T) {
	t.Parallel()
	for policy, want := range map[hub.Policy]string{
		hub.Drop:     "stall fill reply gap",
		hub.Conflate: "stall fill reply w1002",
	} {
		t.Run(policy.String(), func(t *testing.T) {
			t.Parallel()
			inSlowRecord(t, hub.Terms{Policy: policy}, func(s slowRecord) {
				held := s.fillBeforeTheReply()
				s.session.Reply([]byte("1"), []byte(`"reply"`), nil)
				release(held, at("e", 1002))
				s.expect(want)
			})
		})
	}
	t.Run("disconnect", func(t *testing.T) {
		t.Parallel()
		inSlowRecord(t, hub.Terms{}, func(s slowRecord) {
			s.fillBeforeTheReply()
			if cause := s.session.Closing(); cause == nil || cause.Code != abi.CloseSlowConsumer {
				s.Errorf("closing with %v", cause)
			}
		})
	})
}

// fillBeforeTheReply has a subscription that is covered held, two versions come,
// and the outbox filled before a reply that is about to have the second.
func (s slowRecord) fillBeforeTheReply() *hub.Hold {
	s.stall()
	s.hub.Cover(s.session, board, s.terms.Policy, "x").Release()
	held := s.subscribe()
	s.publish(1001, 1002)
	s.session.Push(protocol.AppendPush(nil, "fill", text(900)))
	held.ReleaseUpTo(at("e", 1002))
	return held
}

// The policy is that of the direct subscription, where there is one.
func TestPolicyOfTheCovered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		direct, cover hub.Policy
		unsubscribe   bool
		want          string
	}{
		"direct":      {hub.Drop, hub.Conflate, false, "stall w1001 w1002 w1003 gap"},
		"cover alone": {hub.Drop, hub.Conflate, true, "stall w1001 w1002 w1003 w1020"},
		"other":       {hub.Conflate, hub.Drop, false, "stall w1001 w1002 w1003 w1020"},
		"other alone": {hub.Conflate, hub.Drop, true, "stall w1001 w1002 w1003 gap"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSlowRecord(t, hub.Terms{Policy: c.direct, Patches: true}, func(s slowRecord) {
				s.hub.Cover(s.session, board, c.cover, "x").Release()
				if c.unsubscribe {
					s.hub.Unsubscribe(s.session, board)
				}
				s.stall()
				s.publish(1001, 1020)
				s.expect(c.want)
			})
		})
	}
}

// However many records wait conflated, the outbox is the bound.
func TestConflateIsBoundedOverTopics(t *testing.T) {
	t.Parallel()
	inSlowRecord(t, hub.Terms{}, func(s slowRecord) {
		s.stall()
		s.session.Push(protocol.AppendPush(nil, "fill", text(1000)))
		waiting := 0
		for i := 0; s.session.Closing() == nil && i < 100; i++ {
			topic := hub.Topic{Kind: hub.RecordTopic, Name: fmt.Sprint(i)}
			s.hub.Cover(s.session, topic, hub.Conflate, "x").Release()
			d := record("1")
			d.Whole = protocol.NewPush("w", text(100))
			waiting += s.hub.Publish(topic, d)
		}
		if cause := s.session.Closing(); cause == nil || cause.Code != abi.CloseSlowConsumer || waiting > 9 {
			s.Errorf("closing with %v after %d", cause, waiting)
		}
	})
}

// A diff for which there is no room ends the session, as any other push does.
func TestASendWithoutRoom(t *testing.T) {
	t.Parallel()
	inSlowRecord(t, hub.Terms{Policy: hub.Conflate}, func(s slowRecord) {
		s.stall()
		held := s.hub.Cover(s.session, board, hub.Conflate, "x")
		s.publish(1001, 1020)
		if !s.session.Send(protocol.NewPush("diff", text(900))) || s.session.Send(protocol.NewPush("diff", text(100))) {
			s.Error("the wrong one was taken")
		}
		if cause := s.session.Closing(); cause == nil || cause.Code != abi.CloseSlowConsumer {
			s.Errorf("closing with %v", cause)
		}
		held.ReleaseUpTo(at("e", 1010))
		release(held, at("e", 1010))
	})
}
