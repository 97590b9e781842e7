package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// fillDocument returns the document's text with the tables between its
// markers written anew.
func fillDocument(path string, t tables) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	parts := map[string]string{
		"errors":     errorsTable(t.errors),
		"close":      closeTable(t.closes),
		"operations": operationsTable(t.operations),
	}
	for name, table := range parts {
		begin := []byte("<!-- generated " + name + ": go generate ./abi -->\n")
		end := []byte("<!-- end " + name + " -->\n")
		before, rest, ok := bytes.Cut(text, begin)
		_, after, closed := bytes.Cut(rest, end)
		if !ok || !closed {
			return nil, fmt.Errorf("%s: no markers for the table %q", path, name)
		}
		text = bytes.Join([][]byte{before, begin, []byte(table), end, after}, nil)
	}
	return text, nil
}

func errorsTable(errs []errorCode) string {
	var b strings.Builder
	b.WriteString("| number | code | name | HTTP | when |\n|---|---|---|---|---|\n")
	for _, e := range errs {
		fmt.Fprintf(&b, "| %d | `%s` | `%s` | %d | %s |\n", e.Number, e.Code, e.Name, e.HTTP, cell(e.Doc))
	}
	return b.String()
}

func closeTable(closes []closeCode) string {
	var b strings.Builder
	b.WriteString("| code | name | client reconnects | when |\n|---|---|---|---|\n")
	for _, c := range closes {
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", c.Code, c.Name, yesNo(c.Reconnect), cell(c.Doc))
	}
	return b.String()
}

func operationsTable(ops []operation) string {
	var b strings.Builder
	for i, o := range ops {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "### `%s`\n\n%s", o.Name, o.Doc)
		operationNotes(&b, o)
		b.WriteString("\n\n| | field | type | meaning |\n|---|---|---|---|\n")
		fieldRows(&b, "request", o.Request)
		fieldRows(&b, "response", o.Response)
	}
	return b.String()
}

// operationNotes says who may call an operation and how it is answered in JSON.
func operationNotes(b *strings.Builder, o operation) {
	if o.Capability != "" {
		fmt.Fprintf(b, " Capability: `%s`", o.Capability)
		if o.Subject != "" {
			fmt.Fprintf(b, ", for names `%s`", o.Subject)
		}
		b.WriteString(".")
	}
	switch o.Door {
	case doorPlugin:
		b.WriteString(" Plugins only.")
	case doorOperator:
		b.WriteString(" Operators only.")
	}
	if o.Result != "" {
		fmt.Fprintf(b, " Result: `%s`.", o.Result)
	}
}

func fieldRows(b *strings.Builder, message string, fields []field) {
	if len(fields) == 0 {
		fmt.Fprintf(b, "| %s | – | | empty |\n", message)
	}
	for i, f := range fields {
		kind := f.Type
		if f.Optional {
			kind += ", optional"
		}
		fmt.Fprintf(b, "| %s %d | `%s` | %s | %s |\n", message, i, f.Name, kind, cell(f.Doc))
	}
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

func yesNo(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}
