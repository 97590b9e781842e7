package examples_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

// shelf is a host with records and connections: as much of each as the
// whiteboard plugin needs. Its diary has what the plugin wrote.
type shelf struct {
	config   string
	records  map[string]shelved
	metadata map[string]string // by connection
	diary    []string
	// before, where it is set, is called once before the next write, as one by
	// someone else.
	before func()
}

// shelved is a record; one that was deleted has no value.
type shelved struct {
	value   string
	version int64
}

func newShelf() *shelf {
	return &shelf{config: `{"items":3}`, records: map[string]shelved{}, metadata: map[string]string{"c1": "null", "c2": "null"}}
}

func (s *shelf) host() *host {
	return &host{operations: map[string]func([]byte) ([]byte, *abi.Error){
		abi.OpConfigGet: answer(func(abi.ConfigGetRequest) (abi.ConfigGetResponse, *abi.Error) {
			return abi.ConfigGetResponse{Config: []byte(s.config)}, nil
		}),
		abi.OpConnectionsMetadataGet: answer(func(q abi.ConnectionsMetadataGetRequest) (r abi.ConnectionsMetadataGetResponse, e *abi.Error) {
			metadata, ok := s.metadata[q.ConnectionID]
			if !ok {
				return r, &abi.Error{Code: abi.CodeNotFound, Message: "no such connection"}
			}
			return abi.ConnectionsMetadataGetResponse{Metadata: []byte(metadata)}, nil
		}),
		abi.OpConnectionsMetadataSet: answer(func(q abi.ConnectionsMetadataSetRequest) (abi.ConnectionsMetadataSetResponse, *abi.Error) {
			s.metadata[q.ConnectionID] = string(q.Metadata)
			return abi.ConnectionsMetadataSetResponse{Metadata: q.Metadata}, nil
		}),
		abi.OpRecordsGet: answer(func(q abi.RecordsGetRequest) (abi.RecordsGetResponse, *abi.Error) {
			r := abi.RecordsGetResponse{Value: []byte("null"), Version: s.records[q.RecordID].version, Epoch: "e"}
			if value := s.records[q.RecordID].value; value != "" {
				r.Value = []byte(value)
			}
			return r, nil
		}),
		abi.OpRecordsSet: answer(func(q abi.RecordsSetRequest) (abi.RecordsSetResponse, *abi.Error) {
			version, changed, e := s.write(q.RecordID, string(q.Value), q.ExpectVersion)
			return abi.RecordsSetResponse{Version: version, Epoch: "e", Changed: changed}, e
		}),
		abi.OpRecordsDelete: answer(func(q abi.RecordsDeleteRequest) (abi.RecordsDeleteResponse, *abi.Error) {
			version, changed, e := s.write(q.RecordID, "", q.ExpectVersion)
			return abi.RecordsDeleteResponse{Version: version, Deleted: changed}, e
		}),
		abi.OpRecordsTransaction: answer(s.transact),
		abi.OpRecordsList:        answer(s.list),
	}}
}

// write makes a record's next version, "": without a value.
func (s *shelf) write(id, value string, expected json.RawMessage) (version int64, changed bool, e *abi.Error) {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
	r := s.records[id]
	if want := string(expected); want != "" && want != strconv.FormatInt(r.version, 10) && (want != "0" || r.value != "") {
		return 0, false, &abi.Error{Code: abi.CodeConflict, Message: "conflict", Data: fmt.Appendf(nil, `{"version":%d,"recordId":%q}`, r.version, id)}
	}
	if r.value == value {
		return r.version, false, nil
	}
	s.diary = append(s.diary, strings.TrimSpace(id+" "+value))
	s.records[id] = shelved{value, r.version + 1}
	return r.version + 1, true, nil
}

func (s *shelf) transact(q abi.RecordsTransactionRequest) (r abi.RecordsTransactionResponse, e *abi.Error) {
	var operations []struct {
		RecordID string
		Value    json.RawMessage
		Options  struct{ ExpectVersion json.RawMessage }
	}
	if err := json.Unmarshal(q.Operations, &operations); err != nil {
		return r, &abi.Error{Code: abi.CodeTransaction, Message: err.Error()}
	}
	before, diary := maps.Clone(s.records), s.diary
	for _, o := range operations {
		if _, _, e := s.write(o.RecordID, string(o.Value), o.Options.ExpectVersion); e != nil {
			s.records, s.diary = before, diary
			return r, e
		}
	}
	return abi.RecordsTransactionResponse{Results: []byte("[]")}, nil
}

