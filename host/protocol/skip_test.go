package protocol_test

import (
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestSkipValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		at, end int
	}{
		{`1`, 0, 1}, {`12,`, 0, 2}, {`-1.5e+7]`, 0, 7}, {`true}`, 0, 4}, {`null`, 0, 4}, {`"a\"b" `, 0, 6},
		{`[1,[2]] , 3`, 0, 7}, {`{"a":{"b":[]}}x`, 0, 14}, {`{ }`, 0, 3}, {`[ ]`, 0, 3}, {`[1,2]`, 3, 4}, {`{"a":"b"}`, 5, 8},
		{``, 0, -1}, {`1`, 1, -1}, {` 1`, 0, -1}, {`]`, 0, -1}, {`nul`, 0, -1}, {`"a`, 0, -1}, {`[1`, 0, -1}, {`[1,`, 0, -1}, {`[1,]`, 0, -1},
		{`{"a"`, 0, -1}, {`{"a":`, 0, -1}, {`{"a":1`, 0, -1}, {`{"a":1,`, 0, -1}, {`{"a":1,}`, 0, -1}, {`{a:1}`, 0, -1}, {`[1}`, 0, -1}, {`-`, 0, -1},
		{strings.Repeat("[", protocol.MaxDepth) + strings.Repeat("]", protocol.MaxDepth), 0, 2 * protocol.MaxDepth},
		{strings.Repeat("[", protocol.MaxDepth+1) + strings.Repeat("]", protocol.MaxDepth+1), 0, -1},
	} {
		if end := protocol.SkipValue([]byte(c.text), c.at); end != c.end {
			t.Errorf("%q from %d ends at %d, want %d", c.text, c.at, end, c.end)
		}
	}
}

func TestSkipSpace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		at, end int
	}{
		{``, 0, 0}, {`1`, 0, 0}, {" \t\r\n1", 0, 4}, {`1  `, 1, 3}, {"\v", 0, 0}, {" \u00a0", 0, 1}, {`1`, 1, 1},
	} {
		if end := protocol.SkipSpace([]byte(c.text), c.at); end != c.end {
			t.Errorf("%q from %d: %d, want %d", c.text, c.at, end, c.end)
		}
	}
}
