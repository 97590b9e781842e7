package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func (f fixture) write(t *testing.T, id, value string) engine.Written {
	t.Helper()
	w, err := f.Write(ctx, engine.Write{Record: id, Value: []byte(value)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// get returns a record's version and value.
func (f fixture) get(t *testing.T, id string) string {
	t.Helper()
	r, err := f.Record(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.Number, r.Value))
}

// watch subscribes to a record and lets the pushes flow.
func (f fixture) follow(t *testing.T, c client, q engine.RecordSubscription) engine.RecordSubscribed {
	t.Helper()
	begun, err := f.SubscribeRecord(ctx, c.Session, q)
	if err != nil {
		t.Fatal(err)
	}
	begun.Release()
	return begun
}

func version(n int64) *int64 { return &n }

func TestWritesMakeVersions(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	for i, step := range []struct {
		write engine.Write
		want  string
	}{
		{engine.Write{Value: []byte(` {"b":1.50,"a":9007199254740993} `)}, `1 {"b":1.50,"a":9007199254740993}`},
		{engine.Write{Value: []byte(`{"a":9007199254740993,"b":1.5}`)}, `1 {"b":1.50,"a":9007199254740993}`},
		{engine.Write{Value: []byte(`{"c":{"d":1}}`), Strategy: engine.Merge}, `2 {"b":1.50,"a":9007199254740993,"c":{"d":1}}`},
		{engine.Write{Value: []byte(`{"c":{"e":2}}`), Strategy: engine.DeepMerge}, `3 {"b":1.50,"a":9007199254740993,"c":{"d":1,"e":2}}`},
		{engine.Write{Value: []byte(`{"c":{"e":2.0}}`), Strategy: engine.DeepMerge}, `3 {"b":1.50,"a":9007199254740993,"c":{"d":1,"e":2}}`},
		{engine.Write{Value: []byte(`0`), Expect: version(3)}, `4 0`},
		{engine.Write{Value: []byte(`{"x":1}`), Strategy: engine.Merge}, `5 {"x":1}`},
		{engine.Write{Value: []byte(`null`)}, `6 null`},
		{engine.Write{Value: []byte(`false`), Strategy: engine.Replace}, `7 false`},
		{engine.Write{Delete: true, Expect: version(7)}, `8`},
		{engine.Write{Delete: true}, `8`},
		{engine.Write{Value: []byte(`""`), Expect: version(0)}, `9 ""`},
	} {
		step.write.Record = "r"
		done, err := e.Write(ctx, step.write)
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if got := e.get(t, "r"); got != step.want || !strings.HasPrefix(got, strconv.FormatInt(done.Number, 10)) {
			t.Errorf("step %d: got %s and version %d, want %s", i, got, done.Number, step.want)
		}
	}
}

func TestWritesThatAreRefused(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{RecordSize: 300, RecordsSize: 2000, Transaction: 2})
	e.write(t, "r", `{"a":1}`)
	e.write(t, "r", `{"a":2}`)
	long := []byte(`"` + strings.Repeat("x", 299) + `"`)
	for name, c := range map[string]struct {
		write engine.Write
		code  string
		data  string
	}{
		"no name":          {engine.Write{Value: long}, abi.CodePayload, ""},
		"control":          {engine.Write{Record: "a\nb", Value: []byte("1")}, abi.CodePayload, ""},
		"no value":         {engine.Write{Record: "r"}, abi.CodePayload, ""},
		"no JSON":          {engine.Write{Record: "r", Value: []byte(`{`)}, abi.CodePayload, ""},
		"deep":             {engine.Write{Record: "r", Value: []byte(strings.Repeat("[", 121) + strings.Repeat("]", 121))}, abi.CodePayload, ""},
		"large":            {engine.Write{Record: "r", Value: long}, abi.CodeTooLarge, ""},
		"large once there": {engine.Write{Record: "r", Value: []byte(`{"b":"` + strings.Repeat("x", 290) + `"}`), Strategy: engine.Merge}, abi.CodeTooLarge, ""},
		"strategy":         {engine.Write{Record: "r", Value: []byte("1"), Strategy: "mix"}, abi.CodePayload, ""},
		"version":          {engine.Write{Record: "r", Value: []byte("1"), Expect: version(1)}, abi.CodeConflict, `{"version":2}`},
		"version of none":  {engine.Write{Record: "r", Value: []byte("1"), Expect: version(0)}, abi.CodeConflict, `{"version":2}`},
		"negative version": {engine.Write{Record: "r", Value: []byte("1"), Expect: version(-1)}, abi.CodePayload, ""},
		"ttl":              {engine.Write{Record: "r", Value: []byte("1"), TTL: -1}, abi.CodePayload, ""},
		"long ttl":         {engine.Write{Record: "r", Value: []byte("1"), TTL: 1 << 62}, abi.CodePayload, ""},
		"delete":           {engine.Write{Record: "r", Delete: true, Expect: version(7)}, abi.CodeConflict, `{"version":2}`},
	} {
		_, err := e.Write(ctx, c.write)
		wantError(t, err, c.code)
		if told := protocol.AsError(err); told != nil && string(told.Data) != c.data {
			t.Errorf("%s: data %s, want %s", name, told.Data, c.data)
		}
	}
	if got := e.get(t, "r"); got != `2 {"a":2}` {
		t.Errorf("a refused write left %s", got)
	}
	var err error
	for i := 0; err == nil && i < 100; i++ {
		_, err = e.Write(ctx, engine.Write{Record: strconv.Itoa(i), Value: []byte(`"` + strings.Repeat("x", 290) + `"`)})
	}
	wantError(t, err, abi.CodeLimit)
	if _, err := e.Write(ctx, engine.Write{Record: "0", Value: []byte("1")}); err != nil {
		t.Errorf("a write that makes the records smaller: %v", err)
	}
}

func TestTransactionsAreAllOrNothing(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{Transaction: 3})
	e.write(t, "a", "1")
	done, err := e.Transact(ctx, []engine.Write{
		{Record: "b", Value: []byte("2")}, {Record: "a", Delete: true}, {Record: "c", Delete: true},
	})
	if err != nil || done[0].Number != 1 || done[1].Number != 2 || done[2].Number != 0 {
		t.Fatalf("got %+v, %v", done, err)
	}
	for name, c := range map[string]struct {
		writes []engine.Write
		code   string
		data   string
	}{
		"none":     {nil, abi.CodeTransaction, ""},
		"too many": {make([]engine.Write, 4), abi.CodeTransaction, ""},
		"twice":    {[]engine.Write{{Record: "b", Value: []byte("3")}, {Record: "b", Delete: true}}, abi.CodeTransaction, `{"recordId":"b"}`},
		"conflict": {[]engine.Write{{Record: "c", Value: []byte("3")}, {Record: "b", Value: []byte("4"), Expect: version(9)}}, abi.CodeConflict, `{"recordId":"b","version":1}`},
		"payload":  {[]engine.Write{{Record: "b", Value: []byte("3")}, {Record: "", Value: []byte("4")}}, abi.CodePayload, `{"recordId":""}`},
	} {
		_, err := e.Transact(ctx, c.writes)
		wantError(t, err, c.code)
		if told := protocol.AsError(err); told != nil && string(told.Data) != c.data {
			t.Errorf("%s: data %s, want %s", name, told.Data, c.data)
		}
	}
	for id, want := range map[string]string{"a": "2", "b": "1 2", "c": "0"} {
		if got := e.get(t, id); got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
}

func TestRecordsExpireAsTheirExposureSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		e.expose(exposure.Set{Records: []exposure.Record{{Pattern: pattern("/^seen:.+$/"), TTL: time.Minute}}})
		e.run(t)
		c := e.connect(t, modern)
		e.follow(t, c, engine.RecordSubscription{Record: "seen:a"})
		e.write(t, "seen:a", "1")
		pass(50 * time.Second)
		e.write(t, "seen:a", "1") // no version, but a life of its own
		pass(50 * time.Second)
		if got := e.get(t, "seen:a"); got != "1 1" {
			t.Errorf("after a write that changes nothing it is %s", got)
		}
		if _, err := e.Write(ctx, engine.Write{Record: "seen:b", Value: []byte("2"), TTL: 1000}); err != nil {
			t.Fatal(err)
		}
		pass(20 * time.Second)
		synctest.Wait()
		for id, want := range map[string]string{"seen:a": "2", "seen:b": "2"} {
			if got := e.get(t, id); got != want {
				t.Errorf("%s is %s", id, got)
			}
		}
		if last := c.wire.Texts()[1]; !strings.HasPrefix(last, `{"command":"mesh/record-deleted","payload":{"recordId":"seen:a","version":2,`) {
			t.Errorf("the subscriber was told %s", last)
		}
		want := []string{"record seen:a 1 1", "record seen:a 2  1", "record seen:b 1 2", "record seen:b 2  2"}
		got := e.seen.all()
		for i := range got {
			got[i] = strings.TrimSpace(got[i])
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("hooks saw %q, want %q", got, want)
		}
	})
}

