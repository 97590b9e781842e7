package main

import (
	"fmt"
	"strings"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

func TestIsName(t *testing.T) {
	for name, want := range map[string]bool{
		"Ann": true, "Jean-Luc P.": true, "日本": true, "नमस्ते": true, "a_1": true, strings.Repeat("ä", 24): true,
		"": false, "1a": false, " a": false, "a ": false, "a  b": false, "a\nb": false, "a\u200bb": false, "<b>": false, "/kick": false,
		strings.Repeat("a", 25): false, "a\xff": false, "a😀": false,
	} {
		if got := isName(name); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
}

func TestMask(t *testing.T) {
	settings = chatSettings{words: map[string]bool{"darn": true, "øl": true}}
	for text, want := range map[string]string{
		"": "", "...": "...", "darn": "****", "Darn!": "****!", "(dArN,darn)": "(****,****)", "darned xdarn": "darned xdarn",
		"ØL øl": "** **", "a\xffdarn": "a\xff****",
	} {
		if got := mask(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestNames(t *testing.T) {
	c := newChat(t, config)
	for _, who := range []string{"b", "c", "m/ann"} {
		c.connect(who)
	}
	if got := c.does("b", "chat.name", `{"name":"Bob"}`); got != `{"name":"Bob","moderator":false}` {
		t.Errorf("got %s", got)
	}
	for payload, code := range map[string]string{
		``: mesh.CodePayload, `{"name":1}`: mesh.CodePayload, `{"name":""}`: mesh.CodePayload, `{"name":"x","key":1}`: mesh.CodePayload,
		`{"name":"x","key":"` + strings.Repeat("k", 65) + `"}`: mesh.CodePayload,
		`{"name":"bOb"}`:          mesh.CodeConflict,
		`{"name":"bob","key":""}`: mesh.CodeConflict,
		`{"name":"Darn Carl"}`:    mesh.CodeDenied,
		`{"name":"ANN"}`:          mesh.CodeDenied,
	} {
		c.fails("c", "chat.name", payload, code)
	}
	if got := c.does("m", "chat.name", `{"name":"Ann"}`); got != `{"name":"Ann","moderator":true}` {
		t.Errorf("got %s", got)
	}
	// The same again, in another case, another one, and what is free then.
	c.allow(c.Join("b", "chat:x"), c.Join("b", "lobby"))
	for _, name := range []string{"Bob", "BOB", "Bert"} {
		c.does("b", "chat.name", `{"name":"`+name+`"}`)
	}
	c.does("c", "chat.name", `{"name":"bob"}`)
	c.wantSaid("chat:x", "Bob has joined", "Bob is now called BOB", "BOB is now called Bert")
	// Who has gone holds no name.
	c.allow(c.Disconnect("b", 1000, ""))
	c.does("c", "chat.name", `{"name":"Bert"}`)
	c.fails("m", "chat.name", `{"name":"bert"}`, mesh.CodeConflict)
}

func TestTrustedNames(t *testing.T) {
	c := newChat(t, `{"moderators":["ann"],"trust_names":true}`)
	c.connect("a")
	if got := c.does("a", "chat.name", `{"name":"Ann"}`); got != `{"name":"Ann","moderator":true}` {
		t.Errorf("got %s", got)
	}
}

// A client that comes back before the host knows that its connection is dead
// takes its name along.
func TestComingBack(t *testing.T) {
	c := newChat(t, config)
	c.connect("old")
	c.does("old", "chat.name", `{"name":"Bob","key":"k1"}`)
	c.allow(c.Join("old", "chat:x"))
	c.connect("new")
	c.fails("new", "chat.name", `{"name":"Bob","key":"k2"}`, mesh.CodeConflict)
	c.does("new", "chat.name", `{"name":"Bob","key":"k1"}`)
	if closed := c.Closed(); len(closed) != 1 || closed[0].ConnectionID != "old" || closed[0].Code != mesh.CloseReplaced {
		t.Errorf("closed are %v", closed)
	}
	c.connect("other")
	c.fails("other", "chat.name", `{"name":"Bob"}`, mesh.CodeConflict)
	c.wantSaid("chat:x", "Bob has joined", "Bob has left")
}

// A crash leaves names behind whose connections are no more.
func TestStaleNames(t *testing.T) {
	c := newChat(t, config)
	c.connect("b")
	c.does("b", "chat.name", `{"name":"Bob"}`)
	c.allow(c.Disconnect("b", 1000, ""))
	c.connect("c")
	for _, left := range []string{`{"id":"dead","key":"k"}`, `"rubbish"`} {
		c.allow(c.with(func() error { return mesh.KV.Set("name:bob", mesh.JSON(left), mesh.Forever) }))
		c.does("c", "chat.name", `{"name":"Bob"}`)
	}
}

// Of two who choose a name at once one gets it: what the other finds is a name that
// its holder's metadata does not have yet.
func TestNameThatIsBeingTaken(t *testing.T) {
	c := newChat(t, config)
	c.connect("b")
	c.connect("c")
	claimed := func(ago int64) {
		record := mesh.Object().Text("id", "b").Text("key", "").Int("at", now()-ago).JSON()
		c.allow(c.with(func() error { return mesh.KV.Set("name:bob", record, mesh.Forever) }))
	}
	claimed(0)
	c.fails("c", "chat.name", `{"name":"Bob"}`, mesh.CodeConflict)
	claimed(2 * claiming) // and then came to nothing
	c.does("c", "chat.name", `{"name":"Bob"}`)
}

// with runs something as the plugin would, in a hook.
func (c *chat) with(run func() error) (err error) {
	c.t.Helper()
	before := pending
	pending = run
	defer func() { pending = before }()
	_, err = c.Call("c", "test.run", `{}`)
	return err
}

// pending is what the command test.run does.
var pending func() error

func TestKick(t *testing.T) {
	for who, kicked := range map[string]string{
		"Bob": `["b"]`, "bOB": `["b"]`, "b": `["b"]`, "tom": `["t1","t2"]`, "Tim": `["t1"]`,
	} {
		c := newChat(t, config)
		const room = "chat:x"
		c.enter("m/ann", "Boss", room)
		c.enter("b", "Bob", room)
		c.enter("t1/tom", "Tim", room)
		c.enter("t2/tom", "Tam", room)
		c.enter("elsewhere", "Eve", "chat:y")
		if got := c.does("m", "chat.send", `{"room":"chat:x","text":"/kick  `+who+` "}`); got != `{"kicked":`+kicked+`}` {
			t.Errorf("/kick %s: got %s", who, got)
		}
		ids, _ := mesh.JSON(kicked).AsTexts()
		for _, id := range ids {
			c.isOut(id, room)
		}
		heard := c.got("b", "mesh/subscription-message")
		c.does("m", "chat.send", `{"room":"chat:x","text":"behind the back"}`)
		if again := c.got("b", "mesh/subscription-message"); strings.Contains(kicked, `"b"`) && len(again) != len(heard) {
			t.Errorf("%s still hears %q", who, again[len(heard):])
		}
		if got := fmt.Sprint(c.said(room)); strings.Count(got, " was kicked by Boss") != len(ids) {
			t.Errorf("/kick %s: %s", who, got)
		}
	}
}

// isOut checks that all that came with a membership is over.
func (c *chat) isOut(id, room string) {
	c.t.Helper()
	if got := c.got(id, "chat.kicked"); len(got) != 1 || got[0] != `{"room":"chat:x","by":"Boss"}` {
		c.t.Errorf("%s was told %q", id, got)
	}
	if got := c.got(id, "mesh/unsubscribed"); len(got) != 2 {
		c.t.Errorf("%s: the subscriptions that ended are %q", id, got)
	}
	c.refused(c.Join(id, room), mesh.CodeDenied)
	c.refused(c.Subscribe(id, room), mesh.CodeDenied)
	c.refused(c.SubscribePresence(id, room), mesh.CodeDenied)
	c.fails(id, "chat.send", `{"room":"chat:x","text":"hi"}`, mesh.CodeDenied)
	c.allow(c.Join(id, "chat:z"))
}

func TestKickRefuses(t *testing.T) {
	c := newChat(t, config)
	c.enter("m/ann", "Boss", "chat:x")
	c.enter("b", "Bob", "chat:x")
	c.enter("e", "Eve", "chat:y")
	for payload, code := range map[string]string{
		`{}`: mesh.CodePayload, `{"room":"chat:x"}`: mesh.CodePayload, `{"room":"chat:x","who":""}`: mesh.CodePayload,
		`{"room":"lobby","who":"b"}`:                                 mesh.CodePayload,
		`{"room":"chat:x","who":"` + strings.Repeat("x", 257) + `"}`: mesh.CodePayload,
		`{"room":"chat:x","who":"Eve"}`:                              mesh.CodeNotFound,
		`{"room":"chat:x","who":"nobody"}`:                           mesh.CodeNotFound,
		`{"room":"chat:x","who":"` + strings.Repeat("x", 256) + `"}`: mesh.CodeNotFound,
		`{"room":"chat:x","who":"Boss"}`:                             mesh.CodeDenied,
	} {
		c.fails("m", "chat.kick", payload, code)
	}
	c.fails("b", "chat.kick", `{"room":"chat:x","who":"Boss"}`, mesh.CodeDenied)
	c.does("m", "chat.kick", `{"room":"chat:x","who":"Bob"}`)
}

// A user with a name as long as may be can be kept out as well.
func TestKickOfALongUser(t *testing.T) {
	user := strings.Repeat("ü", 128)
	c := newChat(t, config)
	c.enter("m/ann", "Boss", "chat:x")
	c.enter("u/"+user, "Ulf", "chat:x")
	c.does("m", "chat.kick", `{"room":"chat:x","who":"Ulf"}`)
	c.refused(c.Join("u", "chat:x"), mesh.CodeDenied)
}

// An operator's room.remove, and rooms.clear, look different from a kick.
func TestRemovalByOperator(t *testing.T) {
	c := newChat(t, config)
	c.enter("b", "Bob", "chat:x")
	c.enter("c", "Carl", "chat:x")
	c.allow(c.with(func() error {
		_, err := mesh.Rooms.Remove("chat:x", "b")
		return err
	}))
	c.allow(c.Join("b", "chat:x"))
	c.allow(c.with(func() error {
		_, err := mesh.Rooms.Clear("chat:x")
		return err
	}))
	c.wantSaid("chat:x", "Bob has joined", "Carl has joined", "Bob was removed", "Bob has joined")
}
