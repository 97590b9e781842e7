package engine

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func (e *Engine) defineRecords(t operation.Table) {
	operation.Define(t, abi.OpRecordsGet, func(ctx context.Context, _ operation.Caller, q *abi.RecordsGetRequest) (abi.RecordsGetResponse, error) {
		r, err := e.Record(ctx, q.RecordID)
		return abi.RecordsGetResponse{Value: orNull(r.Value), Version: r.Number, Epoch: r.Epoch}, err
	})
	operation.Define(t, abi.OpRecordsSet, func(ctx context.Context, _ operation.Caller, q *abi.RecordsSetRequest) (a abi.RecordsSetResponse, err error) {
		w := Write{Record: q.RecordID, Value: q.Value, Strategy: q.Strategy, TTL: q.TTL}
		if w.Expect, err = expected("expectVersion", q.ExpectVersion); err != nil {
			return a, err
		}
		done, err := e.Write(ctx, w)
		return abi.RecordsSetResponse{Version: done.Number, Epoch: done.Epoch, Changed: done.Changed}, err
	})
	operation.Define(t, abi.OpRecordsDelete, func(ctx context.Context, _ operation.Caller, q *abi.RecordsDeleteRequest) (a abi.RecordsDeleteResponse, err error) {
		w := Write{Record: q.RecordID, Delete: true}
		if w.Expect, err = expected("expectVersion", q.ExpectVersion); err != nil {
			return a, err
		}
		done, err := e.Write(ctx, w)
		return abi.RecordsDeleteResponse{Deleted: done.Changed, Version: done.Number}, err
	})
	operation.Define(t, abi.OpRecordsList, func(ctx context.Context, _ operation.Caller, q *abi.RecordsListRequest) (a abi.RecordsListResponse, err error) {
		page, next, err := e.Records(ctx, q.Pattern, q.Values, Paging{Cursor: q.Cursor, Limit: q.Limit})
		a.Records, a.Cursor = appendRecords(nil, page), next
		return a, err
	})
	operation.Define(t, abi.OpRecordsTransaction, func(ctx context.Context, _ operation.Caller, q *abi.RecordsTransactionRequest) (a abi.RecordsTransactionResponse, err error) {
		writes, err := ParseOperations(q.Operations)
		if err != nil {
			return a, err
		}
		done, err := e.Transact(ctx, writes)
		a.Results = AppendResults(nil, writes, done)
		return a, err
	})
	operation.Define(t, abi.OpRecordsUnsubscribe, func(ctx context.Context, _ operation.Caller, q *abi.RecordsUnsubscribeRequest) (a abi.RecordsUnsubscribeResponse, err error) {
		a.Unsubscribed, err = e.EndRecord(ctx, q.RecordID, q.ConnectionID, q.Reason)
		return a, err
	})
	operation.Define(t, abi.OpCollectionsUnsubscribe, func(ctx context.Context, _ operation.Caller, q *abi.CollectionsUnsubscribeRequest) (a abi.CollectionsUnsubscribeResponse, err error) {
		a.Unsubscribed, err = e.EndCollection(ctx, q.CollectionID, q.ConnectionID, q.Reason)
		return a, err
	})
}

// expected reads an expectVersion; nil is none.
func expected(field string, text json.RawMessage) (*int64, error) {
	text = protocol.TrimSpace(text)
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 0 {
		return nil, payloadError(field, "must be a version: 0, for no value, or more")
	}
	return &n, nil
}

func appendRecords(dst []byte, page []backplane.Record) []byte {
	dst = append(dst, '[')
	for i, r := range page {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendVersion(appendRecordID(dst, r.ID), r.Version)
		if r.Value != nil {
			dst = append(append(dst, `,"value":`...), r.Value...)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
