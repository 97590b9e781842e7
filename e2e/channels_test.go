//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const channelsConfig = `
[[channels]]
pattern = "/^plain:.+$/"
[[channels]]
pattern = "/^kept:.+$/"
history = 5
[[channels]]
pattern = "exact.name"
[[channels]]
pattern = "/^open:.+$/"
publish = true
[[channels]]
pattern = "/^wall:.+$/"
publish = true
history = 3
`

// fill publishes "m 1" to "m n".
func (h *host) fill(t *testing.T, channel string, n int) {
	t.Helper()
	for i := range n {
		h.publish(t, channel, fmt.Sprint("m ", i+1))
	}
}

// position is where a channel is.
type position struct {
	Epoch  string
	Offset int64
}

func (h *host) position(t *testing.T, channel string) (p position) {
	t.Helper()
	if err := json.Unmarshal([]byte(h.op(t, "channels.history", object("channel", channel))), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSubscribeChannelReplies(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: channelsConfig})
	h.fill(t, "kept:a", 3)
	at := h.position(t, "kept:a")
	stands := fmt.Sprintf(`"epoch":%q,"offset":3`, at.Epoch)
	for _, dialect := range dialects {
		c := h.dial(t, dialing{})
		newest, all := `["m 3","m 2"]`, `["m 3","m 2","m 1"]`
		if dialect == "rt/" {
			newest, all = `["m 2","m 3"]`, `["m 1","m 2","m 3"]`
		}
		for _, try := range []struct{ payload, want string }{
			{`{"channel":"plain:a"}`, `{"success":true,"history":[]}`},
			{`{"channel":"plain:a","historyLimit":5,"since":1}`, `{"success":true,"history":[]}`},
			{`{"channel":"plain:a","recover":{"epoch":"x","offset":0}}`, `{"success":true,"history":[],"recovered":false}`},
			{`{"channel":"exact.name"}`, `{"success":true,"history":[]}`},
			{`{"channel":"kept:a"}`, `{"success":true,"history":[],` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":2}`, `{"success":true,"history":` + newest + `,` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":2.9}`, `{"success":true,"history":` + newest + `,` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":"2"}`, `{"success":true,"history":` + newest + `,` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":99}`, `{"success":true,"history":` + all + `,` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":1e300}`, `{"success":true,"history":` + all + `,` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":0}`, `{"success":true,"history":[],` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":-1}`, `{"success":true,"history":[],` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":-1e300}`, `{"success":true,"history":[],` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":null,"since":null,"sinceTime":null,"recover":null}`, `{"success":true,"history":[],` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":9,"since":1}`, `{"success":true,"history":` + newest + `,` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":9,"since":3}`, `{"success":true,"history":[],` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":9,"since":-7}`, `{"success":true,"history":` + all + `,` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":9,"sinceTime":1000}`, `{"success":true,"history":` + all + `,` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":9,"since":1000000000000}`, `{"success":true,"history":` + all + `,` + stands + `}`},
			{`{"channel":"kept:a","historyLimit":9,"since":9000000000000}`, `{"success":true,"history":[],` + stands + `}`},
			{`{"channel":"kept:a","unknown":[1]}`, `{"success":true,"history":[],` + stands + `}`},
			{`{"channel":"closed"}`, `{"success":false,"history":[]}`},
			{`{"channel":"exact.name2"}`, `{"success":false,"history":[]}`},
			{`{"channel":"exactXname"}`, `{"success":false,"history":[]}`},
			{`{"channel":"Plain:a"}`, `{"success":false,"history":[]}`},
			{`{"channel":"plain:"}`, `{"success":false,"history":[]}`},
		} {
			c.says(t, dialect+"subscribe-channel", try.payload, try.want)
		}
		for _, channel := range []string{"plain:a", "exact.name", "kept:a"} {
			c.says(t, dialect+"unsubscribe-channel", object("channel", channel), "true")
			c.says(t, dialect+"unsubscribe-channel", object("channel", channel), "false")
		}
		c.says(t, dialect+"unsubscribe-channel", `{"channel":"closed"}`, "false")
		for payload, field := range map[string]string{
			`{"channel":"kept:a","historyLimit":"many"}`:                        "historyLimit",
			`{"channel":"kept:a","historyLimit":[]}`:                            "historyLimit",
			`{"channel":"kept:a","historyLimit":true}`:                          "historyLimit",
			`{"channel":"kept:a","since":{}}`:                                   "since",
			`{"channel":"kept:a","sinceTime":"noon"}`:                           "sinceTime",
			`{"channel":"kept:a","recover":7}`:                                  "recover",
			`{"channel":"kept:a","recover":{"epoch":7}}`:                        "recover.epoch",
			`{"channel":"kept:a","recover":{"epoch":"x","offset":{}}}`:          "recover.offset",
			`{"channel":"kept:a","recover":{"epoch":"x","offset":"yesterday"}}`: "recover.offset",
		} {
			c.denied(t, dialect+"subscribe-channel", payload, "EPAYLOAD", field)
		}
		c.says(t, dialect+"unsubscribe-channel", `{"channel":"kept:a"}`, "false")
	}
}

