package plugin

import (
	"context"
	"fmt"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/engine"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// recordHook is a plugin's hook for the records that one of its patterns
// matches, for all where it has none.
type recordHook struct {
	call
	records []exposure.Pattern
}

func newRecordHook(c call, records []string) *recordHook {
	patterns, _ := patternsOf(records) // they were checked at load
	return &recordHook{c, patterns}
}

func patternsOf(texts []string) ([]exposure.Pattern, error) {
	patterns := make([]exposure.Pattern, len(texts))
	for i, text := range texts {
		p, err := exposure.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", protocol.CutText(text, protocol.MaxName), err)
		}
		patterns[i] = p
	}
	return patterns, nil
}

func (h *recordHook) observes(id string) bool {
	return h != nil && exposure.AnyOf(h.records, id)
}

// Observes implements command.RecordObserver.
func (o *observer) Observes(id string) bool { return o.update.observes(id) || o.removed.observes(id) }

// RecordChanged implements command.RecordObserver.
func (o *observer) RecordChanged(ctx context.Context, e engine.RecordEvent) {
	hook, kind, name, payload := o.update, abi.KindRecordUpdate, eventUpdate, e.Value
	change := abi.RecordChange{RecordID: e.ID, Version: e.Number, Epoch: e.Epoch}
	if e.Value == nil {
		hook, kind, name, payload = o.removed, abi.KindRecordRemoved, eventRemoved, e.Previous
		change.Reason = abi.RemovedByDelete
		if e.Expired {
			change.Reason = abi.RemovedByExpiry
		}
	}
	if !hook.observes(e.ID) {
		return
	}
	hook.notify(ctx, abi.Request{
		Kind: kind, Name: name,
		ConnectionID: e.Connection, User: e.User, Metadata: e.Metadata,
		Payload: payload, Detail: change.Append(nil),
	})
}
