package main

import (
	"bytes"
	"fmt"
	"strings"
)

func operationsSource(ops []operation) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, header, "operations.json", "abi")
	b.WriteString("import \"encoding/json\"\n\n// The names of the operations.\nconst (\n")
	for _, o := range ops {
		fmt.Fprintf(&b, "Op%s = %q\n", goName(o.Name), o.Name)
	}
	b.WriteString(")\n\n// Operations is the table of host operations, in the order of the document.\nvar Operations = []Operation{\n")
	for _, o := range ops {
		fmt.Fprintf(&b, "{\nName: Op%s, Capability: %q, Subject: %q, Door: %q, Result: %q,\nDoc: %q,\nRequest: %s,\nResponse: %s,\n},\n",
			goName(o.Name), o.Capability, o.Subject, o.Door, o.Result, o.Doc, fieldsLiteral(o.Request), fieldsLiteral(o.Response))
	}
	b.WriteString("}\n\n")
	for _, o := range ops {
		structSource(&b, o.Name, "Request", "asks for", o.Request)
		structSource(&b, o.Name, "Response", "answers", o.Response)
	}
	return b.Bytes()
}

func fieldsLiteral(fields []field) string {
	if len(fields) == 0 {
		return "nil"
	}
	var b strings.Builder
	b.WriteString("[]Field{\n")
	for _, f := range fields {
		fmt.Fprintf(&b, "{Name: %q, Type: %q, Optional: %t, Doc: %q},\n", f.Name, f.Type, f.Optional, f.Doc)
	}
	b.WriteString("}")
	return b.String()
}

func structSource(b *bytes.Buffer, op, suffix, verb string, fields []field) {
	name := goName(op) + suffix
	fmt.Fprintf(b, "// %s %s %s.\ntype %s struct {\n", name, verb, op, name)
	for _, f := range fields {
		omit := ""
		if f.Optional {
			omit = ",omitempty"
		}
		fmt.Fprintf(b, "// %s: %s.\n%s %s `json:\"%s%s\"`\n", goName(f.Name), f.Doc, goName(f.Name), fieldTypes[f.Type].abi, f.Name, omit)
	}
	b.WriteString("}\n\n")
	appendSource(b, name, fields)
	decodeSource(b, name, fields)
}

func appendSource(b *bytes.Buffer, name string, fields []field) {
	receiver := "m "
	if len(fields) == 0 {
		receiver = ""
	}
	fmt.Fprintf(b, "// Append adds the encoded message to dst.\nfunc (%s*%s) Append(dst []byte) []byte {\n", receiver, name)
	for i, f := range fields {
		add := "Append" + fieldTypes[f.Type].codec
		if f.zeroIsAbsent() {
			add = "appendOptional" + fieldTypes[f.Type].codec
		}
		assign := "dst ="
		if i == len(fields)-1 {
			assign = "return"
		}
		fmt.Fprintf(b, "%s %s(dst, m.%s)\n", assign, add, goName(f.Name))
	}
	if len(fields) == 0 {
		b.WriteString("return dst\n")
	}
	b.WriteString("}\n\n")
}

func decodeSource(b *bytes.Buffer, name string, fields []field) {
	if len(fields) == 0 {
		fmt.Fprintf(b, "// Decode reads an encoded message; there is nothing in it.\nfunc (*%s) Decode([]byte) error { return nil }\n\n", name)
		return
	}
	fmt.Fprintf(b, "// Decode reads an encoded message. JSON fields point into message.\nfunc (m *%s) Decode(message []byte) error {\nf := Decode(message)\n", name)
	for _, f := range fields {
		blank := ""
		if f.Type == "int" {
			blank = ", _"
		}
		fmt.Fprintf(b, "m.%s%s = f.%s()\n", goName(f.Name), blank, fieldTypes[f.Type].codec)
	}
	b.WriteString("return f.Err()\n}\n\n")
}
