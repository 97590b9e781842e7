package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// absent marks a member that an envelope does not have.
const absent = "\x00absent"

func TestScan(t *testing.T) {
	t.Parallel()
	big := `"` + strings.Repeat("i", 1<<20) + `"`
	deep := strings.Repeat("[", protocol.MaxDepth-1) + strings.Repeat("]", protocol.MaxDepth-1)
	for _, c := range []struct{ name, frame, id, command, commandName, payload string }{
		{"request", `{"id":1,"command":"echo","payload":{"a":1}}`, `1`, `"echo"`, `echo`, `{"a":1}`},
		{"one-way", `{"command":"echo","payload":1}`, absent, `"echo"`, `echo`, `1`},
		{"no payload", `{"id":"x","command":"echo"}`, `"x"`, `"echo"`, `echo`, absent},
		{"command alone", `{"command":"echo"}`, absent, `"echo"`, `echo`, absent},
		{"any order", `{"payload":[],"command":"a","id":null}`, `null`, `"a"`, `a`, `[]`},
		{"null payload", `{"command":"a","payload":null}`, absent, `"a"`, `a`, `null`},
		{"white space everywhere", " \t\r\n{ \"id\" : 1.50 , \"command\"\n:\t\"a\" ,\r\"payload\" : { } } \n", `1.50`, `"a"`, `a`, `{ }`},
		{"unknown members", `{"x":{"id":9},"command":"a","y":[{"command":"b"}],"":0,"id":2}`, `2`, `"a"`, `a`, absent},
		{"id of any kind", `{"id":{"a":[1,"]"]},"command":"a"}`, `{"a":[1,"]"]}`, `"a"`, `a`, absent},
		{"id echoed byte for byte", `{"id":"\u0041\/\ud800","command":"a"}`, `"\u0041\/\ud800"`, `"a"`, `a`, absent},
		{"number as written", `{"id":-0.10E+02,"command":"a"}`, `-0.10E+02`, `"a"`, `a`, absent},
		{"big id", `{"id":` + big + `,"command":"a"}`, big, `"a"`, `a`, absent},
		{"duplicate id", `{"id":1,"command":"a","id":2}`, `2`, `"a"`, `a`, absent},
		{"duplicate command", `{"command":"a","command":"b"}`, absent, `"b"`, `b`, absent},
		{"duplicate command, mended", `{"command":1,"command":"b"}`, absent, `"b"`, `b`, absent},
		{"duplicate payload", `{"payload":1,"command":"a","payload":{}}`, absent, `"a"`, `a`, `{}`},
		{"duplicate by escape", `{"id":1,"command":"a","\u0069d":2}`, `2`, `"a"`, `a`, absent},
		{"escaped keys", `{"\u0069\u0064":1,"c\u006fmmand":"a","paylo\u0061d":2}`, `1`, `"a"`, `a`, `2`},
		{"keys that are nearly ours", `{"Id":1,"command ":2,"command":"a","id\u0000":3,"payloads":4}`, absent, `"a"`, `a`, absent},
		{"escaped command", `{"command":"m\u0065sh\/\"\\\b\f\n\r\t"}`, absent, `"m\u0065sh\/\"\\\b\f\n\r\t"`, "mesh/\"\\\b\f\n\r\t", absent},
		{"surrogate pair", `{"command":"\ud83d\ude00"}`, absent, `"\ud83d\ude00"`, `😀`, absent},
		{"lone surrogates", `{"command":"\ud83dx\ude00\ud83d\u0041\ud83d"}`, absent, `"\ud83dx\ude00\ud83d\u0041\ud83d"`, "\uFFFDx\uFFFD\uFFFDA\uFFFD", absent},
		{"unicode", `{"command":"größe😀","payload":"日本"}`, absent, `"größe😀"`, `größe😀`, `"日本"`},
		{"empty command", `{"command":""}`, absent, `""`, ``, absent},
		{"as deep as allowed", `{"command":"a","payload":` + deep + `}`, absent, `"a"`, `a`, deep},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, err := protocol.Scan([]byte(c.frame))
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range []struct {
				name string
				got  []byte
				want string
			}{{"id", e.ID, c.id}, {"command", e.Command, c.command}, {"name", e.Name, c.commandName}, {"payload", e.Payload, c.payload}} {
				if part.want == absent {
					if part.got != nil {
						t.Errorf("%s is %q, want none", part.name, part.got)
					}
				} else if part.got == nil || string(part.got) != part.want {
					t.Errorf("%s is %q, want %q", part.name, part.got, part.want)
				}
			}
		})
	}
}

