package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/hub"
)

func TestSetMetadata(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	for _, c := range []struct{ name, before, metadata, strategy, after string }{
		{"replace is the default", `{"a":1}`, `{"b":2}`, "", `{"b":2}`},
		{"replace", `{"a":1}`, `"text"`, engine.Replace, `"text"`},
		{"replace by another kind", `{"a":1}`, `[null]`, engine.Replace, `[null]`},
		{"merge", `{"a":1,"o":{"x":1}}`, `{"b":2,"o":{"y":2}}`, engine.Merge, `{"a":1,"b":2,"o":{"y":2}}`},
		{"merge into nothing", ``, `{"a":1}`, engine.Merge, `{"a":1}`},
		{"merge over what is no object", `[1]`, `{"a":1}`, engine.Merge, `{"a":1}`},
		{"merge of null members", `{"a":1}`, `{"a":null}`, engine.Merge, `{"a":null}`},
		{"deepMerge", `{"a":1,"o":{"x":1,"l":[1,2]}}`, `{"o":{"y":2,"l":[3]}}`, engine.DeepMerge, `{"a":1,"o":{"x":1,"y":2,"l":[3]}}`},
		{"deepMerge into nothing", ``, `{"a":{"b":1}}`, engine.DeepMerge, `{"a":{"b":1}}`},
		{"deepMerge over a primitive", `{"a":1}`, `{"a":{"b":1}}`, engine.DeepMerge, `{"a":{"b":1}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			info := hub.Info{User: "ann"}
			if c.before != "" {
				info.Metadata = json.RawMessage(c.before)
			}
			client := e.connect(t, info)
			sent := []byte(c.metadata)
			after, err := e.SetMetadata(ctx, client.ID(), sent, c.strategy)
			if err != nil || !equalJSON(t, after, []byte(c.after)) {
				t.Fatalf("after is %s (%v), want %s", after, err, c.after)
			}
			clear(sent) // a plugin's memory, which is reused
			got, user, err := e.Metadata(ctx, client.ID())
			if err != nil || user != "ann" || !equalJSON(t, got, []byte(c.after)) {
				t.Errorf("then it is %s of %q (%v), want %s", got, user, err, c.after)
			}
		})
	}
}

func TestNullIsNoMetadata(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	client := e.connect(t, hub.Info{Metadata: json.RawMessage(`{"a":1}`)})
	after, err := e.SetMetadata(ctx, client.ID(), []byte(" null "), "")
	if after != nil || err != nil || client.Metadata() != nil {
		t.Errorf("after is %q (%v), and then %q", after, err, client.Metadata())
	}
}

func TestMetadataIsChecked(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{MetadataSize: 20})
	client := e.connect(t, hub.Info{Metadata: json.RawMessage(`{"a":1}`)})
	for _, c := range []struct{ name, metadata, strategy, code string }{
		{"missing", "", "", abi.CodePayload},
		{"not JSON", "{", "", abi.CodePayload},
		{"unknown strategy", "{}", "add", abi.CodePayload},
		{"strategy in another case", "{}", "deepmerge", abi.CodePayload},
		{"merge of a list", "[]", engine.Merge, abi.CodePayload},
		{"deepMerge of null", "null", engine.DeepMerge, abi.CodePayload},
		{"too large", `"0123456789012345678"`, "", abi.CodeTooLarge},
		{"too large once merged", `{"bcd":12345678}`, engine.Merge, abi.CodeTooLarge},
	} {
		var metadata []byte
		if c.metadata != "" {
			metadata = []byte(c.metadata)
		}
		if _, err := e.SetMetadata(ctx, client.ID(), metadata, c.strategy); err == nil {
			t.Errorf("%s is accepted", c.name)
		} else {
			wantError(t, err, c.code)
		}
	}
	if got, _, _ := e.Metadata(ctx, client.ID()); string(got) != `{"a":1}` {
		t.Errorf("a refused write left %s", got)
	}
	if _, err := e.SetMetadata(ctx, client.ID(), []byte(`"012345678901234567"`), ""); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

func TestMetadataOfNoOne(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	client := e.connect(t, hub.Info{})
	if got, user, err := e.Metadata(ctx, client.ID()); got != nil || user != "" || err != nil {
		t.Errorf("nothing set: %s, %q, %v", got, user, err)
	}
	client.end()
	for _, id := range []string{client.ID(), "unknown", "", strings.Repeat("x", 1<<16)} {
		_, _, err := e.Metadata(ctx, id)
		wantError(t, err, abi.CodeNotFound)
		_, err = e.SetMetadata(ctx, id, []byte("{}"), "")
		wantError(t, err, abi.CodeNotFound)
	}
}

func TestMergesAreAtomic(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(engine.Limits{})
	client := e.connect(t, hub.Info{})
	const workers, each = 8, 50
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				if _, err := e.SetMetadata(ctx, client.ID(), fmt.Appendf(nil, `{"w%d":{"i%d":1}}`, w, i), engine.DeepMerge); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, _, _ := e.Metadata(ctx, client.ID())
	var all map[string]map[string]int
	if err := json.Unmarshal(got, &all); err != nil {
		t.Fatal(err)
	}
	for w := range workers {
		if n := len(all[fmt.Sprintf("w%d", w)]); n != each {
			t.Errorf("worker %d: %d of %d merges are left", w, n, each)
		}
	}
}
