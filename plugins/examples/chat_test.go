package examples_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

// lounge is a host with a store, connections and rooms: as much of each as the
// chat plugin needs. Its diary has what the plugin did.
type lounge struct {
	config   string
	kv       map[string][]byte
	metadata map[string]string          // by connection
	members  map[string]map[string]bool // by room
	diary    []string
}

func (l *lounge) note(format string, a ...any) { l.diary = append(l.diary, fmt.Sprintf(format, a...)) }

// answer is one operation: it decodes, runs and encodes.
func answer[Q, R any, DQ interface {
	*Q
	Decode(message []byte) error
}, AR interface {
	*R
	Append(dst []byte) []byte
}](run func(q Q) (R, *abi.Error),
) func([]byte) ([]byte, *abi.Error) {
	return func(arguments []byte) ([]byte, *abi.Error) {
		var q Q
		if err := DQ(&q).Decode(arguments); err != nil {
			return nil, &abi.Error{Code: abi.CodePayload, Message: err.Error()}
		}
		r, e := run(q)
		return AR(&r).Append(nil), e
	}
}

func (l *lounge) host() *host {
	return &host{operations: map[string]func([]byte) ([]byte, *abi.Error){
		abi.OpConfigGet: answer(func(abi.ConfigGetRequest) (abi.ConfigGetResponse, *abi.Error) {
			return abi.ConfigGetResponse{Config: []byte(l.config)}, nil
		}),
		abi.OpKVGet: answer(func(q abi.KVGetRequest) (abi.KVGetResponse, *abi.Error) {
			return abi.KVGetResponse{Value: l.kv[q.Key]}, nil
		}),
		abi.OpKVSet: answer(func(q abi.KVSetRequest) (abi.KVSetResponse, *abi.Error) {
			l.note("set %s %s %d", q.Key, q.Value, q.TTL)
			l.kv[q.Key] = bytes.Clone(q.Value)
			return abi.KVSetResponse{}, nil
		}),
		abi.OpKVIncrement:            answer(l.increment),
		abi.OpKVCompareAndSet:        answer(l.compareAndSet),
		abi.OpConnectionsMetadataGet: answer(l.getMetadata),
		abi.OpConnectionsMetadataSet: answer(l.setMetadata),
		abi.OpConnectionsSend: answer(func(q abi.ConnectionsSendRequest) (abi.ConnectionsSendResponse, *abi.Error) {
			l.note("send %q %s %s", q.To, q.Command, q.Payload)
			return abi.ConnectionsSendResponse{Sent: int64(len(q.To))}, nil
		}),
		abi.OpUsersConnections: answer(func(abi.UsersConnectionsRequest) (abi.UsersConnectionsResponse, *abi.Error) {
			return abi.UsersConnectionsResponse{}, nil
		}),
		abi.OpRoomsHas: answer(func(q abi.RoomsHasRequest) (abi.RoomsHasResponse, *abi.Error) {
			return abi.RoomsHasResponse{Member: l.members[q.RoomName][q.ConnectionID]}, nil
		}),
		abi.OpRoomsRemove: answer(func(q abi.RoomsRemoveRequest) (abi.RoomsRemoveResponse, *abi.Error) {
			l.note("remove %s %s", q.RoomName, q.ConnectionID)
			delete(l.members[q.RoomName], q.ConnectionID)
			return abi.RoomsRemoveResponse{Left: true}, nil
		}),
		abi.OpChannelsPublish: answer(l.publish),
		abi.OpChannelsUnsubscribe: answer(func(q abi.ChannelsUnsubscribeRequest) (abi.ChannelsUnsubscribeResponse, *abi.Error) {
			l.note("unsubscribe %s %s: %s", q.Channel, q.ConnectionID, q.Reason)
			return abi.ChannelsUnsubscribeResponse{Unsubscribed: true}, nil
		}),
		abi.OpPresenceUnsubscribe: answer(func(q abi.PresenceUnsubscribeRequest) (abi.PresenceUnsubscribeResponse, *abi.Error) {
			l.note("unwatch %s %s: %s", q.RoomName, q.ConnectionID, q.Reason)
			return abi.PresenceUnsubscribeResponse{Unsubscribed: true}, nil
		}),
	}}
}

