package main

import (
	"errors"
	"fmt"
	"go/token"
	"slices"
	"strings"
	"unicode"
)

type errorCode struct {
	Number int    `json:"number"`
	Code   string `json:"code"`
	Const  string `json:"const"`
	Name   string `json:"name"`
	HTTP   int    `json:"http"`
	Doc    string `json:"doc"`
}

type closeCode struct {
	Code      int    `json:"code"`
	Name      string `json:"name"`
	Reconnect bool   `json:"reconnect"`
	Doc       string `json:"doc"`
}

type field struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional"`
	Doc      string `json:"doc"`
}

type operation struct {
	Name       string  `json:"name"`
	Capability string  `json:"capability"`
	Subject    string  `json:"subject"`
	Door       string  `json:"door"`
	Result     string  `json:"result"`
	Doc        string  `json:"doc"`
	Request    []field `json:"request"`
	Response   []field `json:"response"`
}

type tables struct {
	errors     []errorCode
	closes     []closeCode
	operations []operation
}

// check refuses what the JSON files' readers would otherwise find out late: a
// number, code or name used twice, a field of an unknown type, and an operation
// whose door or result does not exist.
func (t tables) check() error {
	var errs []error
	seen := map[string]bool{}
	once := func(kind string, value any) {
		key := fmt.Sprint(kind, " ", value)
		if seen[key] {
			errs = append(errs, fmt.Errorf("%s is there twice", key))
		}
		seen[key] = true
	}
	for _, e := range t.errors {
		once("error number", e.Number)
		once("error code", e.Code)
		once("error constant", e.Const)
	}
	for _, c := range t.closes {
		once("close code", c.Code)
		once("close name", c.Name)
	}
	for _, o := range t.operations {
		once("operation", o.Name)
		errs = append(errs, o.check())
	}
	return errors.Join(errs...)
}

// The doors that an operation may be bound to; without one it has all.
const (
	doorPlugin   = "plugin"
	doorOperator = "operator"
)

func (o operation) check() error {
	var errs []error
	if o.Door != "" && o.Door != doorPlugin && o.Door != doorOperator {
		errs = append(errs, fmt.Errorf("operation %s: unknown door %q", o.Name, o.Door))
	}
	if o.Result != "" && !slices.ContainsFunc(o.Response, func(f field) bool { return f.Name == o.Result }) {
		errs = append(errs, fmt.Errorf("operation %s: its response has no field %q to be the result", o.Name, o.Result))
	}
	errs = append(errs, o.checkSubject())
	for _, f := range slices.Concat(o.Request, o.Response) {
		if _, ok := fieldTypes[f.Type]; !ok {
			errs = append(errs, fmt.Errorf("operation %s: unknown type %q of field %q", o.Name, f.Type, f.Name))
		}
	}
	return errors.Join(errs...)
}

// checkSubject refuses a subject that is no field of names: a string, a list of
// strings, or a member of the objects in a JSON list.
func (o operation) checkSubject() error {
	if o.Subject == "" {
		return nil
	}
	name, member, inside := strings.Cut(o.Subject, "[].")
	for _, f := range o.Request {
		switch {
		case f.Name != name:
		case inside && member != "" && f.Type == "json", !inside && (f.Type == "string" || f.Type == "strings"):
			return nil
		}
	}
	return fmt.Errorf("operation %s: its request has no names in %q to be the subject", o.Name, o.Subject)
}

// fieldType says how a field's type is written: in abi's structs, in the Go
// kit's signatures, and in the codec's functions.
type fieldType struct{ abi, kit, codec string }

var fieldTypes = map[string]fieldType{
	"string":  {abi: "string", kit: "string", codec: "String"},
	"json":    {abi: "json.RawMessage", kit: "JSON", codec: "Bytes"},
	"bytes":   {abi: "[]byte", kit: "[]byte", codec: "Bytes"},
	"int":     {abi: "int64", kit: "int64", codec: "Int"},
	"bool":    {abi: "bool", kit: "bool", codec: "Bool"},
	"strings": {abi: "[]string", kit: "[]string", codec: "Strings"},
}

// zeroIsAbsent tells the optional fields whose zero value is written as
// absent; nil does so by itself in the other types.
func (f field) zeroIsAbsent() bool {
	return f.Optional && (f.Type == "string" || f.Type == "int")
}

// goName turns connections.metadata.get into ConnectionsMetadataGet; the
// initialisms that occur keep their capitals.
func goName(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, ".") {
		switch part {
		case "kv", "ttl", "http", "url":
			b.WriteString(strings.ToUpper(part))
		default:
			r := []rune(part)
			r[0] = unicode.ToUpper(r[0])
			b.WriteString(string(r))
		}
	}
	s := b.String()
	if rest, ok := strings.CutSuffix(s, "Id"); ok {
		s = rest + "ID"
	}
	return s
}

// localName turns a field's name into that of a Go parameter or variable,
// apart from the keywords and the variables of the generated functions.
func localName(name string) string {
	if rest, ok := strings.CutSuffix(name, "Id"); ok {
		name = rest + "ID"
	}
	if token.IsKeyword(name) || name == "b" || name == "f" || name == "err" {
		name += "Value"
	}
	return name
}
