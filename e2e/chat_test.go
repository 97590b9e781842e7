//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const chat = "chat-go.wasm"

// eachChat runs a test with the chat plugin in each language that it is written
// in.
func eachChat(t *testing.T, test func(t *testing.T, h *host)) {
	t.Helper()
	for _, file := range []string{chat, "chat-rust.wasm"} {
		t.Run(file, func(t *testing.T) { test(t, startChatOf(t, file)) })
	}
}

// startChat starts a host with the chat plugin and its page; tokens let users
// in.
func startChat(t *testing.T) *host {
	t.Helper()
	return startChatOf(t, chat)
}

func startChatOf(t *testing.T, file string) *host {
	t.Helper()
	page := filepath.Join(built.root, "plugins", "examples", "chat", "page")
	return start(t, setup{plugins: []string{file, auth}, config: fmt.Sprintf("[static]\ndir = %q\n", page) + tokens + `
[plugins.chat.config]
moderators = ["ann"]
words = ["darn"]
`})
}

// enter goes through the page's door.
func (p *page) enter(t *testing.T, h *host, query, name, room string) {
	t.Helper()
	p.do(t, chromedp.Navigate("http://"+h.address+"/"+query+"#"+room), chromedp.WaitVisible(chromedp.CSS("#knock")))
	p.knock(t, name)
	p.shows(t, "#title", "^#"+room+"$")
}

func (p *page) knock(t *testing.T, name string) {
	t.Helper()
	const fill = `document.getElementById("name").value = %q; true`
	ask(t, p, chromedp.Evaluate[bool](fmt.Sprintf(fill, name)))
	p.do(t, chromedp.Click(chromedp.CSS("#enter")))
}

// says writes a message, and sends it where the text ends with a return.
func (p *page) says(t *testing.T, text string) {
	t.Helper()
	p.do(t, chromedp.SendKeys(chromedp.CSS("#text"), text))
}

// sees waits until the list has exactly these people.
func (p *page) sees(t *testing.T, people string) {
	t.Helper()
	const names = `Array.from(document.querySelectorAll("#people span"), s => s.textContent).join(", ")`
	seen := ""
	if !polled(patience, func() bool {
		seen = ask(t, p, chromedp.Evaluate[string](names))
		return seen == people
	}) {
		t.Fatalf("the page sees %q, not %q", seen, people)
	}
}

// hears returns how often a text is among the messages.
func (p *page) hears(t *testing.T, text string) int {
	t.Helper()
	const messages = `Array.from(document.querySelectorAll("#log li"), s => s.textContent).filter(s => s.includes(%q)).length`
	return ask(t, p, chromedp.Evaluate[int](fmt.Sprintf(messages, text)))
}

func TestChatPage(t *testing.T) { eachChat(t, testChatPage) }

func testChatPage(t *testing.T, h *host) {
	t.Helper()
	ann, bob := browse(t), browse(t)
	ann.enter(t, h, "?token=right", "Ann", "lobby")
	ann.says(t, "is <b>anyone</b> here?\r")
	ann.shows(t, "#log", `Ann.*is <b>anyone</b> here\?`)
	bob.enter(t, h, "", "Bob", "lobby")

	// Both see who is there, and Bob what was said before.
	bob.shows(t, "#log", `is <b>anyone</b> here\?`)
	ann.sees(t, "Ann (you), Bob")
	bob.sees(t, "Ann, Bob (you)")
	ann.shows(t, "#log", `Bob has joined`)

	// Typing shows while it lasts.
	bob.says(t, "what a darn")
	ann.shows(t, "#typing", `^Bob is typing…$`)
	bob.says(t, " day\r")
	ann.shows(t, "#log", `what a \*\*\*\* day`)
	bob.shows(t, "#log", `what a \*\*\*\* day`)
	ann.shows(t, "#typing", `^$`)

	// Only moderators kick.
	bob.says(t, "/kick Ann\r")
	bob.shows(t, "#problem", `Only moderators may do that\.`)
	ann.screenshot(t, "chat.png")
	bob.screenshot(t, "chat-bob.png")

	ann.says(t, "/kick Bob\r")
	bob.shows(t, "#refusal", `Ann has kicked you out of this room\.`)
	ann.shows(t, "#log", `Bob was kicked by Ann`)
	ann.sees(t, "Ann (you)")
	bob.do(t, chromedp.Click(chromedp.CSS("#enter")))
	bob.shows(t, "#refusal", `You were kicked out of this room\.`)

	// Another room, without its history.
	bob.enter(t, h, "", "Bob", "garden")
	bob.sees(t, "Bob (you)")
	bob.do(t, chromedp.Click(chromedp.CSS("#leave")))
	bob.knock(t, "Ann")
	bob.shows(t, "#refusal", `That name is a moderator's\.`)
	bob.screenshot(t, "chat-door.png")
}

