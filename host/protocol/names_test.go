package protocol_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]error{
		"a": nil, "a b/c:d.e*": nil, "größe": nil, "😀": nil, "mesh/x": nil, "ping": nil, strings.Repeat("x", 256): nil,
		"": protocol.ErrNameEmpty, strings.Repeat("x", 257): protocol.ErrNameLong, strings.Repeat("ä", 129): protocol.ErrNameLong,
		"a\x00": protocol.ErrNameControl, "\n": protocol.ErrNameControl, "a\x7f": protocol.ErrNameControl, "\u0085": protocol.ErrNameControl,
		"\u009f": protocol.ErrNameControl, "\u00a0": nil, "\xff": protocol.ErrNameControl, "a\xe6\x97": protocol.ErrNameControl,
	} {
		if got := protocol.CheckName(name); !errors.Is(got, want) {
			t.Errorf("%.40q: %v, want %v", name, got, want)
		}
	}
}

func TestCheckApplicationName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]error{
		"echo": nil, "noop": nil, "mesh": nil, "rt": nil, "meshes/x": nil, "Ping": nil, "latency:other": nil, "a/mesh/b": nil,
		"mesh/": protocol.ErrReserved, "mesh/echo": protocol.ErrReserved, "rt/echo": protocol.ErrReserved, "ping": protocol.ErrReserved,
		"pong": protocol.ErrReserved, "latency": protocol.ErrReserved, "latency:request": protocol.ErrReserved,
		"latency:response": protocol.ErrReserved, "": protocol.ErrNameEmpty, "mesh/\n": protocol.ErrNameControl,
	} {
		if got := protocol.CheckApplicationName(name); !errors.Is(got, want) {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestDialects(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]struct {
		name    string
		dialect protocol.Dialect
		prefix  string
	}{
		"mesh/noop":      {"noop", protocol.DialectMesh, "mesh/"},
		"rt/noop":        {"noop", protocol.DialectRT, "rt/"},
		"noop":           {"noop", protocol.DialectBare, ""},
		"mesh/mesh/noop": {"mesh/noop", protocol.DialectMesh, "mesh/"},
		"mesh":           {"mesh", protocol.DialectBare, ""},
		"":               {"", protocol.DialectBare, ""},
	} {
		name, dialect := protocol.SplitBuiltin(command)
		if name != want.name || dialect != want.dialect || dialect.Prefix() != want.prefix {
			t.Errorf("%q is %q in %v with prefix %q", command, name, dialect, dialect.Prefix())
		}
	}
	if got := protocol.DialectUnknown.Prefix(); got != protocol.MeshPrefix {
		t.Errorf("a session without a dialect has the prefix %q", got)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 300)
	for _, c := range []struct {
		err  *protocol.Error
		want string
	}{
		{protocol.NotFound("x"), `{"error":"Command \"x\" not found","code":"ENOTFOUND","name":"CommandError"}`},
		{protocol.TimedOut("x"), `{"error":"Command \"x\" timed out","code":"ETIMEOUT","name":"TimeoutError"}`},
		{protocol.PluginFailed("p"), `{"error":"Plugin \"p\" failed","code":"EPLUGIN","name":"PluginError"}`},
		{protocol.Internal("abc"), `{"error":"Internal error","code":"ESERVER","name":"Error","ref":"abc"}`},
		{protocol.NewError("EMINE", "no"), `{"error":"no","code":"EMINE","name":"Error"}`},
		{protocol.NewError(abi.CodeDenied, "no"), `{"error":"no","code":"EDENIED","name":"DeniedError"}`},
		{&protocol.Error{Code: "E\n", Name: `"N"`, Message: "\xff", Data: []byte(`{"version":3}`)}, `{"error":"�","code":"E\n","name":"\"N\"","data":{"version":3}}`},
		{protocol.NotFound(long), `{"error":"Command \"` + strings.Repeat("ä", 128) + `…\" not found","code":"ENOTFOUND","name":"CommandError"}`},
		{protocol.NotFound("x" + long), `{"error":"Command \"x` + strings.Repeat("ä", 127) + `…\" not found","code":"ENOTFOUND","name":"CommandError"}`},
	} {
		if got := c.err.Append([]byte("head")); string(got[4:]) != c.want || !json.Valid(got[4:]) {
			t.Errorf("got %s, want %s", got[4:], c.want)
		}
	}
}

func TestAsError(t *testing.T) {
	t.Parallel()
	e := protocol.NotFound("x")
	if got := protocol.AsError(fmt.Errorf("wrapped: %w", e)); got != e {
		t.Errorf("got %v", got)
	}
	if got := protocol.AsError(errors.New("other")); got != nil {
		t.Errorf("got %v", got)
	}
	if got := protocol.AsError(nil); got != nil {
		t.Errorf("got %v", got)
	}
	if e.Error() != `ENOTFOUND: Command "x" not found` {
		t.Error(e.Error())
	}
}
