package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/meshtest"
)

const config = `{"moderators":["Ann"],"words":["darn","Blödsinn"],"rate":1000}`

// chat is a host with clients. The tests are not parallel: the instances of a
// plugin do not share its variables, but the hosts of a test do.
type chat struct {
	*meshtest.Host
	t *testing.T
}

func newChat(t *testing.T, config string) *chat {
	t.Helper()
	withRun := func(p *mesh.Plugin) error {
		p.Command("test.run", func(*mesh.Call) (mesh.JSON, error) { return nil, pending() })
		return setup(p)
	}
	return &chat{meshtest.New(t, withRun, meshtest.WithConfig(config)), t}
}

// connect adds a connection whose user, if it has one, is written after a
// slash: "c1/ann".
func (c *chat) connect(who string) {
	c.t.Helper()
	id, user, _ := strings.Cut(who, "/")
	if err := c.Connect(meshtest.Connection{ID: id, User: user}); err != nil {
		c.t.Fatal(err)
	}
}

// enter brings someone into a room, with all that a client subscribes to.
func (c *chat) enter(who, name, room string) {
	c.t.Helper()
	c.connect(who)
	id, _, _ := strings.Cut(who, "/")
	c.does(id, "chat.name", mesh.Object().Text("name", name).JSON().String())
	c.allow(c.Join(id, room), c.Subscribe(id, room), c.SubscribePresence(id, room))
}

func (c *chat) does(id, command, payload string) string {
	c.t.Helper()
	reply, err := c.Call(id, command, payload)
	if err != nil {
		c.t.Fatalf("%s %s: %v", command, payload, err)
	}
	return string(reply)
}

func (c *chat) fails(id, command, payload, code string) {
	c.t.Helper()
	reply, err := c.Call(id, command, payload)
	c.refused(err, code)
	if err == nil {
		c.t.Errorf("%s %s: got %s, want %s", command, payload, reply, code)
	}
}

func (c *chat) refused(err error, code string) {
	c.t.Helper()
	var e *mesh.Error
	if !errors.As(err, &e) || e.Code != code {
		c.t.Errorf("got %v, want %s", err, code)
	}
}

func (c *chat) allow(errs ...error) {
	c.t.Helper()
	if err := errors.Join(errs...); err != nil {
		c.t.Error(err)
	}
}

// said returns what was published in a room: "name: text" and notices.
func (c *chat) said(room string) (list []string) {
	c.t.Helper()
	for _, message := range c.Messages(room) {
		in := mesh.JSON(message).Fields()
		var line string
		if in.Has("notice") {
			line = in.Text("notice")
		} else {
			line = in.Text("name") + ": " + in.Text("text")
		}
		if in.Text("from") == "" || in.Int("at") < 1e12 || in.Err() != nil {
			c.t.Errorf("the message %s is wrong: %v", message, in.Err())
		}
		list = append(list, line)
	}
	return list
}

func (c *chat) wantSaid(room string, want ...string) {
	c.t.Helper()
	if got := c.said(room); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		c.t.Errorf("in %s was said %q, want %q", room, got, want)
	}
}

// got returns the pushes of one name that a connection has.
func (c *chat) got(id, command string) (payloads []string) {
	for _, push := range c.Pushes(id) {
		if push.Command == command {
			payloads = append(payloads, push.Payload.String())
		}
	}
	return payloads
}

func TestSettings(t *testing.T) {
	for config, want := range map[string]string{
		`{}`: "",
		`{"moderators":[],"words":["x"],"trust_names":true,"rate":1,"kick_seconds":1}`: "",
		`{"moderators":"ann"}`:   "moderators must be a list",
		`{"moderators":[""]}`:    "moderators must be a list",
		`{"moderators":[1]}`:     "moderators must be a list",
		`{"words":{}}`:           "words must be a list",
		`{"trust_names":1}`:      "trust_names must be true or false",
		`{"rate":0}`:             "rate must be a whole number",
		`{"kick_seconds":0}`:     "kick_seconds must be",
		`{"kick_seconds":1e3}`:   "kick_seconds must be",
		`{"kick_seconds":1e300}`: "kick_seconds must be",
		`{"moderator":["ann"]}`:  "moderator is unknown",
	} {
		_, err := meshtest.Load(setup, meshtest.WithConfig(config))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", config, err, want)
		}
	}
}