// A recovery is only claimed where nothing is missing.
func TestRecoverReplies(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: channelsConfig})
	h.fill(t, "kept:r", 8) // 4 to 8 are kept
	at := h.position(t, "kept:r")
	stands := fmt.Sprintf(`"epoch":%q,"offset":8`, at.Epoch)
	c := h.dial(t, v1)
	for _, try := range []struct{ epoch, offset, want string }{
		{at.Epoch, "8", `{"success":true,"history":[],` + stands + `,"recovered":true,"missed":[]}`},
		{at.Epoch, "6", `{"success":true,"history":[],` + stands + `,"recovered":true,"missed":[{"offset":7,"message":"m 7"},{"offset":8,"message":"m 8"}]}`},
		{at.Epoch, "3", `{"success":true,"history":[],` + stands + `,"recovered":true,"missed":[` +
			`{"offset":4,"message":"m 4"},{"offset":5,"message":"m 5"},{"offset":6,"message":"m 6"},{"offset":7,"message":"m 7"},{"offset":8,"message":"m 8"}]}`},
		{at.Epoch, "2", `{"success":true,"history":["m 8"],` + stands + `,"recovered":false}`},
		{at.Epoch, "0", `{"success":true,"history":["m 8"],` + stands + `,"recovered":false}`},
		{at.Epoch, "-1", `{"success":true,"history":["m 8"],` + stands + `,"recovered":false}`},
		{at.Epoch, "-9223372036854775808", `{"success":true,"history":["m 8"],` + stands + `,"recovered":false}`},
		{at.Epoch, "9", `{"success":true,"history":["m 8"],` + stands + `,"recovered":false}`},
		{at.Epoch, "9223372036854775807", `{"success":true,"history":["m 8"],` + stands + `,"recovered":false}`},
		{at.Epoch, "1e300", `{"success":true,"history":["m 8"],` + stands + `,"recovered":false}`},
		{at.Epoch + "x", "8", `{"success":true,"history":["m 8"],` + stands + `,"recovered":false}`},
		{strings.ToUpper(at.Epoch), "8", `{"success":true,"history":["m 8"],` + stands + `,"recovered":false}`},
		{"", "8", `{"success":true,"history":["m 8"],` + stands + `,"recovered":false}`},
	} {
		payload := fmt.Sprintf(`{"channel":"kept:r","historyLimit":1,"recover":{"epoch":%q,"offset":%s}}`, try.epoch, try.offset)
		c.says(t, "mesh/subscribe-channel", payload, try.want)
	}
	// A channel on which nothing was ever published has a beginning too.
	c.call(t, "mesh/subscribe-channel", `{"channel":"kept:new"}`)
	at = h.position(t, "kept:new")
	h.publish(t, "kept:new", "first")
	c.says(t, "mesh/subscribe-channel", fmt.Sprintf(`{"channel":"kept:new","recover":{"epoch":%q,"offset":0}}`, at.Epoch),
		fmt.Sprintf(`{"success":true,"history":[],"epoch":%q,"offset":1,"recovered":true,"missed":[{"offset":1,"message":"first"}]}`, at.Epoch))
}