func (l *lounge) increment(q abi.KVIncrementRequest) (r abi.KVIncrementResponse, e *abi.Error) {
	_ = json.Unmarshal(l.kv[q.Key], &r.Value) // missing: 0
	r.Value += q.By
	l.kv[q.Key] = fmt.Append(nil, r.Value)
	return r, nil
}

func (l *lounge) compareAndSet(q abi.KVCompareAndSetRequest) (r abi.KVCompareAndSetResponse, e *abi.Error) {
	if current, ok := l.kv[q.Key]; ok != (q.Expected != nil) || !bytes.Equal(current, q.Expected) {
		return abi.KVCompareAndSetResponse{Current: current}, nil
	}
	delete(l.kv, q.Key)
	if q.Value != nil {
		l.kv[q.Key] = bytes.Clone(q.Value)
	}
	return abi.KVCompareAndSetResponse{Swapped: true}, nil
}

func (l *lounge) getMetadata(q abi.ConnectionsMetadataGetRequest) (r abi.ConnectionsMetadataGetResponse, e *abi.Error) {
	metadata, ok := l.metadata[q.ConnectionID]
	if !ok {
		return r, &abi.Error{Code: abi.CodeNotFound, Message: "no such connection"}
	}
	return abi.ConnectionsMetadataGetResponse{Metadata: []byte(metadata)}, nil
}

func (l *lounge) setMetadata(q abi.ConnectionsMetadataSetRequest) (r abi.ConnectionsMetadataSetResponse, e *abi.Error) {
	l.note("metadata %s %s %s", q.ConnectionID, q.Metadata, q.Strategy)
	l.metadata[q.ConnectionID] = string(q.Metadata)
	return abi.ConnectionsMetadataSetResponse{Metadata: q.Metadata}, nil
}

func (l *lounge) publish(q abi.ChannelsPublishRequest) (r abi.ChannelsPublishResponse, e *abi.Error) {
	var m struct {
		Name, Text, Notice string
		At                 int64
	}
	if err := json.Unmarshal(q.Message, &m); err != nil || m.At < 1e12 {
		return r, &abi.Error{Code: abi.CodePayload, Message: fmt.Sprintf("%s: %v", q.Message, err)}
	}
	l.note("publish %s %s: %s%s", q.Channel, m.Name, m.Text, m.Notice)
	return abi.ChannelsPublishResponse{Offset: 7, Epoch: "e"}, nil
}

// visit is a lounge and an instance of the plugin in it.
type visit struct {
	*lounge
	*guest
	t *testing.T
}

func (v visit) call(kind abi.Kind, handler uint32, name, id, payload string, detail []byte) abi.Response {
	v.t.Helper()
	r := abi.Request{Kind: kind, Name: name, ConnectionID: id, Detail: detail}
	if metadata := v.metadata[id]; metadata != "null" {
		r.Metadata = []byte(metadata)
	}
	if payload != "" {
		r.Payload = []byte(payload)
	}
	response, err := v.send(v.t.Context(), handler, &r)
	if err != nil {
		v.t.Fatal(err)
	}
	return response
}

// says runs a command behind its middleware, as the host does.
func (v visit) says(id, command, payload string, middleware ...string) string {
	v.t.Helper()
	for _, name := range middleware {
		response := v.call(abi.KindMiddleware, v.handlers[name], command, id, payload, nil)
		if response.Status != abi.StatusContinue {
			return outcome(v.t, response)
		}
		if response.Body != nil {
			payload = string(response.Body)
		}
	}
	return outcome(v.t, v.call(abi.KindCommand, v.commands[command], command, id, payload, nil))
}