// list has a page for each record, so that whoever looks at one only finds too
// few.
func (s *shelf) list(q abi.RecordsListRequest) (r abi.RecordsListResponse, e *abi.Error) {
	if q.Pattern != "/^about:.+$/" || q.Limit != 1000 || q.Values {
		return r, &abi.Error{Code: abi.CodePayload, Message: fmt.Sprintf("%+v", q)}
	}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(s.records)) {
		if strings.HasPrefix(id, "about:") && s.records[id].value != "" && id > q.Cursor {
			ids = append(ids, id)
		}
	}
	r.Records = []byte("[]")
	if len(ids) > 0 {
		r.Records = fmt.Appendf(nil, `[{"recordId":%q,"version":1,"epoch":"e"}]`, ids[0])
	}
	if len(ids) > 1 {
		r.Cursor = ids[0]
	}
	return r, nil
}

// artist is a shelf and an instance of the plugin before it.
type artist struct {
	*shelf
	*guest
	t *testing.T
}

// eachWhiteboard runs a test on every language's build of the plugin.
func eachWhiteboard(t *testing.T, test func(t *testing.T, file string)) {
	t.Helper()
	t.Parallel()
	for _, language := range []string{"go", "assemblyscript"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			test(t, "whiteboard-"+language+".wasm")
		})
	}
}

// newArtists lets two instances of the plugin before one shelf.
func newArtists(t *testing.T, file string) (a, b artist) {
	t.Helper()
	s := newShelf()
	p := compile(t, file, true, s.host())
	for _, v := range []*artist{&a, &b} {
		*v = artist{s, p.instantiate(t), t}
		if r := v.registration(t); r.Error != "" {
			t.Fatal(r.Error)
		}
	}
	return a, b
}

func (a artist) call(handler uint32, r abi.Request) string {
	a.t.Helper()
	if metadata := a.metadata[r.ConnectionID]; metadata != "null" {
		r.Metadata = []byte(metadata)
	}
	response, err := a.send(a.t.Context(), handler, &r)
	if err != nil {
		a.t.Fatal(err)
	}
	return outcome(a.t, response)
}

func (a artist) says(id, command, payload string) string {
	a.t.Helper()
	return a.call(a.commands[command], abi.Request{Kind: abi.KindCommand, Name: command, ConnectionID: id, Payload: []byte(payload)})
}

// asks asks a guard about a write, or the deletion where there is no value.
func (a artist) asks(guard, id, record, value string) string {
	a.t.Helper()
	r := abi.Request{Kind: abi.KindGuard, Name: record, ConnectionID: id}
	access := abi.Access{Topic: abi.TopicRecord, Action: abi.ActionDelete}
	if value != "" {
		access.Action, r.Payload = abi.ActionWrite, []byte(value)
	}
	r.Detail = access.Append(nil)
	return a.call(a.handlers[guard], r)
}

// hears tells of a record's latest version.
func (a artist) hears(id, value, reason string) string {
	a.t.Helper()
	kind, event := abi.KindRecordUpdate, "recordUpdate"
	if reason != "" {
		kind, event = abi.KindRecordRemoved, "recordRemoved"
	}
	c := abi.RecordChange{RecordID: id, Version: a.records[id].version, Epoch: "e", Reason: reason}
	return a.call(a.handlers[event], abi.Request{Kind: kind, Name: event, Payload: []byte(value), Detail: c.Append(nil)})
}

// wrote checks what the plugin has written since the last time; of times only
// that there are some.
func (a artist) wrote(want ...string) {
	a.t.Helper()
	for i, line := range a.diary {
		before, at, ok := strings.Cut(line, `"changed":`)
		if n, err := strconv.ParseInt(strings.TrimSuffix(at, "}"), 10, 64); ok && err == nil && n > 1e12 {
			a.diary[i] = before + `"changed":now}`
		}
	}
	if !slices.Equal(a.diary, want) {
		a.t.Errorf("the plugin wrote\n%s\nwant\n%s", strings.Join(a.diary, "\n"), strings.Join(want, "\n"))
	}
	a.diary = nil
}

// step is what a plugin has answered, and what it should have.
type step struct{ got, want string }