func TestChannelHistory(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: channelsConfig})
	h.fill(t, "kept:h", 7) // 3 to 7 are kept
	at := h.position(t, "kept:h")
	stands := fmt.Sprintf(`"epoch":%q,"offset":7`, at.Epoch)
	for _, dialect := range dialects {
		c := h.dial(t, dialing{})
		for _, try := range []struct {
			query string
			want  []int
		}{
			{``, []int{7, 6, 5, 4, 3}},
			{`,"limit":2`, []int{7, 6}},
			{`,"limit":"2"`, []int{7, 6}},
			{`,"limit":0`, []int{7, 6, 5, 4, 3}},
			{`,"limit":-3`, nil},
			{`,"limit":1e18`, []int{7, 6, 5, 4, 3}},
			{`,"since":5`, []int{7, 6}},
			{`,"since":"5"`, []int{7, 6}},
			{`,"since":1`, []int{7, 6, 5, 4, 3}},
			{`,"since":7`, nil},
			{`,"since":70`, nil},
			{`,"since":4,"limit":1`, []int{7}},
			{`,"since":1000000000000`, []int{7, 6, 5, 4, 3}},
			{`,"sinceTime":9000000000000`, nil},
			{`,"since":5,"sinceTime":1000`, []int{7, 6}},
		} {
			messages := []string{}
			for _, n := range try.want {
				messages = append(messages, fmt.Sprint("m ", n))
			}
			if dialect == "rt/" {
				slices.Reverse(messages)
			}
			c.says(t, dialect+"get-channel-history", `{"channel":"kept:h"`+try.query+`}`, `{"success":true,"history":`+encoded(messages)+`,`+stands+`}`)
		}
		c.says(t, dialect+"get-channel-history", `{"channel":"plain:h"}`, `{"success":true,"history":[]}`)
		c.says(t, dialect+"get-channel-history", `{"channel":"closed"}`, `{"success":false,"history":[]}`)
		c.denied(t, dialect+"get-channel-history", `{"channel":"kept:h","limit":"x"}`, "EPAYLOAD", "limit")
		c.denied(t, dialect+"get-channel-history", `{"channel":"kept:h","since":[]}`, "EPAYLOAD", "since")
	}
}

// A session's pushes are called as it calls the built-ins.
func TestMessagePushes(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: channelsConfig})
	var clients []*client
	for i, d := range []dialing{{}, {}, {}, v1} {
		c := h.dial(t, d)
		dialect := append(dialects, "mesh/")[i]
		for _, channel := range []string{"plain:p", "kept:p"} {
			c.call(t, dialect+"subscribe-channel", object("channel", channel))
			c.call(t, dialect+"subscribe-channel", object("channel", channel)) // anew, not twice
		}
		clients = append(clients, c)
	}
	stranger := h.dial(t, v1)
	stranger.call(t, "mesh/subscribe-channel", `{"channel":"plain:other"}`)
	at := h.position(t, "kept:p")
	messages := []string{`"text"`, `""`, `"ü \u00fc \" \\ \u2028 🚀"`, `{"a":[1,"x",null]}`, `[ 1 , 2.0 ]`, `7`, `1e400`, `true`, `null`}
	texts := []string{"text", "", "ü ü \" \\ \u2028 🚀", `{"a":[1,"x",null]}`, `[ 1 , 2.0 ]`, `7`, `1e400`, `true`, `null`}
	for i, message := range messages {
		h.opSays(t, "channels.publish", `{"channel":"plain:p","message":`+message+`}`, `{}`)
		h.opSays(t, "channels.publish", `{"channel":"kept:p","message":`+message+`}`, fmt.Sprintf(`{"offset":%d,"epoch":%q}`, i+1, at.Epoch))
	}
	for i, c := range clients {
		name := append(dialects, "mesh/")[i] + "subscription-message"
		got := c.receives(t, name, 2*len(messages))
		kept := slices.DeleteFunc(slices.Clone(got), func(m string) bool { return !strings.Contains(m, `"kept:p"`) })
		plain := slices.DeleteFunc(got, func(m string) bool { return !strings.Contains(m, `"plain:p"`) })
		if len(kept) != len(messages) || len(plain) != len(messages) {
			t.Fatalf("client %d has %q and %q", i, kept, plain)
		}
		for n, text := range texts {
			if want := `{"channel":"plain:p","message":` + encoded(text) + `}`; !sameJSON(plain[n], want) {
				t.Errorf("client %d: got %s, not %s", i, plain[n], want)
			}
			if want := fmt.Sprintf(`{"channel":"kept:p","message":%s,"offset":%d,"epoch":%q}`, encoded(text), n+1, at.Epoch); !sameJSON(kept[n], want) {
				t.Errorf("client %d: got %s, not %s", i, kept[n], want)
			}
		}
		if frames, _ := c.pushes.from(0); slices.ContainsFunc(frames, func(f frame) bool {
			return f.ID != nil || f.Command != name && strings.HasSuffix(f.Command, "subscription-message")
		}) {
			t.Errorf("client %d has pushes that are not its own: %+v", i, frames)
		}
	}
	if got := stranger.received(t, "mesh/subscription-message"); len(got) != 0 {
		t.Errorf("a stranger has %q", got)
	}
}

