package abi_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

// TestErrorNumbers pins what a plugin that was built once relies on: a number
// keeps its code for ever, and new ones come at the end.
func TestErrorNumbers(t *testing.T) {
	t.Parallel()
	want := []string{
		"ESERVER", "ENOTFOUND", "EPAYLOAD", "ETIMEOUT", "EPLUGIN", "ERATELIMIT",
		"EUNAVAILABLE", "ECONFLICT", "EDENIED", "ELIMIT", "ETOOLARGE",
	}
	for i, code := range want {
		e, ok := abi.LookupError(code)
		if !ok || e.Number != uint32(i+1) || e.Code != code {
			t.Errorf("%s: got %+v, %t, want the number %d", code, e, ok, i+1)
		}
	}
	for i, e := range abi.ErrorCodes {
		if e.Number != uint32(i+1) {
			t.Errorf("%s has the number %d and stands at %d", e.Code, e.Number, i+1)
		}
		if e.Name == "" || e.HTTP < 400 || e.HTTP > 599 || e.Doc == "" {
			t.Errorf("%s is not complete: %+v", e.Code, e)
		}
	}
	if e, ok := abi.LookupError("ENOBEER"); ok {
		t.Errorf("ENOBEER is %+v", e)
	}
}

func TestCloseCodes(t *testing.T) {
	t.Parallel()
	if !slices.IsSortedFunc(abi.CloseCodes, func(a, b abi.CloseCode) int { return a.Code - b.Code }) {
		t.Error("the close codes are not in order")
	}
	for _, c := range abi.CloseCodes {
		if c.Code >= 4000 && c.Code < 4100 && c.Reconnect || c.Code >= 4100 && c.Code < 4200 && !c.Reconnect {
			t.Errorf("%d %s does not keep to its band", c.Code, c.Name)
		}
	}
}

// TestOperationsDescribeTheirMessages compares the table with the structs, since
// other doors go by the table.
func TestOperationsDescribeTheirMessages(t *testing.T) {
	t.Parallel()
	kinds := map[string]reflect.Type{
		"string": reflect.TypeFor[string](), "json": reflect.TypeFor[json.RawMessage](), "int": reflect.TypeFor[int64](),
		"bool": reflect.TypeFor[bool](), "strings": reflect.TypeFor[[]string](), "bytes": reflect.TypeFor[[]byte](),
	}
	for _, o := range abi.Operations {
		if o.Doc == "" {
			t.Errorf("%s has no documentation", o.Name)
		}
		for which, fields := range map[string][]abi.Field{"request": o.Request, "response": o.Response} {
			s := reflect.TypeOf(messages[o.Name+" "+which]).Elem()
			if s.NumField() != len(fields) {
				t.Fatalf("the %s of %s has %d fields, the table %d", which, o.Name, s.NumField(), len(fields))
			}
			for i, f := range fields {
				tag := f.Name
				if f.Optional {
					tag += ",omitempty"
				}
				if got := s.Field(i); got.Tag.Get("json") != tag || got.Type != kinds[f.Type] {
					t.Errorf("%s %s: field %d is %s %s, want %s %s", o.Name, which, i, got.Tag, got.Type, tag, kinds[f.Type])
				}
			}
		}
	}
}

func TestRegistrationDocument(t *testing.T) {
	t.Parallel()
	const document = `{"name":"p","version":"1","order":2,` +
		`"commands":[{"name":"c","handler":0,"middleware":["m"],"concurrent":true}],` +
		`"middleware":[{"name":"m","handler":1,"global":true,"order":0}],` +
		`"guards":[{"name":"g","handler":2}],` +
		`"channels":[{"pattern":"a","guard":"g","publish":true,"publishGuard":"g","history":5,"historyTtl":"1h","slowConsumer":"drop"},{"pattern":"/b/"}],` +
		`"presence":[{"pattern":"a","ttl":"30s","guard":"g","slowConsumer":"conflate"}],` +
		`"rooms":[{"pattern":"a","guard":"g","metadataGuard":"g"}],` +
		`"records":[{"pattern":"a","guard":"g","writable":true,"writeGuard":"g","ttl":"30s","slowConsumer":"conflate"},{"pattern":"/b/"}],` +
		`"collections":[{"pattern":"a","handler":6,"guard":"g","records":["b","/c/"],"shared":true,"limit":50},{"pattern":"/b/","handler":6}],` +
		`"metadataGuard":"g",` +
		`"hooks":[{"event":"authenticate","handler":3,"order":-1},{"event":"recordUpdate","handler":7,"records":["a"]}],` +
		`"schedules":[{"name":"s","handler":4,"every":"30s"},{"name":"t","handler":5,"cron":"0 4 * * *","scope":"cluster"}],` +
		`"capabilities":[{"name":"kv","reason":"why"}],"configSchema":{"type":"object"}}`
	d := json.NewDecoder(strings.NewReader(document))
	d.DisallowUnknownFields()
	var r abi.Registration
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	back, err := json.Marshal(&r)
	if err != nil || string(back) != document {
		t.Errorf("got %s, %v", back, err)
	}
	if o := r.Middleware[0].Order; o == nil || *o != 0 {
		t.Error("an order of 0 is not told from none")
	}
	if back, err := json.Marshal(&abi.Registration{Error: "no tokens"}); err != nil || string(back) != `{"error":"no tokens"}` {
		t.Errorf("got %s, %v", back, err)
	}
}

// TestDoors: a plugin's own things are not an operator's, nor the other way
// round, and what names a capability is open to plugins.
func TestDoors(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"log": abi.DoorPlugin, "config.get": abi.DoorPlugin, "kv.get": abi.DoorPlugin, "kv.set": abi.DoorPlugin,
		"kv.delete": abi.DoorPlugin, "kv.increment": abi.DoorPlugin, "kv.compareAndSet": abi.DoorPlugin, "http.fetch": abi.DoorPlugin,
		"exposures.list": abi.DoorOperator, "plugins.list": abi.DoorOperator, "plugins.reload": abi.DoorOperator,
	}
	for _, o := range abi.Operations {
		if o.Door != want[o.Name] {
			t.Errorf("%s has the door %q, want %q", o.Name, o.Door, want[o.Name])
		}
		if o.Door == abi.DoorOperator && o.Capability != "" {
			t.Errorf("%s asks operators for the capability %s", o.Name, o.Capability)
		}
	}
}
