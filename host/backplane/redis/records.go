package redis

import (
	"context"
	"strconv"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// records implements backplane.Records. All of them are in one shard, so that a
// transaction is one script.
type records struct{ node *Node }

var _ backplane.Records = records{}

var recordSee = newScript("record_see")

// Get implements backplane.Records.
func (r records) Get(ctx context.Context, id string) (backplane.Record, error) {
	seen, _, err := r.see(ctx, id)
	return seen, err
}

// Since implements backplane.Records.
func (r records) Since(ctx context.Context, id string, from backplane.Version) (backplane.Record, []backplane.RecordPatch, bool, error) {
	seen, log, err := r.see(ctx, id, from.Epoch, strconv.FormatInt(from.Number, 10))
	if err != nil {
		return backplane.Record{}, nil, false, err
	}
	if seen.Version == (backplane.Version{}) {
		return seen, nil, from == backplane.Version{}, nil
	}
	texts := log.list(0)
	if len(texts) == 0 {
		return seen, nil, log.there(), nil
	}
	return seen, readPatches(from.Number, texts), true, nil
}

// readPatches reads the patches after a version. They share their memory: who
// asks for them keeps all or none.
func readPatches(after int64, texts []reply) []backplane.RecordPatch {
	size := 0
	for _, text := range texts {
		size += len(text.text())
	}
	all, patches := make([]byte, 0, size), make([]backplane.RecordPatch, len(texts))
	for i, text := range texts {
		from := len(all)
		all = append(all, text.text()...)
		patches[i] = backplane.RecordPatch{Number: after + int64(i) + 1, Patch: all[from:len(all):len(all)]}
	}
	return patches
}

// see reads a record, and the patches since a version if one is given. What has
// ended is settled first, in its turn: that is a change of this node's.
func (r records) see(ctx context.Context, id string, since ...any) (seen backplane.Record, log reply, err error) {
	args := append(append(make([]any, 0, 3), id), since...)
	for {
		answer, err := r.node.eval(ctx, r.node.ledger, recordSee, args...)
		if err != nil {
			return backplane.Record{}, reply{}, err
		}
		if ended := answer.yes(); !ended {
			fields := answer.list(4)
			return readRecord(id, fields), fields[3], nil
		}
		if err := r.node.settleRecords(ctx, []string{id}); err != nil {
			return backplane.Record{}, reply{}, err
		}
	}
}

// readRecord reads epoch, number and value.
func readRecord(id string, fields []reply) backplane.Record {
	return backplane.Record{
		ID:      id,
		Version: backplane.Version{Epoch: fields[0].text(), Number: fields[1].number()},
		Value:   fields[2].bytes(),
	}
}