// A page that loses its connection comes back and shows each message once.
func TestChatPageComesBack(t *testing.T) {
	h := startChat(t)
	p := browse(t)
	p.enter(t, h, "", "Bob", "lobby")
	other := h.chatter(t, dialing{}, "Carl", "chat:lobby")
	p.sees(t, "Bob (you), Carl")
	// What is recovered is added to what is there; a history would replace it.
	ask(t, p, chromedp.Evaluate[bool](`document.querySelector("#log li").id = "first"; true`))
	for round := range 3 {
		var room struct{ Members []string }
		if err := json.Unmarshal([]byte(h.api(t, "rooms.members", `{"roomName":"chat:lobby"}`)), &room); err != nil {
			t.Fatal(err)
		}
		for _, id := range room.Members {
			if id != other.id {
				h.api(t, "connections.disconnect", fmt.Sprintf(`{"connectionId":%q,"code":4100}`, id))
			}
		}
		text := fmt.Sprintf("message %d.", round)
		other.call(t, "chat.send", fmt.Sprintf(`{"room":"chat:lobby","text":%q}`, text))
		p.shows(t, "#log", text)
		p.sees(t, "Bob (you), Carl")
	}
	for round := range 3 {
		if n := p.hears(t, fmt.Sprintf("message %d.", round)); n != 1 {
			t.Errorf("message %d is there %d times", round, n)
		}
	}
	if n := p.hears(t, "Carl has joined"); n != 1 {
		t.Errorf("Carl has joined %d times", n)
	}
	p.shows(t, "#first", `has joined`)
}

// api asks for an operation as an operator does and returns its result.
func (h *host) api(t *testing.T, operation, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+h.admin+"/api/"+operation, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := web.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Result, Error json.RawMessage }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Error != nil {
		t.Fatalf("%s %s: %s %v", operation, body, answer.Error, err)
	}
	return string(answer.Result)
}

// chatter is a client that is in a room of the chat and hears what is said.
func (h *host) chatter(t *testing.T, d dialing, name, room string) *client {
	t.Helper()
	d.subprotocols = []string{"mesh.v1"}
	c := h.dial(t, d)
	c.call(t, "chat.name", fmt.Sprintf(`{"name":%q}`, name))
	c.call(t, "mesh/join-room", fmt.Sprintf(`{"roomName":%q}`, room))
	for command, member := range map[string]string{"mesh/subscribe-channel": "channel", "mesh/subscribe-presence": "roomName"} {
		if reply := c.call(t, command, fmt.Sprintf(`{%q:%q}`, member, room)); !strings.HasPrefix(reply, `{"success":true,`) {
			t.Fatalf("%s: %s", command, reply)
		}
	}
	return c
}

// heard waits until a client has been pushed a message with this text.
func (c *client) heard(t *testing.T, text string) {
	t.Helper()
	if _, ok := c.pushes.find(0, patience, func(f frame) bool {
		return f.Command == "mesh/subscription-message" && strings.Contains(string(f.Payload), text)
	}); !ok {
		t.Fatalf("nobody said %q", text)
	}
}

func TestChatIsForMembers(t *testing.T) { eachChat(t, testChatIsForMembers) }