func (v visit) asks(guard, id, room string) string {
	v.t.Helper()
	a := abi.Access{Topic: abi.TopicChannel, Action: abi.ActionSubscribe}
	return outcome(v.t, v.call(abi.KindGuard, v.handlers[guard], room, id, "", a.Append(nil)))
}

func (v visit) changes(kind abi.Kind, event, id, room, reason string) string {
	v.t.Helper()
	c := abi.RoomChange{Room: room, Reason: reason}
	return outcome(v.t, v.call(kind, v.handlers[event], event, id, "", c.Append(nil)))
}

// wrote returns what the plugin has done since the last time.
func (v visit) wrote(want ...string) {
	v.t.Helper()
	if !slices.Equal(v.diary, want) {
		v.t.Errorf("the plugin did\n%s\nwant\n%s", strings.Join(v.diary, "\n"), strings.Join(want, "\n"))
	}
	v.diary = nil
}

// newVisits lets two instances of the plugin into one lounge: what one knows,
// the other must know from the store.
func newVisits(t *testing.T, file string) (a, b visit) {
	t.Helper()
	l := &lounge{
		config: `{"moderators":["boss"],"trust_names":true,"words":["darn"],"rate":4}`,
		kv:     map[string][]byte{}, metadata: map[string]string{"c1": "null", "c2": "null"},
		members: map[string]map[string]bool{"chat:x": {}},
	}
	p := compile(t, file, true, l.host())
	for _, v := range []*visit{&a, &b} {
		*v = visit{l, p.instantiate(t), t}
		if r := v.registration(t); r.Error != "" {
			t.Fatal(r.Error)
		}
	}
	return a, b
}

// eachChat runs a test with the plugin in each language that it is written in.
func eachChat(t *testing.T, test func(t *testing.T, file string)) {
	t.Helper()
	t.Parallel()
	for _, file := range []string{"chat-go.wasm", "chat-rust.wasm"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			test(t, file)
		})
	}
}

func TestChat(t *testing.T) { eachChat(t, testChat) }

func testChat(t *testing.T, file string) {
	t.Helper()
	a, b := newVisits(t, file)
	for _, step := range []struct{ got, want string }{
		{a.says("c1", "chat.name", `{"name":"Bob"}`, "pace"), `{"name":"Bob","moderator":false}`},
		{b.says("c2", "chat.name", `{"name":"bob"}`, "pace"), `ECONFLICT: That name is taken.`},
		{a.asks("visitors", "c2", "chat:x"), `EDENIED: Choose a name first.`},
		{b.says("c2", "chat.name", `{"name":"Boss"}`, "pace"), `{"name":"Boss","moderator":true}`},
		{b.asks("visitors", "c2", "chat:x"), ``},
		{b.asks("members", "c2", "chat:x"), `EDENIED: Join the room first.`},
		{a.says("c1", "chat.send", `{"room":"chat:x","text":"hi"}`, "pace", "decency"), `EDENIED: Join the room first.`},
	} {
		if step.got != step.want {
			t.Errorf("got %s, want %s", step.got, step.want)
		}
	}
	a.members["chat:x"] = map[string]bool{"c1": true, "c2": true}
	a.wrote(`metadata c1 {"name":"Bob"} merge`, `metadata c2 {"name":"Boss"} merge`)

	for _, step := range []struct{ got, want string }{
		{a.changes(abi.KindJoin, "join", "c1", "chat:x", ""), ``},
		{b.asks("members", "c2", "chat:x"), ``},
		{a.says("c1", "chat.send", `{"text":"Darn, 日本!","room":"chat:x"}`, "pace", "decency"), `{"offset":7}`},
		{b.says("c1", "chat.send", `{"text":1,"room":"chat:x"}`, "pace", "decency"), `EPAYLOAD: field "text" must be text`},
		{b.says("c1", "chat.send", `{"text":"x","room":"chat:x"}`, "pace", "decency"), `ERATELIMIT: Not so fast: at most 4 in ten seconds.`},
	} {
		if step.got != step.want {
			t.Errorf("got %s, want %s", step.got, step.want)
		}
	}
	a.wrote(`publish chat:x Bob: Bob has joined`, `publish chat:x Bob: ****, 日本!`)
}