func check(t *testing.T, steps ...step) {
	t.Helper()
	for _, s := range steps {
		if s.got != s.want {
			t.Errorf("got %s, want %s", s.got, s.want)
		}
	}
}

const dot = `{"line":[1,2],"width":4,"color":"black"}`

func TestWhiteboard(t *testing.T) { eachWhiteboard(t, drawTogether) }

func drawTogether(t *testing.T, file string) {
	t.Helper()
	a, b := newArtists(t, file)
	const cursor = `{"board":"x","name":"Ann","x":1,"y":2}`
	check(t,
		step{a.says("c1", "whiteboard.create", `{"board":"x"}`), `EDENIED: Choose a name first.`},
		step{a.says("c1", "whiteboard.name", `{"name":"Ann"}`), `{"name":"Ann"}`},
		step{b.says("c2", "whiteboard.name", `{"name":"Bob"}`), `{"name":"Bob"}`},
		step{b.asks("own", "c1", "cursor:c1", cursor), ``},
		step{b.asks("own", "c1", "cursor:c1", ""), ``},
		step{b.asks("own", "c2", "cursor:c1", cursor), `EDENIED: This cursor is not yours.`},
		step{b.asks("own", "c2", "cursor:c1", ""), `EDENIED: This cursor is not yours.`},
		step{b.asks("own", "c2", "cursor:c2", cursor), `EDENIED: This name is not yours.`},
		step{a.asks("own", "c1", "cursor:c1", `{"board":"x","name":"Ann","x":1601,"y":2}`), `EPAYLOAD: field "x" and y must be a point of the board, 0 to 1600 and 0 to 1000`},
		step{a.asks("drawing", "c1", "board:x", `{"a":`+dot+`}`), `ENOTFOUND: There is no such board.`},
		step{a.says("c1", "whiteboard.create", `{"board":"x"}`), `{"board":"x"}`},
		step{b.says("c2", "whiteboard.create", `{"board":"x"}`), `ECONFLICT: There is such a board already.`},
		step{b.asks("drawing", "c2", "board:x", `{"a":`+dot+`}`), ``},
		step{b.asks("drawing", "c2", "board:x", `{"a":`+dot+`,"b":1}`), `EPAYLOAD: item b: payload must be an object`},
		step{b.asks("drawing", "c2", "board:x", ""), `EDENIED: A board is closed with whiteboard.close.`},
		step{b.says("c2", "whiteboard.close", `{"board":"x"}`), `EDENIED: Ann has made this board, and is still here.`},
	)
	a.wrote(`board:x {}`, `about:x {"by":"Ann","owner":"c1","items":0,"changed":now}`)

	a.records["board:x"] = shelved{`{"a":` + dot + `,"b":` + dot + `}`, 2}
	check(t,
		step{b.hears("board:x", a.records["board:x"].value, ""), ``},
		step{b.hears("board:x", a.records["board:x"].value, ""), ``}, // no news
		step{a.asks("drawing", "c1", "board:x", `{"c":`+dot+`}`), ``},
		step{a.asks("drawing", "c1", "board:x", `{"c":`+dot+`,"d":`+dot+`}`), `ELIMIT: This board is full. Clear it, or begin another one.`},
		step{a.asks("drawing", "c1", "board:x", `{"a":null,"b":null,"c":`+dot+`}`), ``},
		step{a.says("c2", "whiteboard.clear", `{"board":"x"}`), ``},
	)
	delete(a.metadata, "c1")
	check(t,
		step{b.call(b.handlers["disconnect"], abi.Request{Kind: abi.KindDisconnect, Name: "disconnect", ConnectionID: "c1", Detail: (&abi.Departure{Code: 1006}).Append(nil)}), ``},
		step{b.says("c2", "whiteboard.close", `{"board":"x"}`), ``},
		step{b.hears("board:x", `{}`, abi.RemovedByDelete), ``},
		step{b.says("c2", "whiteboard.close", `{"board":"x"}`), `ENOTFOUND: There is no such board.`},
	)
	a.wrote(`about:x {"by":"Ann","owner":"c1","items":2,"changed":now}`, `board:x {}`, `board:x`, `about:x`)
}

// Someone else writes between the plugin's reading and its writing.
func TestWhiteboardMeanwhile(t *testing.T) { eachWhiteboard(t, writeMeanwhile) }

