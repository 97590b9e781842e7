package engine

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// The operations of a transaction.
const (
	opWrite  = "write"
	opDelete = "delete"
)

// ParseOperations reads the operations of a transaction. It fails with ETXN.
func ParseOperations(text json.RawMessage) ([]Write, error) {
	if !protocol.Valid(text) || !protocol.IsArray(text) {
		return nil, transactionError("operations", "must be a list of operations")
	}
	var writes []Write
	var failed error
	protocol.EachElement(text, func(element []byte) bool {
		var w Write
		if len(writes) >= maxOperations {
			failed = transactionError("operations", "has more than %d of them", maxOperations)
			return false
		}
		w, failed = parseOperation(fmt.Sprintf("operations[%d]", len(writes)), element)
		writes = append(writes, w)
		return failed == nil
	})
	return writes, failed
}

// maxOperations bounds what is read of a transaction, whatever its limit.
const maxOperations = 1000

func transactionError(field, problem string, args ...any) error {
	return protocol.NewError(abi.CodeTransaction, field+": "+fmt.Sprintf(problem, args...))
}

func parseOperation(where string, text []byte) (w Write, err error) {
	if !protocol.IsObject(text) {
		return w, transactionError(where, "must be an object")
	}
	seen := make(map[string][]byte)
	protocol.EachMember(text, func(key, value []byte) bool {
		k := string(key)
		if _, twice := seen[k]; twice {
			err = transactionError(where, "%q is there twice", protocol.CutText(k, protocol.MaxName))
			return false
		}
		seen[k] = value
		return true
	})
	if err != nil {
		return w, err
	}
	op, _ := protocol.Text(seen["op"])
	id, ok := protocol.Text(seen["recordId"])
	w = Write{Record: id, Delete: op == opDelete, Value: seen["value"]}
	switch {
	case op != opWrite && op != opDelete:
		return w, transactionError(where+".op", "must be %q or %q", opWrite, opDelete)
	case !ok:
		return w, transactionError(where+".recordId", "must be a string")
	case op == opWrite && w.Value == nil:
		return w, transactionError(where+".value", "is missing")
	case op == opDelete && w.Value != nil:
		return w, transactionError(where+".value", "means nothing to a %s", opDelete)
	}
	for key := range seen {
		switch key {
		case "op", "recordId", "value", "options":
		default:
			return w, transactionError(where, "%q is unknown: op, recordId, value and options are not", protocol.CutText(key, protocol.MaxName))
		}
	}
	w.Fields = WriteFields{Record: where + ".recordId", Value: where + ".value", Options: where + ".options."}
	err = w.ParseOptions(seen["options"])
	return w, err
}

// ParseOptions reads the options of a write: strategy, expectVersion, ttl in
// milliseconds; nil and null are none. It fails with EPAYLOAD.
func (w *Write) ParseOptions(text []byte) (err error) {
	if text == nil || string(text) == "null" {
		return nil
	}
	if !protocol.IsObject(text) {
		return payloadError(strings.TrimSuffix(w.Fields.Options, "."), "must be an object")
	}
	seen := make(map[string]bool)
	protocol.EachMember(text, func(key, value []byte) bool {
		k := string(key)
		if seen[k] {
			err = payloadError(w.Fields.Options+protocol.CutText(k, protocol.MaxName), "is there twice")
			return false
		}
		seen[k] = true
		err = w.option(k, value)
		return err == nil
	})
	return err
}

// option reads one option; those that are not known are passed over.
func (w *Write) option(key string, value []byte) (err error) {
	if string(value) == "null" {
		return nil
	}
	field := w.Fields.Options + key
	var ok bool
	switch key {
	case "strategy":
		if w.Strategy, ok = protocol.Text(value); !ok {
			return payloadError(field, "must be a string")
		}
	case "expectVersion":
		w.Expect, err = expected(field, value)
	case "ttl":
		if w.TTL, err = strconv.ParseInt(string(value), 10, 64); err != nil {
			w.TTL = -1 // which is refused, unless it means nothing
			err = nil
		}
	}
	return err
}

// AppendResults adds what has become of a transaction's operations as a JSON
// list.
func AppendResults(dst []byte, writes []Write, done []Written) []byte {
	dst = append(dst, '[')
	for i := range done {
		if i > 0 {
			dst = append(dst, ',')
		}
		op := opWrite
		if writes[i].Delete {
			op = opDelete
		}
		dst = protocol.AppendString(append(dst, `{"op":`...), op)
		dst = protocol.AppendString(append(dst, `,"recordId":`...), writes[i].Record)
		dst = strconv.AppendInt(append(dst, `,"success":true,"version":`...), done[i].Number, 10)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
