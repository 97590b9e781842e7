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