func writeMeanwhile(t *testing.T, file string) {
	t.Helper()
	a, b := newArtists(t, file)
	about := `{"by":"Ann","owner":"c1","items":0,"changed":1}`
	a.metadata["c1"] = `{"name":"Ann"}`
	a.records = map[string]shelved{"board:x": {`{"a":` + dot + `}`, 1}, "about:x": {about, 1}}

	// What is counted is not lost, and what was erased is swept off unless that would
	// take what was drawn meanwhile along.
	erased := `{"a":` + dot + `,"b":null}`
	a.records["board:x"] = shelved{erased, 2}
	a.before = func() { a.records["about:x"] = shelved{about, 2} }
	check(t, step{a.hears("board:x", erased, ""), ``})
	a.wrote(`about:x {"by":"Ann","owner":"c1","items":2,"changed":now}`, `board:x {"a":`+dot+`}`)
	a.records["board:x"] = shelved{erased, 4}
	a.before = func() { a.records["board:x"] = shelved{`{"a":` + dot + `,"b":null,"c":` + dot + `}`, 5} }
	check(t, step{b.hears("board:x", erased, ""), ``})
	a.wrote()
	a.records = map[string]shelved{"board:x": {"", 6}, "about:x": {about, 4}}

	// It has gone by itself, and is opened again before or while the hook runs.
	a.before = func() { a.records["about:x"] = shelved{about, 5} }
	check(t, step{a.hears("board:x", `{}`, abi.RemovedByExpiry), ``})
	a.records["board:x"] = shelved{`{}`, 7}
	check(t, step{b.hears("board:x", `{}`, abi.RemovedByExpiry), ``})
	a.wrote()
	a.records["board:x"] = shelved{"", 8}
	check(t, step{b.hears("board:x", `{}`, abi.RemovedByExpiry), ``})
	a.wrote(`about:x`)

	// A stroke has brought back what was closed, and is drawn upon meanwhile.
	a.records["board:x"] = shelved{`{"a":` + dot + `}`, 9}
	a.before = func() { a.records["board:x"] = shelved{`{}`, 10} }
	check(t, step{b.hears("board:x", `{"a":`+dot+`}`, ""), ``})
	a.wrote()
	check(t, step{b.hears("board:x", `{}`, ""), ``})
	a.wrote(`board:x`)
}

func TestWhiteboardRegistration(t *testing.T) { eachWhiteboard(t, registerWhiteboard) }

func registerWhiteboard(t *testing.T, file string) {
	t.Helper()
	s := newShelf()
	s.config = `{"boards":7,"board_seconds":120,"cursor_seconds":5}`
	p := compile(t, file, true, s.host())
	g := p.instantiate(t)
	r := g.registration(t)
	for _, part := range []string{
		`"records":[{"pattern":"/^cursor:.+$/","writable":true,"writeGuard":"own","ttl":"5s","slowConsumer":"conflate"},` +
			`{"pattern":"/^board:.+$/","writable":true,"writeGuard":"drawing","ttl":"2m"},` +
			`{"pattern":"/^about:.+$/","ttl":"3m","slowConsumer":"conflate"}]`,
		`"pattern":"boards"`, `"records":["/^about:.+$/"],"shared":true,"limit":7`,
		`{"event":"recordUpdate","handler":7,"records":["/^board:.+$/"]}`,
	} {
		if !strings.Contains(g.document, part) {
			t.Errorf("%s is missing in %s", part, g.document)
		}
	}
	resolve := abi.Request{Kind: abi.KindResolve, Name: "boards"}
	boards := func() string {
		response, err := g.send(t.Context(), r.Collections[0].Handler, &resolve)
		if err != nil {
			t.Fatal(err)
		}
		return outcome(t, response)
	}
	check(t, step{boards(), `[]`})
	s.records = map[string]shelved{"about:a": {`{}`, 1}, "about:b": {"", 2}, "about:c": {`{}`, 1}, "board:d": {`{}`, 1}}
	check(t, step{boards(), `["about:a","about:c"]`})

	checkCapabilities(t, p, r)
	if again := p.instantiate(t); again.document != g.document {
		t.Error("another instance registers something else")
	}
	bad := compile(t, file, true, configured(`{"boards":"many"}`)).instantiate(t)
	if r := bad.registration(t); r.Error != "config: boards must be a whole number, 1 to 1000" {
		t.Errorf("got %s", bad.document)
	}
}
