package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/meshtest"
)

func code(err error) string {
	var e *mesh.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

func TestExposuresOfRecords(t *testing.T) {
	t.Parallel()
	host := newHost(t) // c1 is the user ann, c2 nobody
	read := func(id, record string) string {
		_, err := host.SubscribeRecord(id, record)
		return code(err)
	}
	write := func(id, record, value string) string {
		_, err := host.WriteRecord(id, record, value, "")
		return code(err)
	}
	remove := func(id, record string) string {
		_, err := host.Transact(id, `[{"op":"delete","recordId":"`+record+`"}]`)
		return code(err)
	}
	for _, step := range []struct{ what, got, want string }{
		{"an open record", read("c2", "record:a"), "<nil>"},
		{"writing it", write("c1", "record:a", `1`), mesh.CodeServer},
		{"what is not exposed", read("c1", "secret"), mesh.CodeDenied},
		{"a shared one", write("c2", "shared:a", `1`), "<nil>"},
		{"reading that", read("c2", "shared:a"), "<nil>"},
		{"deleting that", remove("c2", "shared:a"), "<nil>"},
		{"one's own", write("c1", "own:ann", `1`), "<nil>"},
		{"another's", write("c1", "own:bob", `1`), mesh.CodeDenied},
		{"nobody's", write("c2", "own:", `1`), mesh.CodeServer},
		{"a good value", write("c2", "checked:a", `{"ok":true}`), "<nil>"},
		{"a bad value", write("c2", "checked:a", `{"ok":1}`), mesh.CodeDenied},
		{"no value", remove("c2", "checked:a"), mesh.CodeDenied},
		{"a private one, as nobody", read("c2", "private:a"), mesh.CodeDenied},
		{"a private one, as a user", read("c1", "private:a"), "<nil>"},
		{"writing that, as a user", write("c1", "private:a", `1`), "<nil>"},
		{"rubbish", read("c1", "bad:rubbish"), mesh.CodePlugin},
		{"writing rubbish", write("c1", "bad:rubbish", `1`), mesh.CodePlugin},
		{"a brief one", write("c1", "brief:a", `1`), "<nil>"},
		{"its end", code(host.ExpireRecord("brief:a")), "<nil>"},
		{"a hooked one", write("c1", "hooked:a", `1`), "<nil>"},
		{"its deletion", remove("c1", "hooked:a"), "<nil>"},
	} {
		if step.got != step.want {
			t.Errorf("%s: got %s, want %s", step.what, step.got, step.want)
		}
	}
	denied := host.Guard("values", "c2", meshtest.Access{Topic: mesh.TopicRecord, Action: mesh.ActionWrite, Name: "checked:a", Value: `[1]`})
	if denied == nil || denied.Error() != "Not this: record write [1]." {
		t.Errorf("got %v", denied)
	}
	by := func(value, options string) string {
		_, err := host.WriteRecord("c2", "merged:a", value, options)
		return fmt.Sprint(err)
	}
	for _, step := range [][2]string{
		{by(`{"a":1}`, ``), `Not so: write replace {"a":1}.`},
		{by(`{"a":1}`, `{"strategy":"replace"}`), `Not so: write replace {"a":1}.`},
		{by(`[1]`, `{"strategy":"merge"}`), `Not so: write merge [1].`},
		{by(`{"a":{"b":1}}`, `{"strategy":"merge"}`), "<nil>"},
		{by(`{"a":{"c":2}}`, `{"strategy":"deepMerge"}`), "<nil>"},
		{remove("c2", "merged:a"), mesh.CodeDenied},
		{host.Record("merged:a").Value.String(), `{"a":{"b":1,"c":2}}`},
	} {
		if step[0] != step[1] {
			t.Errorf("got %s, want %s", step[0], step[1])
		}
	}
	if got := host.KV("last:recordRemoved:hooked:a").String(); got != `{"connectionId":"c1","user":"ann","metadata":{"user":"ann"},"recordId":"hooked:a","value":1,"version":2,"epoch":"test","reason":"deleted"}` {
		t.Errorf("the hook saw %s", got)
	}
	if got := host.KV("versions:hooked:a").String(); got != `[1,2]` {
		t.Errorf("the hooks saw the versions %s", got)
	}
}

func TestCollections(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	set := func(id, value string) {
		t.Helper()
		if err := host.SetRecord(id, value); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"record:a", "record:b", "record:c", "private:ann", "private:all", "own:ann", "secret"} {
		set(id, `"`+id+`"`)
	}
	set("list:x", `["record:b","missing","private:all","record:a","record:c","secret"]`)
	see := func(id, collection string) string {
		ids, err := host.SubscribeCollection(id, collection)
		return fmt.Sprint(ids, " ", code(err))
	}
	for _, step := range [][2]string{
		{see("c1", "list:x"), "[record:b private:all record:a record:c] <nil>"},
		{see("c2", "list:x"), "[record:b record:a record:c] <nil>"},
		{see("c2", "few:x"), "[record:b] <nil>"}, // and one that is missing
		{see("c2", "users:x"), "[] " + mesh.CodeDenied},
		{see("c1", "users:none"), "[] <nil>"},
		{see("c1", "one:x"), "[record:b private:all record:a record:c] <nil>"},
		{see("c2", "one:x"), "[record:b record:a record:c] <nil>"},
		{see("c2", "records"), "[record:a record:b record:c] <nil>"},
		{see("c1", "mine"), "[own:ann private:ann private:all] <nil>"},
		{see("c2", "mine"), "[] <nil>"},
	} {
		if step[0] != step[1] {
			t.Errorf("got %s, want %s", step[0], step[1])
		}
	}
	if got := host.KV("hook:resolve:one:x").String(); got != "1" {
		t.Errorf("the shared one was resolved %s times", got)
	}
	for _, step := range [][2]string{{`7`, "[] ELIST"}, {`"rubbish"`, "[record:a] <nil>"}, {`null`, "[] <nil>"}} {
		set("list:y", step[0])
		if got := see("c1", "list:y"); got != step[1] {
			t.Errorf("%s: got %s, want %s", step[0], got, step[1])
		}
	}
	set("list:x", `["record:b"]`)
	if err := host.SetRecord("list:x", `"other"`); err == nil || !strings.Contains(err.Error(), "The list is none") {
		t.Errorf("got %v", err)
	}
	diffs := 0
	for _, p := range host.Pushes("c2") {
		if p.Command == "mesh/collection-diff" {
			diffs++
		}
	}
	if want := `mesh/collection-diff {"collectionId":"one:x","added":[],"removed":[{"id":"record:a"},{"id":"record:c"}],"version":2}`; diffs != 2 ||
		!slices.ContainsFunc(host.Pushes("c2"), func(p meshtest.Push) bool { return p.Command+" "+p.Payload.String() == want }) {
		t.Errorf("%d diffs among %v", diffs, host.Pushes("c2"))
	}
}

func TestBadTransactions(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	for operations, want := range map[string]string{
		`[{"op":"rename","recordId":"a"}]`:                                  `field "op" must be write or delete`,
		`[{"recordId":"a"}]`:                                                `field "op" is missing`,
		`[{"op":"write","recordId":"a"}]`:                                   `field "value" is missing`,
		`[{"op":"write","recordId":"a","value":1,"options":{"ttl":"x"}}]`:   `field "ttl" must be an integer`,
		`[{"op":"delete","recordId":"a","options":{"expectVersion":true}}]`: `field "expectVersion" must be an integer`,
		`[]`: `operations: a transaction has 1 to 100 of them`,
		`[{"op":"delete","recordId":"a"},{"op":"delete","recordId":"a"}]`: `operations: record "a" is there twice`,
	} {
		if _, err := host.Call("c1", "records.transaction", `{"operations":`+operations+`}`); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", operations, err, want)
		}
	}
}