// frame is a push about a record.
type frame struct {
	Command string
	Payload struct {
		RecordID string
		Full     json.RawMessage
		Patch    json.RawMessage
		Version  int64
		Epoch    string
	}
}

func frames(t *testing.T, c client) (all []frame) {
	t.Helper()
	for _, text := range c.wire.Texts() {
		var f frame
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

func TestSubscribersGetWhatTheyAskFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEngine(engine.Limits{})
		full, patch := e.connect(t, modern), e.connect(t, hub.Info{})
		if begun := e.follow(t, full, engine.RecordSubscription{Record: "r"}); begun.Number != 0 || begun.Value != nil {
			t.Errorf("a record that is not there begins with %+v", begun)
		}
		first := e.write(t, "r", `{"a":1}`)
		begun := e.follow(t, patch, engine.RecordSubscription{Record: "r", Patch: true})
		if string(begun.Value) != `{"a":1}` || begun.Version != first.Version {
			t.Errorf("it begins with %+v", begun)
		}
		pass(10 * time.Millisecond) // the courtesy to clients of old
		e.write(t, "r", `{"a":1,"b":2}`)
		if _, err := e.Write(ctx, engine.Write{Record: "r", Delete: true}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		epoch := `,"epoch":"` + first.Epoch + `"}}`
		want := []string{
			`{"command":"mesh/record-update","payload":{"recordId":"r","full":{"a":1},"version":1` + epoch,
			`{"command":"mesh/record-update","payload":{"recordId":"r","full":{"a":1,"b":2},"version":2` + epoch,
			`{"command":"mesh/record-deleted","payload":{"recordId":"r","version":3` + epoch,
		}
		if got := full.wire.Texts(); !slices.Equal(got, want) {
			t.Errorf("in full: %q, want %q", got, want)
		}
		want = []string{
			`{"command":"mesh/record-update","payload":{"recordId":"r","patch":[{"op":"add","path":"/b","value":2}],"version":2` + epoch,
			want[2],
		}
		if got := patch.wire.Texts(); !slices.Equal(got, want) {
			t.Errorf("as patches: %q, want %q", got, want)
		}
	})
}

