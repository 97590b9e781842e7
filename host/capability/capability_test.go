package capability_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func access(tb testing.TB, grants ...string) *capability.Access {
	tb.Helper()
	list := make([]capability.Grant, len(grants))
	for i, text := range grants {
		var err error
		if list[i], err = capability.Parse(text); err != nil {
			tb.Fatalf("%s: %v", text, err)
		}
	}
	a, err := capability.NewAccess(list, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func asked(tb testing.TB, names ...string) []capability.Asked {
	tb.Helper()
	list := make([]abi.Capability, len(names))
	for i, name := range names {
		list[i].Name = name
	}
	q, err := capability.ParseAsked(list)
	if err != nil {
		tb.Fatal(err)
	}
	return q
}

// check returns "" where a request is allowed, and what it is told otherwise.
func check(tb testing.TB, a *capability.Access, operation string, request []byte) string {
	tb.Helper()
	i := capability.IndexOf(operation)
	if i < 0 {
		tb.Fatalf("no operation %s", operation)
	}
	if !a.Bounded(i) {
		return ""
	}
	err := a.Check(context.Background(), i, request)
	if err == nil {
		return ""
	}
	e := protocol.AsError(err)
	if e == nil || e.Code != abi.CodeDenied {
		tb.Fatalf("%s: %v", operation, err)
	}
	return e.Message
}

func set(record string) []byte { return (&abi.RecordsSetRequest{RecordID: record}).Append(nil) }

func TestGrants(t *testing.T) {
	t.Parallel()
	send := (&abi.UsersSendRequest{To: []string{"ann", "bob"}}).Append(nil)
	transaction := func(operations string) []byte {
		return (&abi.RecordsTransactionRequest{Operations: []byte(operations)}).Append(nil)
	}
	for _, c := range []struct {
		grants, operation string
		request           []byte
		denied            string // a part of the message; "" is allowed
	}{
		{"*", abi.OpRecordsSet, set("a"), ""},
		{"*", abi.OpRecordsTransaction, nil, ""},
		{"", abi.OpLog, nil, ""},
		{"", abi.OpConfigGet, nil, ""},
		{"", abi.OpKVGet, nil, `kv.get: the capability "kv" is not granted`},
		{"kv", abi.OpKVGet, nil, ""},
		{"records", abi.OpRecordsSet, nil, ""},
		{"records", abi.OpRecordsGet, nil, ""},
		{"records.write", abi.OpRecordsGet, nil, `the capability "records.read" is not granted`},
		{"connections", abi.OpConnectionsMetadataSet, nil, ""},
		{"connections.metadata", abi.OpConnectionsMetadataGet, nil, ""},
		{"connections.metadata", abi.OpBroadcast, nil, `"connections.send" is not granted`},
		{"records.write:score:*", abi.OpRecordsSet, set("score:a"), ""},
		{"records.write:score:*", abi.OpRecordsSet, set("score:"), ""},
		{"records.write:score:*", abi.OpRecordsSet, set("scorE:a"), `the capability "records.write" is not granted for "scorE:a"`},
		{"records.write:score:*", abi.OpRecordsSet, set(""), `is not granted for ""`},
		{"records.write:score:*", abi.OpRecordsSet, set("score:" + strings.Repeat("x", 251)), `is not granted for "score:`},
		{"records.write:score:*", abi.OpRecordsSet, []byte{9, 9}, `is not granted for ""`},
		{"records.write:score:*", abi.OpRecordsSet, nil, `is not granted for ""`},
		{"records.write:/score:[0-9]+/", abi.OpRecordsSet, set("score:12"), ""},
		{"records.write:/score:[0-9]+/", abi.OpRecordsSet, set("score:12x"), "is not granted for"},
		{"records.write:/a|b/", abi.OpRecordsSet, set("ax"), "is not granted for"},
		{"records.write:a records.write:b", abi.OpRecordsSet, set("b"), ""},
		{"records.write:a records", abi.OpRecordsSet, set("b"), ""},
		{"records:a*z", abi.OpRecordsSet, set("a-z"), ""},
		{"records:a*z", abi.OpRecordsSet, set("a-zz-"), "is not granted for"},
		{"records:ab*bc", abi.OpRecordsSet, set("abc"), "is not granted for"},
		{"records:a*b*c", abi.OpRecordsSet, set("a1b2c"), ""},
		{"records:a*b*c", abi.OpRecordsSet, set("a1c"), "is not granted for"},
		{"records.read:a*", abi.OpRecordsList, nil, `"records.read" is granted for certain names only, and this needs it for all`},
		{"rooms.write:a*", abi.OpRoomsRemoveFromAll, nil, "needs it for all"},
		{"connections.send:ann", abi.OpUsersSend, send, `is not granted for "bob"`},
		{"connections.send:ann connections.send:b*", abi.OpUsersSend, send, ""},
		{"connections.send:ann", abi.OpUsersSend, []byte{8, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9}, "is not granted"},
		{"connections.send:ann", abi.OpUsersSend, []byte{2, 0, 0, 0, 0, 0}, "is not granted"},
		{"connections.send:ann", abi.OpBroadcast, nil, "needs it for all"},
		{"connections.send:ann", abi.OpConnectionsSend, nil, "needs it for all"},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`[{"op":"write","recordId":"a1"},{"op":"delete","recordId":"a2"}]`), ""},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`[{"op":"write","recordId":"a1"},{"op":"delete","recordId":"b"}]`), `is not granted for "b"`},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`[{"recordId":"a1","recordId":"b"}]`), `is not granted for "b"`},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`[{"recordId":"b","recordId":"a1"}]`), `is not granted for "b"`},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`[{"recordId":"a1","record\u0049d":"b"}]`), `is not granted for "b"`},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`[{"recordId":"a1","RECORDID":"b"}]`), `is not granted for "b"`},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`[{"recordId":"\u0062"}]`), `is not granted for "b"`},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`[{"recordId":["a1"]}]`), "is not granted"},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`[{}]`), "is not granted"},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`["a1"]`), "is not granted"},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`{"recordId":"a1"}`), "is not granted"},
		{"records.write:a*", abi.OpRecordsTransaction, transaction(`[{"recordId":"a1"}`), "is not granted"},
		{"records.write:a*", abi.OpRecordsTransaction, nil, "is not granted"},
		{"*", abi.OpHTTPFetch, nil, `the capability "http" is not granted`},
	} {
		got := check(t, access(t, strings.Fields(c.grants)...), c.operation, c.request)
		if c.denied == "" && got != "" || c.denied != "" && !strings.Contains(got, c.denied) {
			t.Errorf("%q, %s %q: %q, want %q", c.grants, c.operation, c.request, got, c.denied)
		}
	}
}

