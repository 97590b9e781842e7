package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// kitCodesSource gives the Go kit the codes and the class of each.
func kitCodesSource(t tables) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, header, "errors.json", "mesh")
	errorConstants(&b, t.errors)
	b.WriteString("// className returns the class that goes with a code of the table, \"\" for another code.\n" +
		"func className(code string) string {\nswitch code {\n")
	for _, e := range t.errors {
		fmt.Fprintf(&b, "case Code%s:\nreturn %q\n", e.Const, e.Name)
	}
	b.WriteString("}\nreturn \"\"\n}\n\n")
	closeConstants(&b, t.closes)
	return b.Bytes()
}

// forPlugins leaves out what plugins cannot call.
func forPlugins(ops []operation) []operation {
	return slices.DeleteFunc(slices.Clone(ops), func(o operation) bool { return o.Door == doorOperator })
}

// kitOperationsSource gives the Go kit one function per operation: parameters
// are the request's fields, results the response's.
func kitOperationsSource(ops []operation) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, header, "operations.json", "mesh")
	b.WriteString("import (\n\"github.com/mesh-host/mesh-host/pdk/go/internal/codec\"\n\"github.com/mesh-host/mesh-host/pdk/go/internal/env\"\n)\n\n")
	for _, o := range ops {
		kitOperation(&b, o)
	}
	return b.Bytes()
}

func kitOperation(b *bytes.Buffer, o operation) {
	fmt.Fprintf(b, "// call%s calls %s. %s\nfunc call%s(%s) (%serr error) {\n",
		goName(o.Name), o.Name, o.Doc, goName(o.Name), kitParameters(o.Request), kitResults(o))
	b.WriteString("b := beginCall()\n")
	for _, f := range o.Request {
		add := "codec.Append" + fieldTypes[f.Type].codec
		if f.zeroIsAbsent() {
			add = "codec.AppendOptional" + fieldTypes[f.Type].codec
		}
		fmt.Fprintf(b, "b = %s(b, %s)\n", add, localName(f.Name))
	}
	if len(o.Response) == 0 {
		fmt.Fprintf(b, "return finishEmpty(env.%s(keep(b)))\n}\n\n", goName(o.Name))
		return
	}
	finish := "finishCall"
	if leavesNothing(o.Response) {
		finish = "finishSmall"
	}
	fmt.Fprintf(b, "f, err := %s(env.%s(keep(b)))\nif err != nil {\nreturn\n}\n", finish, goName(o.Name))
	for _, f := range o.Response {
		blank := ""
		if f.Type == "int" {
			blank = ", _"
		}
		fmt.Fprintf(b, "%s%s = f.%s()\n", resultName(o, f), blank, fieldTypes[f.Type].codec)
	}
	b.WriteString("err = f.Err()\nreturn\n}\n\n")
}

// leavesNothing tells the responses of which nothing points into their message
// once it is decoded, so that it can lie in a buffer that is used again. Text is
// copied.
func leavesNothing(fields []field) bool {
	return !slices.ContainsFunc(fields, func(f field) bool { return f.Type == "json" || f.Type == "bytes" })
}

func kitParameters(fields []field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = localName(f.Name) + " " + fieldTypes[f.Type].kit
	}
	return strings.Join(list, ", ")
}

func kitResults(o operation) string {
	var b strings.Builder
	for _, f := range o.Response {
		fmt.Fprintf(&b, "%s %s, ", resultName(o, f), fieldTypes[f.Type].kit)
	}
	return b.String()
}

// resultName keeps a result apart from the parameter of the same name.
func resultName(o operation, result field) string {
	for _, f := range o.Request {
		if f.Name == result.Name {
			return localName(f.Name) + "Result"
		}
	}
	return localName(result.Name)
}

// kitWasmSource writes the raw imports, one per operation and nothing else:
// what a plugin does not call, the linker leaves out of its import section.
func kitWasmSource(ops []operation) []byte {
	var b bytes.Buffer
	b.WriteString("//go:build wasm\n\n")
	fmt.Fprintf(&b, header, "operations.json", "env")
	b.WriteString("import \"unsafe\"\n\n//go:wasmimport mesh take\nfunc take(buffer unsafe.Pointer)\n\n")
	for _, o := range ops {
		fmt.Fprintf(&b, "//go:wasmimport mesh %s\nfunc host%s(arguments unsafe.Pointer, length uint32) uint64\n\n", o.Name, goName(o.Name))
		fmt.Fprintf(&b, "// %s calls %s.\nfunc %s(arguments []byte) uint64 {\nreturn host%s(unsafe.Pointer(unsafe.SliceData(arguments)), uint32(len(arguments)))\n}\n\n",
			goName(o.Name), o.Name, goName(o.Name), goName(o.Name))
	}
	return b.Bytes()
}

// kitNativeSource writes the same functions for a build that is no plugin:
// they go to the host that a test has put there.
func kitNativeSource(ops []operation) []byte {
	var b bytes.Buffer
	b.WriteString("//go:build !wasm\n\n")
	fmt.Fprintf(&b, header, "operations.json", "env")
	for _, o := range ops {
		fmt.Fprintf(&b, "// %s calls %s.\nfunc %s(arguments []byte) uint64 { return call(%q, arguments) }\n\n",
			goName(o.Name), o.Name, goName(o.Name), o.Name)
	}
	return b.Bytes()
}