func TestRecordsRecover(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{RecordPatches: 4})
	var last engine.Written
	for i := range 10 {
		last = e.write(t, "r", fmt.Sprintf(`{"n":%d,"text":%q}`, i, strings.Repeat("x", 1000)))
	}
	c := e.connect(t, modern)
	for name, test := range map[string]struct {
		from    *backplane.Version
		patches int // -1: the value
	}{
		"nothing stated":   {nil, -1},
		"the top":          {&last.Version, 0},
		"in the log":       {&backplane.Version{Epoch: last.Epoch, Number: 7}, 3},
		"before the log":   {&backplane.Version{Epoch: last.Epoch, Number: 5}, -1},
		"above the top":    {&backplane.Version{Epoch: last.Epoch, Number: 11}, -1},
		"negative":         {&backplane.Version{Epoch: last.Epoch, Number: -1}, -1},
		"another epoch":    {&backplane.Version{Epoch: "x", Number: 10}, -1},
		"no epoch":         {&backplane.Version{Number: 10}, -1},
		"the log's bottom": {&backplane.Version{Epoch: last.Epoch, Number: 6}, 4},
	} {
		got := e.follow(t, c, engine.RecordSubscription{Record: "r", Patch: true, From: test.from})
		if got.Recovered != (test.patches >= 0) || got.Recovered != (got.Value == nil) || got.Version != last.Version ||
			got.Recovered && len(got.Patches) != test.patches {
			t.Errorf("%s: recovered %v to %v by %d patches", name, got.Recovered, got.Version, len(got.Patches))
		}
	}
}