func TestChatKick(t *testing.T) { eachChat(t, testChatKick) }

func testChatKick(t *testing.T, file string) {
	t.Helper()
	a, b := newVisits(t, file)
	a.says("c1", "chat.name", `{"name":"Bob"}`)
	a.says("c2", "chat.name", `{"name":"Boss"}`)
	a.members["chat:x"] = map[string]bool{"c1": true, "c2": true}
	a.diary = nil
	for _, step := range []struct{ got, want string }{
		{a.says("c1", "chat.kick", `{"room":"chat:x","who":"Boss"}`), `EDENIED: Only moderators may do that.`},
		{a.says("c2", "chat.send", `{"room":"chat:x","text":"/kick Nobody"}`, "pace", "decency"), `ENOTFOUND: Nobody is not here.`},
		{a.says("c2", "chat.send", `{"room":"chat:x","text":"/kick bob"}`, "pace", "decency"), `{"kicked":["c1"]}`},
		{b.changes(abi.KindLeave, "leave", "c1", "chat:x", abi.LeftByRemoval), ``},
		{b.asks("visitors", "c1", "chat:x"), `EDENIED: You were kicked out of this room.`},
		{b.asks("members", "c1", "chat:x"), `EDENIED: Join the room first.`},
		{b.asks("visitors", "c1", "chat:y"), ``},
	} {
		if step.got != step.want {
			t.Errorf("got %s, want %s", step.got, step.want)
		}
	}
	a.wrote(`set kick:chat:x:name:bob "Boss" 300000`, `remove chat:x c1`,
		`send ["c1"] chat.kicked {"room":"chat:x","by":"Boss"}`,
		`unsubscribe chat:x c1: You were kicked.`, `unwatch chat:x c1: You were kicked.`,
		`publish chat:x Bob: Bob was kicked by Boss`,
		`unsubscribe chat:x c1: You are not in this room.`, `unwatch chat:x c1: You are not in this room.`)
}

func TestChatRegistration(t *testing.T) { eachChat(t, testChatRegistration) }

func testChatRegistration(t *testing.T, file string) {
	t.Helper()
	p := compile(t, file, true, configured(`{}`))
	g := p.instantiate(t)
	const want = `"rooms":[{"pattern":"/^chat:.+$/","guard":"visitors"}]`
	for _, part := range []string{
		want,
		`"channels":[{"pattern":"/^chat:.+$/","guard":"members","history":100}]`,
		`"presence":[{"pattern":"/^chat:.+$/","guard":"visitors","ttl":"1m","slowConsumer":"conflate"}]`,
		`{"name":"chat.send","handler":5,"middleware":["pace","decency"]}`,
	} {
		if !strings.Contains(g.document, part) {
			t.Errorf("%s is missing in %s", part, g.document)
		}
	}
	checkCapabilities(t, p, g.registration(t))
	again := p.instantiate(t)
	if again.document != g.document {
		t.Error("another instance registers something else")
	}
	bad := compile(t, file, true, configured(`{"rate":"fast"}`)).instantiate(t)
	if r := bad.registration(t); r.Error != "config: rate must be a whole number above 0" {
		t.Errorf("got %s", bad.document)
	}
}

// checkCapabilities checks that what a plugin uses it has said, and what it has
// said it uses.
func checkCapabilities(t *testing.T, p *plugin, r abi.Registration) {
	t.Helper()
	var used, said []string
	for _, name := range p.needs() {
		for _, o := range abi.Operations {
			if o.Name == name && o.Capability != "" && !slices.Contains(used, o.Capability) {
				used = append(used, o.Capability)
			}
		}
	}
	for _, c := range r.Capabilities {
		said = append(said, c.Name)
	}
	slices.Sort(used)
	slices.Sort(said)
	if !slices.Equal(used, said) {
		t.Errorf("it uses %q and says %q", used, said)
	}
}