func TestScanBadFrames(t *testing.T) {
	t.Parallel()
	nested := func(opener, closer string, n int) string {
		return `{"command":"a","payload":` + strings.Repeat(opener, n) + "1" + strings.Repeat(closer, n) + `}`
	}
	for err, frames := range map[error][]string{
		protocol.ErrNotJSON: {
			``, ` `, `{`, `}`, `{}}`, `{"`, `{"command"`, `{"command":`, `{"command":"a"`, `{"command":"a",}`,
			`{"command":"a"}x`, `{"command":"a"}{"command":"b"}`, `{,}`, `{"a"}`, `{"a" 1}`, `{1:2}`, `{'a':1}`,
			`{"command":'a'}`, `{command:"a"}`, `{"command":"a" "id":1}`, `{"command":"a",,"id":1}`, `{"command":"a"]`,
			`{"command":"a","payload":[1,]}`, `{"command":"a","payload":[1 2]}`, `{"command":"a","payload":{"x":1,}}`,
			`{"command":"a","payload":[}`, `{"command":"a","payload":{]}`, `{"command":"a","payload":[1}}`, `{"command":"a","payload":{"x"]}`,
			`{"command":"a","payload":tru}`, `{"command":"a","payload":True}`, `{"command":"a","payload":nul}`, `{"command":"a","payload":falsy}`,
			`{"command":"a","payload":NaN}`, `{"command":"a","payload":Infinity}`, `{"command":"a","payload":undefined}`,
			`{"command":"a","payload":01}`, `{"command":"a","payload":-}`, `{"command":"a","payload":-01}`, `{"command":"a","payload":+1}`,
			`{"command":"a","payload":1.}`, `{"command":"a","payload":.5}`, `{"command":"a","payload":1e}`, `{"command":"a","payload":1e+}`,
			`{"command":"a","payload":0x10}`, `{"command":"a","payload":1_000}`, `{"command":"a","payload":--1}`,
			`{"command":"a\x"}`, `{"command":"\u12"}`, `{"command":"\u12g4"}`, `{"command":"\`, `{"command":"\"}`, `{"command":"\u123`,
			"{\"command\":\"a\nb\"}", "{\"command\":\"12345678\x00\"}", "{\"command\":\"\x1f\"}", "{\"comm\tand\":\"a\"}",
			"\uFEFF{\"command\":\"a\"}", "{\"command\":\"a\"}\x00", "{\v\"command\":\"a\"}", "{\u00a0\"command\":\"a\"}",
			`{"command":"a"/**/}`, `{"command":"a"}//`, `hello`, `nul`, `tru`, `-`, `"a`, `[1`, `[1]]`, `[1}`, `1 2`,
			nested("[", "]", protocol.MaxDepth), nested(`{"x":`, "}", protocol.MaxDepth), nested("[", "]", 1<<20),
			strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 1<<20), strings.Repeat("[", protocol.MaxDepth+1) + strings.Repeat("]", protocol.MaxDepth+1),
		},
		protocol.ErrNotObject: {
			`[]`, `[{"command":"a"}]`, `"command"`, `1`, ` -1.5e3 `, `null`, `true`, `false`, `[[],{},[{"a":[1,2,{}]}]]`,
			strings.Repeat("[", protocol.MaxDepth) + strings.Repeat("]", protocol.MaxDepth),
		},
		protocol.ErrNoCommand: {
			`{}`, ` { } `, `{"id":1}`, `{"id":1,"payload":{}}`, `{"command":1}`, `{"command":null}`, `{"command":["a"]}`, `{"command":{}}`,
			`{"command":true}`, `{"command":"a","command":null}`, `{"Command":"a"}`, `{"payload":{"command":"a"}}`,
		},
	} {
		for _, frame := range frames {
			if e, got := protocol.Scan([]byte(frame)); !errors.Is(got, err) || e.ID != nil || e.Command != nil || e.Name != nil || e.Payload != nil {
				t.Errorf("%.60q: %+v, %v; want %v", frame, e, got, err)
			}
		}
	}
	if _, err := protocol.Scan([]byte(nested(`{"x":`, "}", protocol.MaxDepth-1))); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
}

// What is echoed can be appended to without running over what follows it.
func TestScanCapsItsParts(t *testing.T) {
	t.Parallel()
	frame := []byte(`{"id":1,"command":"a","payload":2}`)
	before := string(frame)
	e, err := protocol.Scan(frame)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]byte{e.ID, e.Command, e.Payload} {
		_ = append(part, "overrun"...)
	}
	if string(frame) != before {
		t.Errorf("the frame became %s", frame)
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"command":"echo","payload":{"a":[1,2.5e-3,"x\u00e9\n"],"b":null}}`, `{"\u0069d":"1","id":2,"command":"\ud83d\ude00"}`,
		`{"command":"a","command":1}`, ` {} `, `[]`, `nul`, `{"command":"a","payload":[[[[]]]]}`, "{\"command\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		e, err := protocol.Scan(frame)
		wellFormed := json.Valid(frame) && depth(frame) <= protocol.MaxDepth
		if wellFormed == errors.Is(err, protocol.ErrNotJSON) {
			t.Fatalf("encoding/json says %v, Scan says %v", wellFormed, err)
		}
		if !wellFormed {
			return
		}
		var members map[string]json.RawMessage
		isObject := json.Unmarshal(frame, &members) == nil && members != nil
		if isObject == errors.Is(err, protocol.ErrNotObject) {
			t.Fatalf("an object: %v; Scan says %v", isObject, err)
		}
		if !isObject {
			return
		}
		command, there := members["command"]
		if isString := there && command[0] == '"'; isString == errors.Is(err, protocol.ErrNoCommand) {
			t.Fatalf("command is %s; Scan says %v", command, err)
		}
		if err != nil {
			return
		}
		for name, got := range map[string][]byte{"id": e.ID, "command": e.Command, "payload": e.Payload} {
			if want, there := members[name]; there != (got != nil) || !bytes.Equal(got, want) {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		var name string
		if json.Unmarshal(command, &name) == nil && utf8.Valid(frame) && string(e.Name) != name {
			t.Errorf("name is %q, want %q", e.Name, name)
		}
	})
}

// depth counts how deeply arrays and objects of valid JSON nest.
func depth(text []byte) int {
	d := json.NewDecoder(bytes.NewReader(text))
	now, most := 0, 0
	for {
		token, err := d.Token()
		if err != nil {
			return most
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			now++
			most = max(most, now)
		case json.Delim(']'), json.Delim('}'):
			now--
		}
	}
}