// Whatever has a capability is denied where nothing is granted, whoever calls it.
func TestNothingIsGranted(t *testing.T) {
	t.Parallel()
	nothing := access(t)
	for _, o := range abi.Operations {
		got := check(t, nothing, o.Name, nil)
		if free := o.Capability == ""; free != (got == "") || !free && !strings.HasSuffix(got, "is not granted") {
			t.Errorf("%s: %q", o.Name, got)
		}
	}
}

// Without any access, as in tests of other things, all is allowed.
func TestNilAccess(t *testing.T) {
	t.Parallel()
	var a *capability.Access
	if a.Bounded(capability.IndexOf(abi.OpRecordsSet)) || a.Origins().Allow(nil) || len(a.Missing(nil, []string{abi.OpKVGet}).Needs) > 0 {
		t.Error("a nil access has bounds")
	}
}

func TestGrantsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ grant, want string }{
		{"", `"" is no capability: one of channels.publish, `},
		{"record", `"record" is no capability`},
		{"records.", `"records." is no capability`},
		{".", `is no capability`},
		{"records.set", `"records.set" is an operation: its capability is "records.write"`},
		{"log", `"log" needs no capability`},
		{"*:a", `"*" is everything, and stands alone`},
		{"http", "granted by the key http"},
		{"http:https://a", "granted by the key http"},
		{"records.write:", `there is no name behind the ":"`},
		{"records.write:/(/", "missing closing )"},
		{"records.write:/)(/", "unexpected )"},
		{"records.write:/(?=a)/", "invalid"},
		{"records.write:/(a{1000}){1000}/", "invalid repeat"},
		{"records.write:/((a|b|c){100}x){10}/", "too large"},
		{"records.write:/((((a{5}){5}){5}){5}){5}/", "invalid repeat"},
		{"records.write:/" + strings.Repeat("x{9}", 200) + "/", "too large"},
		{"records.write:" + strings.Repeat("x", 1025), "at most 1024 bytes"},
		{"records.write:" + strings.Repeat("x", 257), "longer than 256"},
		{"records.write:a\nb", "control character"},
		{"records.write:\xff", "not UTF-8"},
		{"records.write:" + strings.Repeat("*", 9), `at most 8 "*"`},
		{strings.Repeat("x", 3000), "over the limit"},
		{"\x00records", "is no capability"},
		{"connections.disconnect:/(/", "missing closing )"},
	} {
		if g, err := capability.Parse(c.grant); err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 1500 {
			t.Errorf("%.40q: %v, %v, want %q", c.grant, g, err, c.want)
		}
	}
	for _, name := range capability.Known() {
		if _, err := capability.Parse(name); err != nil && name != capability.HTTP {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Many expressions take long to check, so they are bounded together.
func TestWeight(t *testing.T) {
	t.Parallel()
	heavy, err := capability.Parse("records.write:/(.*x){100}/")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := capability.NewAccess(slices.Repeat([]capability.Grant{heavy}, 1000), nil); err == nil || !strings.Contains(err.Error(), "too large together") {
		t.Error(err)
	}
	if _, err := capability.NewAccess(make([]capability.Grant, capability.MaxList+1), nil); err == nil {
		t.Error("any number of grants")
	}
	many := make([]abi.Capability, 10_000)
	for i := range many {
		many[i].Name = "records.write:/(.*x){100}/"
	}
	if _, err := capability.ParseAsked(many); err == nil || !strings.Contains(err.Error(), "registers 10000 capabilities") {
		t.Error(err)
	}
	if _, err := capability.ParseAsked(many[:1000]); err == nil || !strings.Contains(err.Error(), "too large together") {
		t.Error(err)
	}
}

// The slowest check that the limits allow is bounded, and a list of names ends
// with its context.
func TestSlowPatterns(t *testing.T) {
	t.Parallel()
	var grants []string
	for i := range 12 {
		grants = append(grants, fmt.Sprintf("connections.send:/(.*.*%d?x){45}/", i%10))
	}
	a := access(t, grants...)
	names := slices.Repeat([]string{strings.Repeat("x.", 128)}, 100_000)
	request := (&abi.UsersSendRequest{To: names}).Append(nil)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := a.Check(ctx, capability.IndexOf(abi.OpUsersSend), request)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) && protocol.AsError(err) == nil {
		t.Error(err)
	}
}

func TestNarrow(t *testing.T) {
	t.Parallel()
	a := access(t, "kv", "records:score:*")
	n := a.Narrow(asked(t, "records.write:score:a*"))
	for _, c := range []struct {
		access    *capability.Access
		operation string
		request   []byte
		denied    string
	}{
		{a, abi.OpKVGet, nil, ""},
		{n, abi.OpKVGet, nil, `the capability "kv" is not registered`},
		{a, abi.OpRecordsSet, set("score:b"), ""},
		{n, abi.OpRecordsSet, set("score:ab"), ""},
		{n, abi.OpRecordsSet, set("score:b"), `is not registered for "score:b"`},
		{n, abi.OpRecordsSet, set("x"), `is not granted for "x"`},
		{n, abi.OpRecordsGet, set("score:a"), `"records.read" is not registered`},
		{n, abi.OpLog, nil, ""},
		{a.Narrow(nil), abi.OpKVGet, nil, ""},
	} {
		if got := check(t, c.access, c.operation, c.request); c.denied == "" && got != "" || !strings.Contains(got, c.denied) {
			t.Errorf("%s: %q, want %q", c.operation, got, c.denied)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	origin, err := capability.ParseOrigin("https://*.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		grants, asked, imports string
		needs                  string
	}{
		{"*", "kv records connections.metadata", "", ""},
		{"kv", "kv", "records.set", ""}, // what is registered counts
		{"kv", "", "log config.get kv.get", ""},
		{"kv", "", "records.set records.delete records.set kv.get", `"records.write" (imports records.delete, records.set)`},
		{"records.read", "records", "", `"records.unsubscribe" "records.write"`},
		{"records:a", "records.write", "", ""},
		{"records:a*", "records.write:a", "", ""},
		{"records:a*", "records.write:abc*", "", ""},
		{"records:a*", "records.write:*", "", `"records.write:*"`},
		{"records:a*", "records.write:/ab/", "", `"records.write:/ab/"`},
		{"records:/ab/", "records.write:/ab/ records.write:ab", "", ""},
		{"records:/ab/", "records.write:ab*", "", `"records.write:ab*"`},
		{"records", "records.write:/ab/", "", ""},
		{"*", "http", "", ""},
		{"*", "http:https://api.example.com http:https://*.eu.example.com", "", ""},
		{"*", "http:https://example.com http:http://api.example.com", "", `"http:https://example.com" "http:http://api.example.com"`},
	} {
		list := make([]capability.Grant, 0, 2)
		for _, g := range strings.Fields(c.grants) {
			parsed, err := capability.Parse(g)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, parsed)
		}
		a, err := capability.NewAccess(list, []capability.Origin{origin})
		if err != nil {
			t.Fatal(err)
		}
		m := a.Missing(asked(t, strings.Fields(c.asked)...), strings.Fields(c.imports))
		if got := strings.Join(m.Needs, " "); got != c.needs {
			t.Errorf("granted %q, asked %q: %q, want %q", c.grants, c.asked, got, c.needs)
		}
	}
	m := access(t, "*").Missing(nil, []string{abi.OpHTTPFetch})
	if len(m.Origins) != 1 || len(m.Capabilities) != 0 || m.Needs[0] != `"http" (imports http.fetch)` {
		t.Errorf("got %+v", m)
	}
}

func TestAskedIsRefused(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"*":                        `capabilities[0], "*": `,
		"nonsense":                 `capabilities[0], "nonsense": "nonsense" is no capability`,
		"http:ftp://x":             "neither http nor https",
		"http:https://x/path":      "an origin ends with",
		"records.write:/(/":        "missing closing )",
		strings.Repeat("x", 1<<20): "over the limit",
	} {
		if _, err := capability.ParseAsked([]abi.Capability{{Name: name}}); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 1500 {
			t.Errorf("%.40s: %v, want %q", name, err, want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("records.write:score:*", []byte(`[{"recordId":"score:a"}]`))
	f.Add("records.write:/a|b/", []byte(`[{"recordId":"\u0061","RecordID":"x"}]`))
	f.Fuzz(func(t *testing.T, grant string, operations []byte) {
		g, err := capability.Parse(grant)
		if err != nil {
			return
		}
		a, err := capability.NewAccess([]capability.Grant{g}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{abi.OpRecordsTransaction, abi.OpUsersSend, abi.OpRecordsSet} {
			if i := capability.IndexOf(name); a.Bounded(i) {
				_ = a.Check(context.Background(), i, operations)
				_ = a.Check(context.Background(), i, (&abi.RecordsTransactionRequest{Operations: operations}).Append(nil))
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	request := set("score:abcdefghij")
	thousand := []string{"records.write:score:*"}
	for i := range 999 {
		thousand = append(thousand, fmt.Sprintf("records.write:board:%d", i))
	}
	for _, c := range []struct {
		name   string
		access *capability.Access
	}{
		{"unrestricted", access(b, "*")},
		{"prefix", access(b, "records.write:score:*")},
		{"expression", access(b, "records.write:/^score:.+$/")},
		{"1000", access(b, thousand...)},
	} {
		b.Run(c.name, func(b *testing.B) {
			i, ctx := capability.IndexOf(abi.OpRecordsSet), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if c.access.Bounded(i) {
					if err := c.access.Check(ctx, i, request); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
