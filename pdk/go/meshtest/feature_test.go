package meshtest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/meshtest"
)

// club is a plugin with something of every feature. Its command "do" runs what
// a test puts into do.
func club(do *func() string) func(*mesh.Plugin) error {
	return func(p *mesh.Plugin) error {
		p.Command("do", func(*mesh.Call) (mesh.JSON, error) { return mesh.Text((*do)()), nil })
		p.Guard("members", func(c *mesh.GuardCall) error {
			ok, err := mesh.Rooms.Has(c.Name(), c.ConnectionID())
			if err == nil && !ok {
				err = mesh.Denied("You are no member.")
			}
			return err
		})
		p.Guard("users", func(c *mesh.GuardCall) error {
			if c.User() == "" {
				return mesh.Denied("You are nobody.")
			}
			return nil
		})
		p.Channel("/^club:.+$/", mesh.GuardedBy("members"), mesh.PublishableBy("users"), mesh.History(2))
		p.Channel("open", mesh.Publishable())
		p.Channel("/.*/", mesh.GuardedBy("users"))
		p.Presence("/^club:.+$/")
		p.Presence("/^shy:.+$/", mesh.GuardedBy("users"))
		p.Room("/^club:.+$/", mesh.GuardedBy("users"))
		p.MetadataGuard("users")
		p.OnJoin(func(c *mesh.RoomChange) error { return tell("join", c) })
		p.OnLeave(func(c *mesh.RoomChange) error { return tell("leave", c) })
		return nil
	}
}

func tell(event string, c *mesh.RoomChange) error {
	if c.Room == "broken" {
		return errors.New("the hook fails")
	}
	_, err := mesh.Broadcast(event, mesh.Text(c.ConnectionID()+" "+c.Room+" "+c.Reason+" "+c.Metadata().String()), c.ConnectionID())
	return err
}

// newClub has the connections ann, bob and nobody, who is anonymous.
func newClub(t *testing.T) (host *meshtest.Host, run func(do func() string) string) {
	t.Helper()
	var current func() string
	host = meshtest.New(t, club(&current))
	for _, c := range []meshtest.Connection{{ID: "ann1", User: "ann", Metadata: mesh.JSON(`{"a":1}`)}, {ID: "bob1", User: "bob"}, {ID: "bob2", User: "bob"}, {ID: "x"}} {
		if err := host.Connect(c); err != nil {
			t.Fatal(err)
		}
	}
	return host, func(do func() string) string {
		current = do
		reply, err := host.Call("x", "do", "")
		if err != nil {
			t.Error(err)
		}
		return mustText(reply)
	}
}

