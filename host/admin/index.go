package admin

import (
	"bytes"
	"encoding/json"

	"github.com/mesh-host/mesh-host/abi"
)

type operationEntry struct {
	Name     string       `json:"name"`
	Doc      string       `json:"doc"`
	Result   string       `json:"result,omitempty"`
	Request  []fieldEntry `json:"request"`
	Response []fieldEntry `json:"response"`
}

type fieldEntry struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional,omitempty"`
	Doc      string `json:"doc"`
}

// index is the document at /api.
func index(operations []abi.Operation) any {
	entries := make([]operationEntry, len(operations))
	for i, o := range operations {
		entries[i] = operationEntry{Name: o.Name, Doc: o.Doc, Result: o.Result, Request: fieldEntries(o.Request), Response: fieldEntries(o.Response)}
	}
	return map[string]any{"operations": entries}
}

func fieldEntries(fields []abi.Field) []fieldEntry {
	entries := make([]fieldEntry, len(fields))
	for i, f := range fields {
		entries[i] = fieldEntry(f)
	}
	return entries
}

// encodeDocument writes a document for people too. What it is made of always
// has a JSON form.
func encodeDocument(document any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return nil
	}
	return b.Bytes()
}
