package redis

import (
	"net"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestWire(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want []string
		err  string
	}{
		{"+PONG\r\n", []string{"PONG"}, ""},
		{"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$0\r\n\r\n", []string{"message", "c", ""}, ""},
		{"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", []string{"subscribe", "c", "1"}, ""},
		{"*2\r\n$-1\r\n:0\r\n", []string{"", "0"}, ""},
		{"*-1\r\n", nil, ""},
		{"-NOPERM no\r\n", nil, "NOPERM no"},
		{"*1000\r\n", nil, "not the words"},
		{"$-2\r\n", nil, "not the words"},
		{"$99999999999\r\n", nil, "not the words"},
		{"*1\r\n*1\r\n", nil, "not the words"},
		{"HTTP/1.1 400 Bad Request\r\n", nil, "not the words"},
		{"\r\n", nil, "not the words"},
		{"$5\r\nab", nil, "EOF"},
	} {
		got, err := readAll(t, c.text)
		if c.err == "" && (err != nil || !reflect.DeepEqual(got, c.want)) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: %q, %v", c.text, got, err)
		}
	}
}

// readAll reads one thing from a text.
func readAll(t *testing.T, text string) ([]string, error) {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		_, _ = far.Write([]byte(text))
		_ = far.Close()
	}()
	defer func() { _ = near.Close() }()
	return newWire(near, time.Second).read(nil)
}

func FuzzWire(f *testing.F) {
	f.Add("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		parts, err := readAll(t, text)
		if err == nil && len(parts) > mostParts {
			t.Errorf("%d parts", len(parts))
		}
	})
}
