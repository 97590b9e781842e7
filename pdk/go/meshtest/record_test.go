package meshtest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/meshtest"
)

// desk is a plugin with records of every kind, and a collection of the boards
// whose "open" is true. Its command "do" runs what a test puts into do.
func desk(do *func() string) func(*mesh.Plugin) error {
	return func(p *mesh.Plugin) error {
		p.Command("do", func(*mesh.Call) (mesh.JSON, error) { return mesh.Text((*do)()), nil })
		p.Guard("owner", func(c *mesh.GuardCall) error {
			if c.Name() != "cursor:"+c.User() || c.Action() == mesh.ActionWrite && !c.Value().IsObject() {
				return mesh.Denied(c.Topic() + " " + c.Action() + " " + c.Value().String())
			}
			return nil
		})
		p.Guard("users", func(c *mesh.GuardCall) error {
			if c.User() == "" {
				return mesh.Denied("You are nobody.")
			}
			return nil
		})
		p.Record("/^board:.+$/")
		p.Record("/^secret:.+$/", mesh.GuardedBy("users"))
		p.Record("/^cursor:.+$/", mesh.WritableBy("owner"), mesh.TTL(mesh.Minute))
		p.Record("/^.+:public$/", mesh.Writable())
		p.Collection("open", openBoards, mesh.DependsOn("/^board:.+$/"), mesh.Shared())
		p.Collection("/^all:.+$/", everything, mesh.GuardedBy("users"), mesh.Limit(3))
		p.OnRecordUpdate(tellRecord, "/^cursor:.+$/", "broken")
		p.OnRecordRemoved(tellRecord)
		return nil
	}
}

func tellRecord(c *mesh.RecordChange) error {
	if c.RecordID == "broken" {
		return errors.New("the hook fails")
	}
	_, err := mesh.Channels.Publish("diary", mesh.Text(fmt.Sprint(c.Name(), " ", c.RecordID, " ", c.Version, c.Epoch, " ", c.Value(), " ", c.Reason, " by ", c.ConnectionID())))
	return err
}

func openBoards(c *mesh.Call) ([]string, error) {
	if c.ConnectionID() != "" {
		return nil, errors.New("a shared one is asked for " + c.ConnectionID())
	}
	if _, err := mesh.KV.Increment("resolved", 1, 0); err != nil {
		return nil, err
	}
	page, err := mesh.Records.List(mesh.RecordQuery{Pattern: "/^board:.+$/", Values: true})
	ids := []string{"board:missing"}
	for r := range page.Records() {
		if open, _ := r.Value.Get("open").AsBool(); open {
			ids = append(ids, r.ID)
		}
		if r.Value.Get("broken") != nil {
			return nil, mesh.NewError("EBROKEN", "a board is broken")
		}
	}
	return ids, err
}

func everything(c *mesh.Call) ([]string, error) {
	if c.Name() == "all:rubbish" {
		return []string{"", "\n", "board:1"}, nil
	}
	return []string{"secret:1", "cursor:ann", "secret:1", "board:1", c.User() + ":public"}, nil
}

func newDesk(t *testing.T) (host *meshtest.Host, run func(do func() string) string) {
	t.Helper()
	var current func() string
	host = meshtest.New(t, desk(&current))
	for _, c := range []meshtest.Connection{{ID: "ann1", User: "ann"}, {ID: "bob1", User: "bob"}, {ID: "x"}} {
		if err := host.Connect(c); err != nil {
			t.Fatal(err)
		}
	}
	return host, func(do func() string) string {
		current = do
		reply, err := host.Call("ann1", "do", "")
		if err != nil {
			t.Error(err)
		}
		return mustText(reply)
	}
}

func sayRecord(r mesh.Record, err error) string {
	return fmt.Sprint(r.ID, " ", r.Value, " ", r.Version, " ", r.Epoch, " ", failure(err))
}

func sayWritten(w mesh.Written, err error) string {
	if c, ok := mesh.AsConflict(err); ok {
		return fmt.Sprint("conflict ", c.Version)
	}
	return fmt.Sprint(w.Version, " ", w.Epoch, " ", w.Changed, " ", failure(err))
}