func TestPublishChannel(t *testing.T) {
	t.Parallel()
	h := start(t, setup{config: channelsConfig})
	writer, reader := h.dial(t, v1), h.dial(t, v1)
	for _, c := range []*client{writer, reader} {
		c.call(t, "mesh/subscribe-channel", `{"channel":"open:a"}`)
		c.call(t, "mesh/subscribe-channel", `{"channel":"wall:a"}`)
	}
	for _, dialect := range dialects {
		writer.says(t, dialect+"publish-channel", `{"channel":"open:a","message":{"by":`+strconv.Quote(dialect)+`}}`, `{"success":true}`)
	}
	for i := range 5 {
		// A client cannot have more kept than the operator has said, nor less.
		writer.says(t, "mesh/publish-channel", fmt.Sprintf(`{"channel":"wall:a","message":%d,"history":%d}`, i, []int{100, 0, -1, 1, 3}[i]), fmt.Sprintf(`{"success":true,"offset":%d}`, i+1))
	}
	for _, c := range []*client{writer, reader} {
		if got := c.receives(t, "mesh/subscription-message", len(dialects)+5); len(got) != len(dialects)+5 {
			t.Errorf("got %q", got)
		}
	}
	if reply := reader.call(t, "mesh/get-channel-history", `{"channel":"wall:a"}`); !strings.HasPrefix(reply, `{"success":true,"history":["4","3","2"],`) {
		t.Errorf("kept is %s", reply)
	}
	for _, channel := range []string{"plain:a", "kept:a", "closed", "exact.name"} {
		writer.denied(t, "mesh/publish-channel", `{"channel":"`+channel+`","message":1}`, "EDENIED", channel)
	}
	writer.denied(t, "mesh/publish-channel", `{"channel":"open:a"}`, "EPAYLOAD", "message")
	writer.denied(t, "mesh/publish-channel", `{"channel":"open:a","message":1,"history":"all"}`, "EPAYLOAD", "history")
	writer.says(t, "mesh/publish-channel", `{"channel":"open:a","message":null}`, `{"success":true}`)
	// The server side may publish everywhere, and have more kept.
	h.opSays(t, "channels.publish", `{"channel":"closed","message":1}`, `{}`)
	for range 10 {
		h.op(t, "channels.publish", `{"channel":"wall:b","message":1,"history":7}`)
	}
	var past struct{ History []struct{ Offset int } }
	if err := json.Unmarshal([]byte(h.op(t, "channels.history", `{"channel":"wall:b"}`)), &past); err != nil || len(past.History) != 7 || past.History[0].Offset != 10 {
		t.Errorf("kept is %+v, %v", past, err)
	}
}