func TestWritersOfOneRecord(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	watchers := []client{e.connect(t, modern), e.connect(t, modern)}
	for i, c := range watchers {
		e.follow(t, c, engine.RecordSubscription{Record: "r", Patch: i == 0})
	}
	const writers, writes = 16, 50
	var running sync.WaitGroup
	for i := range writers {
		running.Go(func() {
			for n := range writes {
				value := fmt.Appendf(nil, `{"w%d":%d}`, i, n)
				if _, err := e.Write(ctx, engine.Write{Record: "r", Value: value, Strategy: engine.Merge}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	if got := e.get(t, "r"); !strings.HasPrefix(got, strconv.Itoa(writers*writes)+" ") {
		t.Errorf("after %d writes it is %s", writers*writes, got)
	}
	for _, c := range watchers {
		c.Drain()
		all := frames(t, c)
		if len(all) != writers*writes {
			t.Fatalf("%d pushes for %d versions", len(all), writers*writes)
		}
		for i, f := range all {
			if f.Payload.Version != int64(i+1) {
				t.Fatalf("push %d is version %d", i, f.Payload.Version)
			}
		}
	}
}

func TestSubscriptionsToRecordsAreBounded(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{Subscriptions: 2})
	c := e.connect(t, modern)
	e.follow(t, c, engine.RecordSubscription{Record: "a"})
	e.subscribe(t, c, engine.Subscription{Channel: "b"})
	_, err := e.SubscribeRecord(ctx, c.Session, engine.RecordSubscription{Record: "c"})
	wantError(t, err, abi.CodeLimit)
	e.follow(t, c, engine.RecordSubscription{Record: "a"})
	if !e.UnsubscribeRecord(ctx, c.Session, "a") || e.UnsubscribeRecord(ctx, c.Session, "a") {
		t.Error("unsubscribing once is not once")
	}
	e.follow(t, c, engine.RecordSubscription{Record: "c"})
	if ended, err := e.EndRecord(ctx, "c", c.ID(), "enough"); !ended || err != nil {
		t.Errorf("ended %v, %v", ended, err)
	}
	e.write(t, "c", "1")
	c.Drain()
	want := `{"command":"mesh/unsubscribed","payload":{"kind":"record","name":"c","reason":"enough"}}`
	if got := c.wire.Texts(); !slices.Equal(got, []string{want}) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRecordsAreListed(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	var want []string
	for i := range 250 {
		id := fmt.Sprintf("board:%d", i)
		e.write(t, id, strconv.Itoa(i))
		e.write(t, fmt.Sprintf("other:%d", i), "0")
		want = append(want, id)
	}
	var got []string
	for p, more := (engine.Paging{Limit: 30}), true; more; more = p.Cursor != "" {
		page, next, err := e.Records(ctx, "/board:.+/", true, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			if "board:"+string(r.Value) != r.ID {
				t.Errorf("%s has %s", r.ID, r.Value)
			}
			got = append(got, r.ID)
		}
		p.Cursor = next
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("got %d records, want %d", len(got), len(want))
	}
	small, _ := newEngine(engine.Limits{ReplySize: 10_000})
	for i := range 5 {
		small.write(t, strconv.Itoa(i), `"`+strings.Repeat("x", 3000)+`"`)
	}
	if page, next, err := small.Records(ctx, "", true, engine.Paging{Limit: 2}); err != nil || len(page) == 0 || next == "" {
		t.Errorf("a page of large values has %d, %q, %v", len(page), next, err)
	}
	if page, _, err := small.Records(ctx, "", true, engine.Paging{Limit: 1000}); err != nil || len(page) != 1 {
		t.Errorf("a page of what is larger than a reply has %d, %v", len(page), err)
	}
	_, _, err := e.Records(ctx, "/(/", false, engine.Paging{})
	wantError(t, err, abi.CodePayload)
}

// writingBack is an observer whose hook writes the record that it is told of.
type writingBack struct {
	*observer
	engine *engine.Engine
	gate   chan struct{}
	failed chan error
}

// RecordChanged implements engine.Observer.
func (o *writingBack) RecordChanged(ctx context.Context, e engine.RecordEvent) {
	<-o.gate
	if o.engine == nil {
		return
	}
	_, err := o.engine.Write(ctx, engine.Write{Record: e.ID, Value: []byte(`"mended"`)})
	o.failed <- err
}

// TestHooksMayWriteWhatTheyAreToldOf even when many others wait for them.
func TestHooksMayWriteWhatTheyAreToldOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &writingBack{observer: new(observer), gate: make(chan struct{}), failed: make(chan error, 1000)}
		store := memory.New(memory.Options{})
		o.engine = engine.New(engine.Options{
			Hub: hub.New(hub.Limits{}), Node: store.Node("n1"), Rules: &rules{exposure.NewIndex(exposure.Set{})}, Observer: o,
			Log: slog.New(slog.DiscardHandler),
		})
		var err error
		n := 0
		for ; err == nil; n++ {
			_, err = o.engine.Write(ctx, engine.Write{Record: "seen:r", Value: []byte(strconv.Itoa(n))})
		}
		wantError(t, err, abi.CodeRateLimit)
		close(o.gate)
		for range n {
			if err := <-o.failed; err != nil {
				t.Errorf("a hook's own write: %v", err)
			}
		}
	})
}

// Patches are for those who are better off with them.
func TestPatchesThatAreLongerThanTheValueAreNotSent(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	c := e.connect(t, modern)
	large := fmt.Sprintf(`{"a":1,"text":%q}`, strings.Repeat("x", 10_000))
	first := e.write(t, "r", `{"a":1}`)
	grown := e.write(t, "r", large)
	if got := e.follow(t, c, engine.RecordSubscription{Record: "r", From: &first.Version}); got.Recovered {
		t.Errorf("from the small to the large: %d patches", len(got.Patches))
	}
	e.write(t, "r", `{"a":2}`)
	if got := e.follow(t, c, engine.RecordSubscription{Record: "r", From: &first.Version}); got.Recovered || string(got.Value) != `{"a":2}` {
		t.Errorf("over what was large: %d patches, %.50s", len(got.Patches), got.Value)
	}
	if got := e.follow(t, c, engine.RecordSubscription{Record: "r", From: &grown.Version}); !got.Recovered || len(got.Patches) != 1 {
		t.Errorf("from the large to the small: %d patches", len(got.Patches))
	}
}

func TestHooksLearnWhoWrote(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	c := e.connect(t, hub.Info{User: "ann"})
	if _, err := e.Write(ctx, engine.Write{Record: "seen:r", Value: []byte("1"), By: c.ID()}); err != nil {
		t.Fatal(err)
	}
	e.seen.drain(t, e)
	if got := e.seen.all(); !slices.Equal(got, []string{"record seen:r 1 1  ann"}) {
		t.Errorf("hooks saw %q", got)
	}
}

// One connection that writes more than hooks can take holds up itself.
func TestOneWriterDoesNotFillTheHooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &writingBack{observer: new(observer), gate: make(chan struct{}), failed: make(chan error, 10_000)}
		node := memory.New(memory.Options{}).Node("n1")
		o.engine = engine.New(engine.Options{
			Hub: hub.New(hub.Limits{}), Node: node, Rules: &rules{exposure.NewIndex(exposure.Set{})}, Observer: o,
			Log: slog.New(slog.DiscardHandler),
		})
		value := []byte(`"` + strings.Repeat("x", 500_000) + `"`)
		write := func(i int, by string) error {
			value[1], value[2] = byte('a'+i%20), byte('a'+i/20)
			_, err := o.engine.Write(ctx, engine.Write{Record: fmt.Sprint("seen:", i), Value: value, By: by})
			return err
		}
		n := 0
		var err error
		for ; err == nil && n < 1000; n++ {
			err = write(n, "greedy")
		}
		wantError(t, err, abi.CodeRateLimit)
		if err := write(n+1, "modest"); err != nil {
			t.Errorf("another writer: %v", err)
		}
		o.engine = nil // its hooks write no more
		close(o.gate)
		synctest.Wait()
	})
}
