package main

import (
	"os"
	"strings"
	"testing"
)

func TestGeneratedFilesAreFresh(t *testing.T) {
	t.Parallel()
	files, err := generate("../..")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if string(got) != string(want) {
			t.Errorf("%s is not what the tables say: run go generate ./abi", path)
		}
	}
}

func TestTablesThatContradictThemselvesAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		tables tables
		want   string
	}{
		"error number twice": {
			tables{errors: []errorCode{{Number: 1, Code: "EA", Const: "A"}, {Number: 1, Code: "EB", Const: "B"}}},
			"error number 1 is there twice",
		},
		"close code twice": {
			tables{closes: []closeCode{{Code: 1000, Name: "A"}, {Code: 1000, Name: "B"}}},
			"close code 1000 is there twice",
		},
		"operation twice": {
			tables{operations: []operation{{Name: "log"}, {Name: "log"}}},
			"operation log is there twice",
		},
		"unknown type": {
			tables{operations: []operation{{Name: "x", Response: []field{{Name: "y", Type: "float"}}}}},
			`operation x: unknown type "float" of field "y"`,
		},
		"unknown door": {
			tables{operations: []operation{{Name: "x", Door: "back"}}},
			`operation x: unknown door "back"`,
		},
		"subject that is no field": {
			tables{operations: []operation{{Name: "x", Request: []field{{Name: "y", Type: "int"}}, Subject: "y"}}},
			`operation x: its request has no names in "y" to be the subject`,
		},
		"subject in no list": {
			tables{operations: []operation{{Name: "x", Request: []field{{Name: "y", Type: "string"}}, Subject: "y[].z"}}},
			`operation x: its request has no names in "y[].z" to be the subject`,
		},
		"result that is no field": {
			tables{operations: []operation{{Name: "x", Request: []field{{Name: "y", Type: "int"}}, Result: "y"}}},
			`operation x: its response has no field "y" to be the result`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := test.tables.check()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"log": "Log", "kv.compareAndSet": "KVCompareAndSet", "ttl": "TTL",
		"connections.metadata.get": "ConnectionsMetadataGet", "connectionId": "ConnectionID",
	} {
		if got := goName(name); got != want {
			t.Errorf("goName(%q) = %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{"connectionId": "connectionID", "type": "typeValue", "to": "to"} {
		if got := localName(name); got != want {
			t.Errorf("localName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestRustNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"log": "log", "kv.compareAndSet": "kv_compare_and_set", "connectionId": "connection_id", "type": "type_value"} {
		if got := rustLocal(name); got != want {
			t.Errorf("rustLocal(%q) = %q, want %q", name, got, want)
		}
	}
	if got := rustConst("NotFound"); got != "NOT_FOUND" {
		t.Errorf("rustConst gives %q", got)
	}
}

func TestOperatorsOperationsAreNotForPlugins(t *testing.T) {
	t.Parallel()
	ops := []operation{{Name: "both"}, {Name: "plugins", Door: doorPlugin}, {Name: "operators", Door: doorOperator}}
	var names []string
	for _, o := range forPlugins(ops) {
		names = append(names, o.Name)
	}
	if got := strings.Join(names, " "); got != "both plugins" {
		t.Errorf("plugins get %s", got)
	}
	if len(ops) != 3 || ops[2].Name != "operators" {
		t.Errorf("the table itself has become %v", ops)
	}
}

func TestOperationNotes(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]operation{
		"":                                   {Name: "x"},
		" Capability: `c`. Plugins only.":    {Name: "x", Capability: "c", Door: doorPlugin},
		" Operators only. Result: `things`.": {Name: "x", Door: doorOperator, Result: "things"},
	} {
		var b strings.Builder
		operationNotes(&b, o)
		if b.String() != want {
			t.Errorf("got %q, want %q", b.String(), want)
		}
	}
}