func sayDeleted(deleted bool, version int64, err error) string {
	return fmt.Sprint(deleted, " ", version, " ", failure(err))
}

func TestRecords(t *testing.T) {
	t.Parallel()
	host, run := newDesk(t)
	set := func(value string, options ...mesh.WriteOption) func() string {
		return func() string { return sayWritten(mesh.Records.Set("n", mesh.JSON(value), options...)) }
	}
	get := func() string { return sayRecord(mesh.Records.Get("n")) }
	for _, step := range []struct {
		do   func() string
		want string
	}{
		{get, "n null 0  <nil>"},
		{set(`1`, mesh.ExpectVersion(1)), "conflict 0"},
		{set(`{"a":1e1,"b":[1,{}]}`, mesh.ExpectVersion(0)), "1 test true <nil>"},
		{set(`1`, mesh.ExpectVersion(0)), "conflict 1"},
		{set(`{"b":[1.0,{}],"a":10}`), "1 test false <nil>"},
		{get, `n {"a":1e1,"b":[1,{}]} 1 test <nil>`},
		{set(`{"b":[1,{}],"a":11}`, mesh.ExpectVersion(1)), "2 test true <nil>"},
		{set(`{"c":{"d":1}}`, mesh.Strategy(mesh.Merge)), "3 test true <nil>"},
		{func() string {
			return sayWritten(mesh.Records.Merge("n", mesh.JSON(`{"c":{"e":2},"b":0}`), mesh.Strategy(mesh.DeepMerge)))
		}, "4 test true <nil>"},
		{get, `n {"b":0,"a":11,"c":{"d":1,"e":2}} 4 test <nil>`},
		{func() string { return sayWritten(mesh.Records.Merge("n", mesh.JSON(`{"c":0}`))) }, "5 test true <nil>"},
		{func() string { return sayWritten(mesh.Records.Merge("n", mesh.JSON(`[0]`))) }, "6 test true <nil>"},
		{set(`null`), "7 test true <nil>"},
		{set(`null`), "7 test false <nil>"},
		{func() string { return sayDeleted(mesh.Records.Delete("n", mesh.ExpectVersion(6))) }, "false 0 " + mesh.CodeConflict},
		{func() string { return sayDeleted(mesh.Records.Delete("n", mesh.ExpectVersion(7))) }, "true 8 <nil>"},
		{func() string { return sayDeleted(mesh.Records.Delete("n")) }, "false 8 <nil>"},
		{get, "n null 8 test <nil>"},
		{set(`1`, mesh.ExpectVersion(7)), "conflict 8"},
		{set(`1`, mesh.ExpectVersion(0), mesh.TTL(5)), "9 test true <nil>"},
		{func() string {
			return sayWritten(mesh.Records.Update("n", func(r mesh.Record) (mesh.JSON, error) {
				n, _ := r.Value.AsInt()
				return mesh.Int(n + 1), nil
			}))
		}, "10 test true <nil>"},
		{set(`rubbish`), "0  false " + mesh.CodePayload},
		{set(`1`, mesh.ExpectVersion(-1)), "0  false " + mesh.CodePayload},
		{set(`1`, mesh.TTL(-1)), "0  false " + mesh.CodePayload},
		{set(`1`, mesh.Strategy("sideways")), "0  false " + mesh.CodePayload},
		{func() string { return sayWritten(mesh.Records.Set("n", nil)) }, "0  false " + mesh.CodePayload},
		{func() string { return sayWritten(mesh.Records.Set("", mesh.Int(1))) }, "0  false " + mesh.CodePayload},
		{func() string { return sayRecord(mesh.Records.Get("\n")) }, "\n  0  " + mesh.CodePayload},
		{set(`12345678901234567890`), "11 test true <nil>"},
		{set(`12345678901234567891`), "12 test true <nil>"},
		{set(`1234567890123456789.10e1`), "12 test false <nil>"},
		{set(`"12345678901234567891"`), "13 test true <nil>"},
		{set(`-0`), "14 test true <nil>"},
		{set(`0e5`), "14 test false <nil>"},
		{set(`1e99999999999`), "15 test true <nil>"},
	} {
		if got := run(step.do); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
	if r := host.Record("n"); r.Version != 15 || string(r.Value) != `1e99999999999` {
		t.Errorf("got %+v", r)
	}
}

func TestListsOfRecords(t *testing.T) {
	t.Parallel()
	host, run := newDesk(t)
	for _, id := range []string{"board:2", "board:1", "n", "board:3"} {
		if err := host.SetRecord(id, `{"of":"`+id+`"}`); err != nil {
			t.Fatal(err)
		}
	}
	list := func(q mesh.RecordQuery) func() string {
		return func() string {
			page, err := mesh.Records.List(q)
			var ids []string
			for r := range page.Records() {
				ids = append(ids, fmt.Sprint(r.ID, r.Version, r.Epoch, r.Value))
			}
			return fmt.Sprint(ids, " ", page.Next, " ", failure(err))
		}
	}
	for _, step := range []struct {
		do   func() string
		want string
	}{
		{list(mesh.RecordQuery{}), "[board:11test board:21test board:31test n1test]  <nil>"},
		{list(mesh.RecordQuery{Limit: 2}), "[board:11test board:21test] board:2 <nil>"},
		{list(mesh.RecordQuery{Cursor: "board:2", Limit: 2}), "[board:31test n1test]  <nil>"},
		{list(mesh.RecordQuery{Pattern: "/^board:[23]$/", Values: true}), `[board:21test{"of":"board:2"} board:31test{"of":"board:3"}]  <nil>`},
		{list(mesh.RecordQuery{Pattern: "n"}), "[n1test]  <nil>"},
		{list(mesh.RecordQuery{Pattern: "/(/"}), "[]  " + mesh.CodePayload},
		{func() string { return sayDeleted(mesh.Records.Delete("n")) }, "true 2 <nil>"},
		{list(mesh.RecordQuery{Pattern: "n"}), "[]  <nil>"},
	} {
		if got := run(step.do); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	host, run := newDesk(t)
	many := mesh.Records.Transaction()
	for i := range 101 {
		many.Set(fmt.Sprint("many:", i), mesh.Int(0))
	}
	commit := func(tx *mesh.Transaction) func() string {
		return func() string {
			done, err := tx.Commit()
			if c, ok := mesh.AsConflict(err); ok {
				return fmt.Sprint(c)
			}
			return fmt.Sprint(done.List, " ", failure(err))
		}
	}
	tx := mesh.Records.Transaction
	for _, step := range []struct {
		do   func() string
		want string
	}{
		{commit(tx().Set("a", mesh.Int(1)).Set("b", mesh.Int(2), mesh.ExpectVersion(0)).Delete("c")),
			`[{"op":"write","recordId":"a","success":true,"version":1},{"op":"write","recordId":"b","success":true,"version":1},{"op":"delete","recordId":"c","success":true,"version":0}] <nil>`},
		{commit(tx().Set("a", mesh.Int(5)).Delete("b", mesh.ExpectVersion(2))), "{1 b}"},
		{commit(tx().Set("a", mesh.Int(5)).Set("c", nil, mesh.Strategy("sideways"))), " " + mesh.CodePayload},
		{commit(tx().Set("a", mesh.Int(5)).Delete("a")), " " + mesh.CodeTransaction},
		{commit(tx().Set("", mesh.Int(5))), " " + mesh.CodePayload},
		{commit(tx()), " " + mesh.CodeTransaction},
		{commit(many), " " + mesh.CodeTransaction},
		{commit(tx().Merge("a", mesh.Int(1)).Delete("b", mesh.ExpectVersion(1))),
			`[{"op":"write","recordId":"a","success":true,"version":1},{"op":"delete","recordId":"b","success":true,"version":2}] <nil>`},
	} {
		if got := run(step.do); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
	if a, b, c := host.Record("a"), host.Record("b"), host.Record("c"); a.Version != 1 || string(a.Value) != "1" || b.Version != 2 || c.Version != 0 {
		t.Errorf("got %v, %v, %v", a, b, c)
	}
}

func TestClientsWriteRecords(t *testing.T) {
	t.Parallel()
	host, run := newDesk(t)
	write := func(id, record, value, options string) error {
		_, err := host.WriteRecord(id, record, value, options)
		return err
	}
	subscribe := func(id, record string) error {
		_, err := host.SubscribeRecord(id, record)
		return err
	}
	transact := func(id, operations string) error {
		_, err := host.Transact(id, operations)
		return err
	}
	for i, step := range []struct {
		err  error
		want string
	}{
		{subscribe("x", "closed"), mesh.CodeDenied},
		{subscribe("x", "secret:1"), mesh.CodeDenied},
		{subscribe("bob1", "secret:1"), "<nil>"},
		{subscribe("x", "cursor:ann"), "<nil>"}, // writable, and nobody says who may read
		{subscribe("x", ""), mesh.CodePayload},
		{subscribe("missing", "cursor:ann"), mesh.CodeNotFound},
		{write("x", "closed", `1`, ""), mesh.CodeServer},
		{write("x", "board:1", `1`, ""), mesh.CodeServer},
		{write("bob1", "cursor:ann", `{}`, ""), mesh.CodeDenied},
		{write("ann1", "cursor:ann", `1`, ""), mesh.CodeDenied},
		{write("ann1", "cursor:ann", `rubbish`, ""), mesh.CodePayload},
		{write("ann1", "cursor:ann", `{"x":1}`, `{"expectVersion":0}`), "<nil>"},
		{write("ann1", "cursor:ann", `{"x":1}`, ``), "<nil>"},
		{write("ann1", "cursor:ann", `{"y":2}`, `{"strategy":"merge","ttl":1}`), "<nil>"},
		{write("ann1", "cursor:ann", `{}`, `{"expectVersion":1}`), mesh.CodeConflict},
		{write("ann1", "cursor:ann", `{}`, `{"expectVersion":"1"}`), mesh.CodePayload},
		{write("ann1", "cursor:ann", `{}`, `{"strategy":1}`), mesh.CodePayload},
		{write("ann1", "cursor:ann", `{}`, `[1]`), mesh.CodePayload},
		{write("x", "x:public", `[1]`, `{"ttl":60000}`), "<nil>"},
		{transact("ann1", `[{"op":"write","recordId":"cursor:ann","value":{}},{"op":"write","recordId":"cursor:bob","value":{}}]`), mesh.CodeDenied},
		{transact("ann1", `[{"op":"write","recordId":"cursor:ann","value":{}},{"op":"write","recordId":"board:1","value":{}}]`), mesh.CodeServer},
		{transact("ann1", `[{"op":"write","recordId":"x:public","value":2},{"op":"delete","recordId":"cursor:ann"}]`), "<nil>"},
		{transact("ann1", `[{"op":"rename","recordId":"x:public"}]`), mesh.CodeTransaction},
		{transact("ann1", `[{"op":"write","recordId":"x:public"}]`), mesh.CodeTransaction},
		{transact("ann1", `[{"op":"delete","recordId":7}]`), mesh.CodeTransaction},
		{transact("ann1", `[{"op":"delete","recordId":"x:public","options":{"ttl":"x"}}]`), mesh.CodeTransaction},
		{transact("ann1", `7`), mesh.CodeTransaction},
		{host.SetRecord("cursor:ann", `{"z":3}`), "<nil>"},
		{host.ExpireRecord("cursor:ann"), "<nil>"},
		{host.SetRecord("broken", `1`), "the hook fails"},
		{host.SetRecord("secret:1", `true`), "<nil>"},
	} {
		if got := failure(step.err); got != step.want && fmt.Sprint(step.err) != step.want {
			t.Errorf("step %d: got %v, want %s", i, step.err, step.want)
		}
	}
	for _, id := range []string{"board:1", "x:public"} { // that a client has stated one does not count
		if err := host.ExpireRecord(id); err == nil {
			t.Errorf("%s has no TTL and expires", id)
		}
	}
	for operations, want := range map[string]string{
		`[{"op":"write","recordId":"x:public","value":5},{"op":"delete","recordId":"cursor:bob"}]`:                             `{"recordId":"cursor:bob"}`,
		`[{"op":"write","recordId":"x:public","value":5},{"op":"delete","recordId":"y:public","options":{"expectVersion":3}}]`: `{"recordId":"y:public","version":0}`,
		`[{"op":"write","recordId":"board:1","value":5}]`:                                                                      `{"recordId":"board:1"}`,
		`[{"op":"write","recordId":"x:public","value":5,"options":{"strategy":"no"}}]`:                                         `{"recordId":"x:public"}`,
	} {
		var e *mesh.Error
		if _, err := host.Transact("ann1", operations); !errors.As(err, &e) || e.Data.String() != want {
			t.Errorf("%s: got %v, want %s", operations, err, want)
		}
	}
	for do, want := range map[string]func() string{
		"true <nil>":  func() string { return say(mesh.Records.Unsubscribe("secret:1", "bob1", "enough")) },
		"false <nil>": func() string { return say(mesh.Records.Unsubscribe("secret:1", "x", "")) },
	} {
		if got := run(want); got != do {
			t.Errorf("got %q, want %q", got, do)
		}
	}
	wantPushes(t, host.Pushes("x"),
		`mesh/record-update {"recordId":"cursor:ann","full":{"x":1},"version":1,"epoch":"test"}`,
		`mesh/record-update {"recordId":"cursor:ann","full":{"x":1,"y":2},"version":2,"epoch":"test"}`,
		`mesh/record-deleted {"recordId":"cursor:ann","version":3,"epoch":"test"}`,
		`mesh/record-update {"recordId":"cursor:ann","full":{"z":3},"version":4,"epoch":"test"}`,
		`mesh/record-deleted {"recordId":"cursor:ann","version":5,"epoch":"test"}`)
	wantPushes(t, host.Pushes("bob1"),
		`mesh/record-update {"recordId":"secret:1","full":true,"version":1,"epoch":"test"}`,
		`mesh/unsubscribed {"kind":"record","name":"secret:1","reason":"enough"}`)
	want := []string{
		`recordUpdate cursor:ann 1test {"x":1}  by ann1`, `recordUpdate cursor:ann 2test {"x":1,"y":2}  by ann1`,
		`recordRemoved cursor:ann 3test {"x":1,"y":2} deleted by ann1`,
		`recordUpdate cursor:ann 4test {"z":3}  by `, `recordRemoved cursor:ann 5test {"z":3} expired by `,
	}
	if got := host.Messages("diary"); !slices.Equal(got, want) {
		t.Errorf("the hooks saw\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r, err := host.SubscribeRecord("x", "x:public"); sayRecord(r, err) != "x:public 2 2 test <nil>" {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestCollections(t *testing.T) {
	t.Parallel()
	host, run := newDesk(t)
	put := func(id, value string) {
		t.Helper()
		if err := host.SetRecord(id, value); err != nil {
			t.Error(err)
		}
	}
	put("board:1", `{"open":true}`)
	put("secret:1", `1`)
	put("ann:public", `1`)
	see := func(connection, collection string) string {
		return say(host.SubscribeCollection(connection, collection))
	}
	for _, step := range [][2]string{
		{see("x", "open"), "[board:1] <nil>"},
		{see("bob1", "open"), "[board:1] <nil>"},
		{see("x", "all:1"), "[] " + mesh.CodeDenied},
		{see("ann1", "all:1"), "[secret:1 board:1] <nil>"}, // one of the first three has no value
		{see("ann1", "all:rubbish"), "[board:1] <nil>"},
		{see("ann1", "nowhere"), "[] " + mesh.CodeDenied},
	} {
		if step[0] != step[1] {
			t.Errorf("got %q, want %q", step[0], step[1])
		}
	}
	if n := host.KV("resolved"); string(n) != "1" {
		t.Errorf("the shared one was resolved %s times for two subscriptions", n)
	}
	put("board:2", `{"open":true}`)
	put("secret:2", `1`) // of no concern
	put("board:1", `{"open":true,"n":1}`)
	put("board:1", `{"open":false}`)
	if n := host.KV("resolved"); string(n) != "4" {
		t.Errorf("it was resolved %s times for 3 changes and 2 subscribers", n)
	}
	if err := host.SetRecord("board:3", `{"broken":1}`); err == nil || err.Error() != "a board is broken" {
		t.Errorf("a resolver that fails: %v", err)
	}
	put("cursor:ann", `{}`)
	if got := run(func() string { return say(mesh.Collections.Unsubscribe("open", "bob1", "bye")) }); got != "true <nil>" {
		t.Errorf("got %s", got)
	}
	if got := run(func() string { return say(mesh.Collections.Unsubscribe("none", "bob1", "bye")) }); got != "false <nil>" {
		t.Errorf("got %s", got)
	}
	seen := []string{
		`mesh/collection-diff {"collectionId":"open","added":[{"id":"board:2","record":{"open":true},"version":1}],"removed":[],"version":2}`,
		`mesh/record-update {"recordId":"board:1","full":{"open":true,"n":1},"version":2,"epoch":"test"}`,
		`mesh/record-update {"recordId":"board:1","full":{"open":false},"version":3,"epoch":"test"}`,
		`mesh/collection-diff {"collectionId":"open","added":[],"removed":[{"id":"board:1"}],"version":3}`,
	}
	wantPushes(t, host.Pushes("x"), seen...)
	wantPushes(t, host.Pushes("bob1"), append(seen, `mesh/unsubscribed {"kind":"collection","name":"open","reason":"bye"}`)...)
	wantPushes(t, host.Pushes("ann1"), seen[1], seen[2],
		`mesh/collection-diff {"collectionId":"all:1","added":[{"id":"cursor:ann","record":{},"version":1}],"removed":[],"version":2}`)
	if err := host.Disconnect("x", 1001, ""); err != nil {
		t.Error(err)
	}
	if failures := host.Failures(); len(failures) != 1 {
		t.Errorf("the failures are %v", failures)
	}
}

func TestExposuresOfRecordsAreChecked(t *testing.T) {
	t.Parallel()
	none := func(*mesh.Call) ([]string, error) { return nil, nil }
	update := func(*mesh.RecordChange) error { return nil }
	for want, setup := range map[string]func(p *mesh.Plugin){
		`records "a": guard "g" is not registered`:            func(p *mesh.Plugin) { p.Record("a", mesh.GuardedBy("g")) },
		`records "a": guard "h" is not registered`:            func(p *mesh.Plugin) { p.Record("a", mesh.WritableBy("h")) },
		`records "a": ttl "5ms" is no duration of`:            func(p *mesh.Plugin) { p.Record("a", mesh.TTL(5)) },
		`collections "a": guard "g" is not registered`:        func(p *mesh.Plugin) { p.Collection("a", none, mesh.GuardedBy("g")) },
		`collections "a": records: it is neither a name`:      func(p *mesh.Plugin) { p.Collection("a", none, mesh.DependsOn("")) },
		`collections "a": limit must be 0 to 1000`:            func(p *mesh.Plugin) { p.Collection("a", none, mesh.Limit(1001)) },
		`collection "a" has no handler`:                       func(p *mesh.Plugin) { p.Collection("a", nil) },
		`the hook for "recordUpdate": error parsing regexp`:   func(p *mesh.Plugin) { p.OnRecordUpdate(update, "/(/") },
		`a hook for "recordRemoved" is registered twice`:      func(p *mesh.Plugin) { p.OnRecordRemoved(update); p.OnRecordRemoved(update) },
		`slowConsumer "shrug" is none of disconnect, drop an`: func(p *mesh.Plugin) { p.Record("a", mesh.SlowConsumer("shrug")) },
	} {
		_, err := meshtest.Load(func(p *mesh.Plugin) error { setup(p); return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
