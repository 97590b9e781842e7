package develop

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mesh-host/mesh-host/abi"
)

// lookEvery is how often a store is looked at that is not as expected yet.
const lookEvery = 10 * time.Millisecond

// judgeLater waits for what comes after the reply: pushes, and what hooks and
// schedules write.
func (r *runner) judgeLater(ctx context.Context, one *Case, update bool) (differences []string) {
	usual := defaultWait
	if one.Pushes != nil && len(*one.Pushes) == 0 {
		usual = silentWait
	}
	wait, err := one.wait(usual)
	if err != nil {
		return []string{err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	switch {
	case one.Pushes != nil:
		differences = r.judgePushes(ctx, one, update)
	case one.Wait != "" && one.KV == nil && one.Records == nil:
		<-ctx.Done()
	}
	differences = append(differences, r.judgeStore(ctx, "kv", one.KV, r.value, update)...)
	return append(differences, r.judgeStore(ctx, "records", one.Records, r.record, update)...)
}

// judgePushes waits until each client has as many pushes as are expected, and
// a moment for one too many.
func (r *runner) judgePushes(ctx context.Context, one *Case, update bool) []string {
	expected := make(map[string][]CasePush)
	for _, p := range *one.Pushes {
		to := receiver(one, p)
		expected[to] = append(expected[to], p)
	}
	for name, c := range r.clients {
		for {
			got, more, _ := c.socket.since(r.seen[name])
			if len(expected[name]) == 0 && len(*one.Pushes) > 0 || len(got) >= len(expected[name]) && len(expected[name]) > 0 {
				break
			}
			select {
			case <-more:
				continue
			case <-ctx.Done():
			}
			break
		}
	}
	settled := time.NewTimer(lookEvery)
	defer settled.Stop()
	<-settled.C
	var differences []string
	var adopted []CasePush
	for _, name := range sortedKeys(r.clients) {
		got, _, err := r.clients[name].socket.since(r.seen[name])
		if err != nil {
			differences = append(differences, err.Error())
		}
		differences = append(differences, comparePushes(name, expected[name], got)...)
		for _, p := range got {
			adopted = append(adopted, CasePush{To: name, Command: p.Command, Payload: p.Payload})
		}
	}
	if update && len(differences) > 0 {
		one.Pushes = &adopted
		return nil
	}
	return differences
}

func comparePushes(client string, want []CasePush, got []Push) (differences []string) {
	for i := range max(len(want), len(got)) {
		at := fmt.Sprintf("pushes to %s[%d]", quoteClient(client), i)
		switch {
		case i >= len(got):
			differences = append(differences, fmt.Sprintf("%s: want %s, and it has not come", at, want[i].Command))
		case i >= len(want):
			differences = append(differences, fmt.Sprintf("%s: got %s %s, which is not expected", at, shorten(got[i].Command), shorten(string(got[i].Payload))))
		case want[i].Command != got[i].Command:
			differences = append(differences, fmt.Sprintf("%s: want %s, got %s %s", at, want[i].Command, shorten(got[i].Command), shorten(string(got[i].Payload))))
		case want[i].Payload != nil:
			differences = append(differences, compare(at+".payload", want[i].Payload, got[i].Payload)...)
		}
	}
	return differences
}

// judgeStore looks at values until all are as expected or the time is over.
func (r *runner) judgeStore(ctx context.Context, kind string, want map[string]json.RawMessage, read func(context.Context, string) (json.RawMessage, error), update bool) []string {
	if len(want) == 0 {
		return nil
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		differences, got := compareStore(kind, want, read)
		if len(differences) == 0 {
			return nil
		}
		select {
		case <-look.C:
			continue
		case <-ctx.Done():
		}
		if update {
			for key, value := range got {
				want[key] = value
			}
			return nil
		}
		return differences
	}
}

func compareStore(kind string, want map[string]json.RawMessage, read func(context.Context, string) (json.RawMessage, error)) (differences []string, got map[string]json.RawMessage) {
	got = make(map[string]json.RawMessage)
	for _, key := range sortedKeys(want) {
		at := fmt.Sprintf("%s[%q]", kind, key)
		value, err := read(context.Background(), key)
		if err != nil {
			differences = append(differences, at+": "+err.Error())
			continue
		}
		if value == nil {
			value = json.RawMessage("null")
		}
		got[key] = value
		differences = append(differences, compare(at, want[key], value)...)
	}
	return differences, got
}

func (r *runner) value(ctx context.Context, key string) (json.RawMessage, error) {
	return r.host.ask(ctx, abi.OpKVGet, map[string]string{"key": key}, "value")
}

func (r *runner) record(ctx context.Context, id string) (json.RawMessage, error) {
	return r.host.ask(ctx, abi.OpRecordsGet, map[string]string{"recordId": id}, "value")
}