func failure(err error) string {
	var e *mesh.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

func TestClients(t *testing.T) {
	t.Parallel()
	host, _ := newClub(t)
	for _, step := range []struct {
		err  error
		want string
	}{
		{host.Join("x", "club:1"), mesh.CodeDenied},
		{host.Subscribe("ann1", "club:1"), mesh.CodeDenied},
		{host.Join("ann1", "club:1"), "<nil>"},
		{host.Join("ann1", "club:1"), "<nil>"},
		{host.Join("bob1", "club:1"), "<nil>"},
		{host.Subscribe("ann1", "club:1"), "<nil>"},
		{host.Publish("x", "club:1", `"hi"`), mesh.CodeDenied},
		{host.Publish("bob1", "club:1", `"hi"`), "<nil>"},
		{host.Publish("bob1", "club:1", `rubbish`), mesh.CodePayload},
		{host.Publish("bob1", "other", `"hi"`), mesh.CodeDenied},
		{host.Subscribe("x", "open"), "<nil>"},
		{host.Publish("x", "open", `{"n":1}`), "<nil>"},
		{host.Subscribe("x", "other"), mesh.CodeDenied},
		{host.SubscribePresence("x", "shy:1"), mesh.CodeDenied},
		{host.SubscribePresence("bob1", "shy:1"), "<nil>"},
		{host.SubscribePresence("bob1", "untracked"), mesh.CodeDenied},
		{host.Join("x", "shy:1"), "<nil>"}, // a member, but not present
		{host.Join("ann1", "shy:1"), "<nil>"},
		{host.Leave("ann1", "shy:1"), "<nil>"},
		{host.Leave("ann1", "shy:1"), "<nil>"},
		{host.Join("ann1", ""), mesh.CodePayload},
		{host.Join("ann1", strings.Repeat("x", 257)), mesh.CodePayload},
		{host.Join("missing", "club:1"), mesh.CodeNotFound},
		{host.Disconnect("bob1", 1001, ""), "<nil>"},
	} {
		if got := failure(step.err); got != step.want {
			t.Errorf("got %v, want %s", step.err, step.want)
		}
	}
	if got := fmt.Sprint(host.Members("club:1"), host.Present("club:1"), host.Members("shy:1"), host.Present("shy:1"), host.Members("no")); got != "[ann1] [ann1] [x] [] []" {
		t.Errorf("members and present are %s", got)
	}
	if got := host.Messages("club:1"); !slices.Equal(got, []string{"hi"}) {
		t.Errorf("the messages are %q", got)
	}
	wantPushes(t, host.Pushes("ann1"), `join "bob1 club:1  "`, `mesh/subscription-message {"channel":"club:1","message":"hi","offset":1,"epoch":"test"}`,
		`join "x shy:1  "`, `leave "bob1 club:1 disconnect "`)
	wantPushes(t, host.Pushes("x"), `join "ann1 club:1  {\"a\":1}"`, `join "bob1 club:1  "`, `mesh/subscription-message {"channel":"open","message":"{\"n\":1}"}`,
		`join "ann1 shy:1  {\"a\":1}"`, `leave "ann1 shy:1 leave {\"a\":1}"`, `leave "bob1 club:1 disconnect "`)
	checkPresencePushes(t, host.Pushes("bob1"), "join ann1", "leave ann1")
}

func checkPresencePushes(t *testing.T, pushes []meshtest.Push, want ...string) {
	t.Helper()
	var got []string
	for _, p := range pushes {
		if p.Command == "mesh/presence-update" {
			got = append(got, strings.TrimSpace(mustText(p.Payload.Get("type"))+" "+mustText(p.Payload.Get("connectionId"))+" "+p.Payload.Get("state").String()))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("presence updates are %q, want %q", got, want)
	}
}

func TestMiddlewareStandsBeforeClients(t *testing.T) {
	t.Parallel()
	host := meshtest.New(t, func(p *mesh.Plugin) error {
		p.Middleware("rooms", func(c *mesh.MiddlewareCall) error {
			switch room := mustText(c.Payload().Get("roomName")); {
			case c.Name() == "mesh/publish-channel":
				c.SetPayload(mesh.Object().Text("channel", "open").Text("message", "****").JSON())
			case room == "closed":
				return mesh.Denied("closed")
			case room == "answered":
				c.Reply(mesh.JSON(`true`))
			case room == "old":
				c.SetPayload(mesh.Object().Text("roomName", "new").JSON())
			}
			return nil
		}, mesh.Global())
		p.Channel("open", mesh.Publishable())
		return nil
	})
	if err := host.Connect(meshtest.Connection{ID: "c1"}); err != nil {
		t.Fatal(err)
	}
	for room, want := range map[string]string{"closed": mesh.CodeDenied, "answered": "<nil>", "old": "<nil>"} {
		if got := failure(host.Join("c1", room)); got != want {
			t.Errorf("%s: got %s, want %s", room, got, want)
		}
	}
	if got := fmt.Sprint(host.Members("closed"), host.Members("answered"), host.Members("old"), host.Members("new")); got != "[] [] [] [c1]" {
		t.Errorf("the members are %s", got)
	}
	if err := host.Publish("c1", "open", `"damn"`); err != nil || !slices.Equal(host.Messages("open"), []string{"****"}) {
		t.Errorf("got %q, %v", host.Messages("open"), err)
	}
}

func TestRooms(t *testing.T) {
	t.Parallel()
	host, run := newClub(t)
	for _, step := range []struct {
		do   func() string
		want string
	}{
		{func() string { return say(mesh.Rooms.Add("club:1", "ann1")) }, "true <nil>"},
		{func() string { return say(mesh.Rooms.Add("club:1", "ann1")) }, "false <nil>"},
		{func() string { return say(mesh.Rooms.Add("club:1", "missing")) }, "false " + mesh.CodeNotFound},
		{func() string { return say(mesh.Rooms.Add("\n", "ann1")) }, "false " + mesh.CodePayload},
		{func() string { return say(mesh.Rooms.Add("club:2", "ann1")) }, "true <nil>"},
		{func() string { return say(mesh.Rooms.Add("club:2", "bob1")) }, "true <nil>"},
		{func() string { return say(mesh.Rooms.Has("club:2", "bob1")) }, "true <nil>"},
		{func() string { return say(mesh.Rooms.Has("club:3", "bob1")) }, "false <nil>"},
		{func() string { return say(mesh.Rooms.Members("club:2")) }, "[ann1 bob1] <nil>"},
		{func() string { return say(mesh.Rooms.Members("club:3")) }, "[] <nil>"},
		{func() string { return say(mesh.Rooms.Of("ann1")) }, "[club:1 club:2] <nil>"},
		{func() string { return sayPage(mesh.Rooms.List("", 1)) }, "[club:1] club:1 <nil>"},
		{func() string { return sayPage(mesh.Rooms.List("club:1", 1)) }, "[club:2]  <nil>"},
		{func() string { return say(mesh.Rooms.Send("club:2", "hi", mesh.Int(1), "ann1")) }, "1 <nil>"},
		{func() string { return say(mesh.Rooms.Send("club:2", "mesh/hi", nil)) }, "0 " + mesh.CodePayload},
		{func() string { return say(mesh.Rooms.Metadata("club:2")) }, "null <nil>"},
		{func() string { return say(mesh.Rooms.SetMetadata("club:2", mesh.JSON(`{"a":{"b":1}}`), mesh.Replace)) }, `{"a":{"b":1}} <nil>`},
		{func() string {
			return say(mesh.Rooms.SetMetadata("club:2", mesh.JSON(`{"a":{"c":2}}`), mesh.DeepMerge))
		}, `{"a":{"b":1,"c":2}} <nil>`},
		{func() string { return say(mesh.Rooms.SetMetadata("club:2", mesh.JSON(`[1]`), mesh.Merge)) }, ` ` + mesh.CodePayload},
		{func() string { return say(mesh.Rooms.SetMetadata("empty", mesh.JSON(`1`), mesh.Replace)) }, `1 <nil>`},
		{func() string { return sayPage(mesh.Rooms.ListMetadata("", 0)) }, `{"club:2":{"a":{"b":1,"c":2}},"empty":1}  <nil>`},
		{func() string { return say(mesh.Rooms.SetMetadata("empty", mesh.JSON(`null`), "")) }, `null <nil>`},
		{func() string { return sayPage(mesh.Rooms.ListMetadata("", 1)) }, `{"club:2":{"a":{"b":1,"c":2}}}  <nil>`},
		{func() string { return sayPage(mesh.Connections.ListMetadata("club:2", "", 1)) }, `[{"ann1":{"a":1}}] ann1 <nil>`},
		{func() string { return sayPage(mesh.Connections.ListMetadata("", "bob1", 0)) }, `[{"bob2":null},{"x":null}]  <nil>`},
		{func() string { return say(mesh.Rooms.Remove("club:2", "bob1")) }, "true <nil>"},
		{func() string { return say(mesh.Rooms.Remove("club:2", "bob1")) }, "false <nil>"},
		{func() string { return say(mesh.Rooms.Clear("club:2")) }, "1 <nil>"},
		{func() string { return say(mesh.Rooms.Metadata("club:2")) }, "null <nil>"},
		{func() string { return say(mesh.Rooms.RemoveFromAll("ann1")) }, "[club:1] <nil>"},
		{func() string { return say(mesh.Rooms.RemoveFromAll("ann1")) }, "[] <nil>"},
		{func() string { return say(mesh.Rooms.Add("broken", "ann1")) }, "true <nil>"},
	} {
		if got := run(step.do); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
	wantPushes(t, host.Pushes("bob2"), `join "ann1 club:1  {\"a\":1}"`, `join "ann1 club:2  {\"a\":1}"`, `join "bob1 club:2  "`,
		`leave "bob1 club:2 removed "`, `leave "ann1 club:2 cleared {\"a\":1}"`, `leave "ann1 club:1 removed {\"a\":1}"`)
	if failures := host.Failures(); len(failures) != 1 || failures[0].Error() != "the hook fails" {
		t.Errorf("the failures are %v", failures)
	}
}

func say[T any](v T, err error) string { return fmt.Sprint(v, " ", failure(err)) }

func sayPage[T any](v T, next string, err error) string {
	return fmt.Sprint(v, " ", next, " ", failure(err))
}

func TestPresence(t *testing.T) {
	t.Parallel()
	host, run := newClub(t)
	if err := errors.Join(host.Join("ann1", "club:1"), host.Join("x", "shy:1"), host.SubscribePresence("bob1", "club:1")); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		do   func() string
		want string
	}{
		{func() string { return say(mesh.Presence.Set("club:1", "ann1", mesh.Text("busy"), mesh.Forever)) }, "true <nil>"},
		{func() string { return say(mesh.Presence.Set("club:1", "x", mesh.Text("busy"), 0)) }, "false <nil>"},
		{func() string { return say(mesh.Presence.Set("shy:1", "x", mesh.Text("busy"), 0)) }, "false <nil>"},
		{func() string { return say(mesh.Presence.Set("club:1", "ann1", nil, 0)) }, "false " + mesh.CodePayload},
		{func() string { return sayList(mesh.Presence.List("club:1")) }, `[ann1] {"ann1":"busy"} <nil>`},
		{func() string { return say(mesh.Presence.SetSilently("club:1", "ann1", mesh.Int(2), mesh.Hour)) }, "true <nil>"},
		{func() string { return say(mesh.Presence.Clear("club:1", "ann1")) }, "true <nil>"},
		{func() string { return say(mesh.Presence.Clear("club:1", "ann1")) }, "true <nil>"},
		{func() string { return say(mesh.Presence.Clear("club:1", "x")) }, "false <nil>"},
		{func() string { return say(mesh.Presence.Unsubscribe("club:1", "bob1", "enough")) }, "true <nil>"},
		{func() string { return say(mesh.Presence.Unsubscribe("club:1", "bob1", "enough")) }, "false <nil>"},
		{func() string { return say(mesh.Presence.Set("club:1", "ann1", mesh.Int(3), mesh.Millisecond)) }, "true <nil>"},
		{func() string { return sayList(mesh.Presence.List("nowhere")) }, `[] {} <nil>`},
	} {
		if got := run(step.do); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
	checkPresencePushes(t, host.Pushes("bob1"), `state ann1 "busy"`, `state ann1 null`)
	if last := host.Pushes("bob1"); last[len(last)-1].Payload.String() != `{"kind":"presence","name":"club:1","reason":"enough"}` {
		t.Errorf("got %v", last)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); host.State("club:1", "ann1") != nil; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the state is still there")
		}
	}
}

func sayList(present []string, states mesh.JSON, err error) string {
	return fmt.Sprint(present, " ", states, " ", failure(err))
}

func TestChannels(t *testing.T) {
	t.Parallel()
	host, run := newClub(t)
	if err := host.Subscribe("x", "open"); err != nil {
		t.Fatal(err)
	}
	history := func(channel string, q mesh.HistoryQuery) string {
		page, err := mesh.Channels.History(channel, q)
		var list []string
		for m := range page.Messages() {
			list = append(list, fmt.Sprintf("%d %s %t", m.Offset, m.Text, m.Time > 0))
		}
		return fmt.Sprintf("%s %v %s", list, page.Position, failure(err))
	}
	for _, step := range []struct {
		do   func() string
		want string
	}{
		{func() string { return say(mesh.Channels.Publish("open", mesh.JSON(`[1]`))) }, "{ 0} <nil>"},
		{func() string { return history("open", mesh.HistoryQuery{}) }, "[] { 0} <nil>"},
		{func() string { return say(mesh.Channels.PublishKeeping("open", mesh.Text("kept"), 5)) }, "{test 1} <nil>"},
		{func() string { return say(mesh.Channels.PublishKeeping("open", mesh.Text("no"), 100_001)) }, "{ 0} " + mesh.CodePayload},
		{func() string { return say(mesh.Channels.Publish("open", mesh.Text("too"))) }, "{test 2} <nil>"},
		{func() string { return history("open", mesh.HistoryQuery{}) }, "[2 too true 1 kept true] {test 2} <nil>"},
		{func() string { return history("open", mesh.HistoryQuery{Limit: 1}) }, "[2 too true] {test 2} <nil>"},
		{func() string { return history("open", mesh.HistoryQuery{Since: 1}) }, "[2 too true] {test 2} <nil>"},
		{func() string { return history("open", mesh.HistoryQuery{SinceTime: 1 << 60}) }, "[] {test 2} <nil>"},
		{func() string { return say(mesh.Channels.Publish("club:1", mesh.Text("a"))) }, "{test 1} <nil>"},
		{func() string { return say(mesh.Channels.Publish("club:1", mesh.Text("b"))) }, "{test 2} <nil>"},
		{func() string { return say(mesh.Channels.Publish("club:1", mesh.Text("c"))) }, "{test 3} <nil>"},
		{func() string { return history("club:1", mesh.HistoryQuery{}) }, "[3 c true 2 b true] {test 3} <nil>"},
		{func() string { return say(mesh.Channels.Publish("", mesh.Text("a"))) }, "{ 0} " + mesh.CodePayload},
		{func() string { return say(mesh.Channels.Publish("open", nil)) }, "{ 0} " + mesh.CodePayload},
		{func() string { return say(mesh.Channels.Unsubscribe("open", "x", strings.Repeat("x", 124))) }, "false " + mesh.CodePayload},
		{func() string { return say(mesh.Channels.Unsubscribe("open", "x", "bye")) }, "true <nil>"},
		{func() string { return say(mesh.Channels.Unsubscribe("open", "x", "bye")) }, "false <nil>"},
		{func() string { return say(mesh.Channels.Publish("open", mesh.Text("unheard"))) }, "{test 3} <nil>"},
	} {
		if got := run(step.do); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
	wantPushes(t, host.Pushes("x"), `mesh/subscription-message {"channel":"open","message":"[1]"}`,
		`mesh/subscription-message {"channel":"open","message":"kept","offset":1,"epoch":"test"}`,
		`mesh/subscription-message {"channel":"open","message":"too","offset":2,"epoch":"test"}`,
		`mesh/unsubscribed {"kind":"channel","name":"open","reason":"bye"}`)
}

func TestUsers(t *testing.T) {
	t.Parallel()
	host, run := newClub(t)
	for _, step := range []struct {
		do   func() string
		want string
	}{
		{func() string { return sayPage(mesh.Users.List("", 1)) }, "[ann] ann <nil>"},
		{func() string { return sayPage(mesh.Users.List("ann", 1)) }, "[bob]  <nil>"},
		{func() string { return say(mesh.Users.Connections("bob")) }, "[bob1 bob2] <nil>"},
		{func() string { return say(mesh.Users.Connections("")) }, "[] <nil>"},
		{func() string { return say(mesh.Users.Send([]string{"bob", "carl", ""}, "hi", nil, "bob2")) }, "1 <nil>"},
		{func() string { return say(mesh.Users.Send(nil, "hi", nil)) }, "0 <nil>"},
		{func() string { return say(mesh.Users.Disconnect("bob", 1234, "")) }, "0 " + mesh.CodePayload},
		{func() string { return say(mesh.Users.Disconnect("bob", 0, "bye")) }, "2 <nil>"},
		{func() string { return say(mesh.Users.Disconnect("bob", 0, "bye")) }, "0 <nil>"},
	} {
		if got := run(step.do); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
	if closed := host.Closed(); len(closed) != 2 || closed[1] != (meshtest.Closure{ConnectionID: "bob2", Code: mesh.CloseKicked, Reason: "bye"}) {
		t.Errorf("closed are %+v", closed)
	}
	run(func() string {
		list, next, err := mesh.Connections.List("ann", "", 0)
		for c := range list.Items() {
			if at, err := time.Parse(time.RFC3339, mustText(c.Get("connectedAt"))); err != nil || time.Since(at) > time.Hour {
				t.Errorf("connected at %s", c.Get("connectedAt"))
			}
		}
		if !strings.HasPrefix(list.String(), `[{"connectionId":"ann1","user":"ann","node":"test","latency":0,`) || next != "" || err != nil {
			t.Errorf("got %s, %q, %v", list, next, err)
		}
		list, next, err = mesh.Connections.List("", "", 1)
		if !strings.Contains(list.String(), "ann1") || next != "ann1" || err != nil {
			t.Errorf("got %s, %q, %v", list, next, err)
		}
		return ""
	})
}

func TestExposuresAreChecked(t *testing.T) {
	t.Parallel()
	for want, setup := range map[string]func(p *mesh.Plugin){
		`channels "a": guard "g" is not registered`:       func(p *mesh.Plugin) { p.Channel("a", mesh.GuardedBy("g")) },
		`channels "a": guard "h" is not registered`:       func(p *mesh.Plugin) { p.Channel("a", mesh.PublishableBy("h")) },
		`rooms "a": guard "g" is not registered`:          func(p *mesh.Plugin) { p.Room("a", mesh.MetadataGuardedBy("g")) },
		`metadataGuard: guard "g" is not registered`:      func(p *mesh.Plugin) { p.MetadataGuard("g") },
		`channels "/(/": error parsing regexp`:            func(p *mesh.Plugin) { p.Channel("/(/") },
		`presence "": it is neither a name`:               func(p *mesh.Plugin) { p.Presence("") },
		`history must be 0 to 100000`:                     func(p *mesh.Plugin) { p.Channel("a", mesh.History(100_001)) },
		`historyTtl "-1s" is no duration`:                 func(p *mesh.Plugin) { p.Channel("a", mesh.HistoryTTL(-mesh.Second)) },
		`ttl "999ms" is no duration of at least`:          func(p *mesh.Plugin) { p.Presence("a", mesh.TTL(999)) },
		`slowConsumer "shrug" is none of`:                 func(p *mesh.Plugin) { p.Presence("a", mesh.SlowConsumer("shrug")) },
		`a hook for "join" is registered twice`:           func(p *mesh.Plugin) { p.OnJoin(nothing); p.OnJoin(nothing) },
		`guard "g" has no handler`:                        func(p *mesh.Plugin) { p.Guard("g", nil) },
		`presence "/^a(?P<b>.$/": error parsing regexp: `: func(p *mesh.Plugin) { p.Presence("/^a(?P<b>.$/") },
	} {
		_, err := meshtest.Load(func(p *mesh.Plugin) error { setup(p); return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func nothing(*mesh.RoomChange) error { return nil }