func testChatIsForMembers(t *testing.T, h *host) {
	t.Helper()
	bob := h.chatter(t, dialing{}, "Bob", "chat:x")
	bob.call(t, "chat.send", `{"room":"chat:x","text":"Darn secrets"}`)
	bob.heard(t, "**** secrets")

	// Neither a stranger nor one who has only a name reads along, by any
	// spelling; and nobody publishes but by the plugin's command.
	for _, named := range []bool{false, true} {
		s := h.dial(t, dialing{subprotocols: []string{"mesh.v1"}})
		if named {
			s.call(t, "chat.name", `{"name":"Sue"}`)
		}
		for _, prefix := range []string{"mesh/", "rt/", ""} {
			for _, command := range []string{"subscribe-channel", "get-channel-history"} {
				if reply := s.call(t, prefix+command, `{"channel":"chat:x","historyLimit":10,"limit":10}`); reply != `{"success":false,"history":[]}` {
					t.Errorf("%s%s: %s", prefix, command, reply)
				}
			}
			if f := s.fails(t, prefix+"publish-channel", `{"channel":"chat:x","message":"x"}`); f.Code != "EDENIED" {
				t.Errorf("%spublish-channel: %v", prefix, f)
			}
		}
		if f := s.fails(t, "chat.send", `{"room":"chat:x","text":"x"}`); f.Code != "EDENIED" {
			t.Error(f)
		}
		if reply := s.call(t, "mesh/subscribe-presence", `{"roomName":"chat:x"}`); !named && reply != `{"success":false,"present":[]}` {
			t.Errorf("a stranger sees %s", reply)
		}
	}
	if f := h.dial(t, dialing{}).fails(t, "mesh/join-room", `{"roomName":"chat:x"}`); f.Code != "EDENIED" {
		t.Error(f)
	}
}

func TestChatKickEndsEverything(t *testing.T) { eachChat(t, testChatKickEndsEverything) }

func testChatKickEndsEverything(t *testing.T, h *host) {
	t.Helper()
	ann := h.chatter(t, dialing{query: "token=right"}, "Ann", "chat:x")
	bob := h.chatter(t, dialing{}, "Bob", "chat:x")
	ann.heard(t, "Bob has joined")
	if f := bob.fails(t, "chat.kick", `{"room":"chat:x","who":"Ann"}`); f.Code != "EDENIED" {
		t.Error(f)
	}
	if reply := ann.call(t, "chat.send", `{"room":"chat:x","text":"/kick bob"}`); reply != fmt.Sprintf(`{"kicked":[%q]}`, bob.id) {
		t.Errorf("/kick answers %s", reply)
	}
	if told := bob.push(t, "chat.kicked"); told != `{"room":"chat:x","by":"Ann"}` {
		t.Errorf("Bob is told %s", told)
	}
	for _, kind := range []string{"channel", "presence"} {
		if _, ok := bob.pushes.find(0, patience, func(f frame) bool {
			return f.Command == "mesh/unsubscribed" && strings.Contains(string(f.Payload), `"kind":"`+kind+`"`)
		}); !ok {
			t.Errorf("Bob's subscription to the %s has not ended", kind)
		}
	}
	ann.heard(t, "Bob was kicked by Ann")
	ann.call(t, "chat.send", `{"room":"chat:x","text":"behind his back"}`)
	ann.heard(t, "behind his back")
	bob.call(t, "mesh/noop", "") // what was pushed before has come
	frames, _ := bob.pushes.from(0)
	for _, f := range frames {
		if strings.Contains(string(f.Payload), "behind his back") {
			t.Errorf("Bob hears %s", f.Payload)
		}
	}
	if f := bob.fails(t, "mesh/join-room", `{"roomName":"chat:x"}`); f.Message != "You were kicked out of this room." {
		t.Error(f)
	}
	if reply := bob.call(t, "mesh/subscribe-presence", `{"roomName":"chat:x"}`); reply != `{"success":false,"present":[]}` {
		t.Errorf("Bob sees %s", reply)
	}
}