func TestTalk(t *testing.T) {
	c := newChat(t, config)
	const room = "chat:x"
	c.enter("b", "Bob", room)
	c.enter("c", "Carl", room)
	if got := c.does("b", "chat.send", `{"room":"chat:x","text":" Hello <b>, DARN it, blödsinn! darned "}`); got != `{"offset":3}` {
		t.Errorf("got %s", got)
	}
	c.allow(c.Leave("c", room))
	c.does("b", "chat.send", `{"room":"chat:x","text":"alone"}`)
	c.allow(c.Disconnect("b", 1000, ""))
	c.wantSaid(room, "Bob has joined", "Carl has joined", "Bob: Hello <b>, **** it, ********! darned", "Carl has left", "Bob: alone", "Bob has left")
	// Who has left hears no more: not even of its own going, after that.
	if got := c.got("c", "mesh/subscription-message"); len(got) != 2 || !strings.Contains(got[0], `****`) || !strings.Contains(got[1], "Carl has left") {
		t.Errorf("Carl heard %q", got)
	}
	if got := c.got("c", "mesh/unsubscribed"); len(got) != 2 {
		t.Errorf("Carl was told %q", got)
	}
	if failures := c.Failures(); len(failures) > 0 {
		t.Error(failures)
	}
}

func TestSendRefuses(t *testing.T) {
	c := newChat(t, config)
	c.enter("b", "Bob", "chat:x")
	c.allow(c.Join("b", "lobby")) // not the chat's
	long := strings.Repeat("ä", maxText)
	c.does("b", "chat.send", `{"room":"chat:x","text":"`+long+`"}`)
	for payload, code := range map[string]string{
		``: mesh.CodePayload, `[]`: mesh.CodePayload, `{"room":"chat:x"}`: mesh.CodePayload, `{"text":"x"}`: mesh.CodePayload,
		`{"text":"darn"}`: mesh.CodePayload, `{"room":"chat:x","text":1}`: mesh.CodePayload, `{"room":1,"text":"darn"}`: mesh.CodePayload,
		`{"room":"chat:x","text":" \n\t "}`:         mesh.CodePayload,
		`{"room":"chat:x","text":"` + long + `xx"}`: mesh.CodePayload,
		`{"room":"lobby","text":"x"}`:               mesh.CodePayload,
		`{"room":"chat:","text":"x"}`:               mesh.CodePayload,
		`{"room":"chat:y","text":"x"}`:              mesh.CodeDenied,
		`{"room":"chat:x","text":"/dance"}`:         mesh.CodeNotFound,
		`{"room":"chat:x","text":"/kick Bob"}`:      mesh.CodeDenied,
	} {
		c.fails("b", "chat.send", payload, code)
	}
	c.connect("stranger")
	c.fails("stranger", "chat.send", `{"room":"chat:x","text":"x"}`, mesh.CodeDenied)
}

func TestPace(t *testing.T) {
	c := newChat(t, `{"rate":4}`)
	c.enter("b", "Bob", "chat:x")
	c.enter("c", "Carl", "chat:x")
	for range 3 { // and the name
		c.does("b", "chat.send", `{"room":"chat:x","text":"hi"}`)
	}
	c.fails("b", "chat.send", `{"room":"chat:x","text":"hi"}`, mesh.CodeRateLimit)
	c.fails("b", "chat.name", `{"name":"Bert"}`, mesh.CodeRateLimit)
	c.does("c", "chat.send", `{"room":"chat:x","text":"hi"}`)
}

func TestOnlyMembersReadAndOnlyTheNamedEnter(t *testing.T) {
	c := newChat(t, config)
	c.enter("b", "Bob", "chat:x")
	c.connect("s")
	for _, room := range []string{"chat:x", "chat:y"} {
		c.refused(c.Join("s", room), mesh.CodeDenied)
		c.refused(c.Subscribe("s", room), mesh.CodeDenied)
		c.refused(c.SubscribePresence("s", room), mesh.CodeDenied)
		c.refused(c.Guard("members", "s", meshtest.Access{Topic: mesh.TopicChannel, Action: mesh.ActionHistory, Name: room}), mesh.CodeDenied)
	}
	c.does("s", "chat.name", `{"name":"Sue"}`)
	c.refused(c.Subscribe("s", "chat:x"), mesh.CodeDenied)
	c.refused(c.Publish("b", "chat:x", `"not like this"`), mesh.CodeDenied)
	for _, room := range []string{"chat:a:b", "chat:a b", "chat:" + strings.Repeat("x", 33), "chat:\xff"} {
		c.refused(c.Join("s", room), mesh.CodePayload)
	}
	c.allow(c.Join("s", "chat:"+strings.Repeat("ä", 32)), c.Join("s", "chat:x"), c.Subscribe("s", "chat:x"))
	if got := c.Present("chat:x"); fmt.Sprint(got) != "[b s]" {
		t.Errorf("present are %q", got)
	}
}

// What other plugins' rooms do is none of the chat's business.
func TestOtherRooms(t *testing.T) {
	c := newChat(t, config)
	c.connect("b")
	c.allow(c.Join("b", "lobby"), c.Leave("b", "lobby"))
	c.wantSaid("lobby")
}
