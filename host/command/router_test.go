package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10_000)
	r := command.NewRouter(silent, command.Command{Name: "native"}, command.Command{Name: "both"})
	r.Swap(command.NewTable(command.Entries{Commands: []command.Command{
		{Name: "echo"}, {Name: "both", Concurrent: true}, {Name: "get-my-connection-metadata"}, {Name: "größe"},
	}}, nil))
	table := r.Acquire()
	defer table.Release()
	for name, want := range map[string]struct {
		name    string // "" for none
		dialect protocol.Dialect
	}{
		"echo":                            {"echo", protocol.DialectUnknown},
		"größe":                           {"größe", protocol.DialectUnknown},
		"native":                          {"native", protocol.DialectUnknown},
		"noop":                            {"mesh/noop", protocol.DialectBare},
		"mesh/noop":                       {"mesh/noop", protocol.DialectMesh},
		"rt/noop":                         {"mesh/noop", protocol.DialectRT},
		"mesh/get-my-connection-metadata": {"mesh/get-my-connection-metadata", protocol.DialectMesh},
		"rt/get-my-connection-metadata":   {"mesh/get-my-connection-metadata", protocol.DialectRT},
		"get-my-connection-metadata":      {"get-my-connection-metadata", protocol.DialectUnknown}, // the plugin's
		"mesh/echo":                       {},
		"rt/echo":                         {},
		"mesh/mesh/noop":                  {},
		"rt/mesh/noop":                    {},
		"Noop":                            {},
		"noop\x20":                        {},
		"mesh/":                           {},
		"":                                {},
		"unknown":                         {},
		long:                              {},
		"mesh/" + long:                    {},
	} {
		c, dialect := r.Resolve(table, []byte(name))
		if (c == nil) != (want.name == "") || c != nil && c.Name != want.name || dialect != want.dialect {
			t.Errorf("%.40q is %+v in %v, want %+v", name, c, dialect, want)
		}
	}
	if c, _ := r.Resolve(table, []byte("both")); c.Concurrent {
		t.Error("the plugin's command hides the native one")
	}
}

// Both dialects lead to the same name, so that no guard is passed by another
// spelling.
func TestMiddlewareSeesOneSpelling(t *testing.T) {
	t.Parallel()
	var seen []string
	r := router(command.Entries{Middleware: []command.Handler{command.HandlerFunc(func(_ context.Context, c *command.Call) error {
		seen = append(seen, c.Name)
		return nil
	})}})
	s := session(t, hub.Info{})
	for _, name := range []string{"noop", "mesh/noop", "rt/noop"} {
		if got, err := call(t, r, s, name, ""); got != "true" || err != nil {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	if want := []string{"mesh/noop", "mesh/noop", "mesh/noop"}; !slices.Equal(seen, want) {
		t.Errorf("saw %q", seen)
	}
}

func TestGetMyConnectionMetadata(t *testing.T) {
	t.Parallel()
	r := command.NewRouter(silent)
	for _, c := range []struct {
		info hub.Info
		want string
	}{
		{hub.Info{}, `{"metadata":null}`},
		{hub.Info{Metadata: json.RawMessage(`{"a":1}`)}, `{"metadata":{"a":1}}`},
		{hub.Info{User: "a\"nn", Metadata: json.RawMessage(`0`)}, `{"metadata":0,"user":"a\"nn"}`},
	} {
		if got, err := call(t, r, session(t, c.info), "mesh/get-my-connection-metadata", `{}`); got != c.want || err != nil {
			t.Errorf("got %s, %v; want %s", got, err, c.want)
		}
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	denied := protocol.NewError(abi.CodeDenied, "no")
	for _, c := range []struct {
		name   string
		global []string // what each middleware does
		own    []string
		main   string
		want   string // the trace, and the result
		code   string
	}{
		{"handler alone", nil, nil, "reply", `main{"a":1}|null = "main"`, ""},
		{"order", []string{"pass", "pass"}, []string{"pass", "pass"}, "reply", `g0{"a":1}|null g1{"a":1}|null o0{"a":1}|null o1{"a":1}|null main{"a":1}|null = "main"`, ""},
		{"global middleware answers", []string{"pass", "reply", "pass"}, []string{"pass"}, "reply", `g0{"a":1}|null g1{"a":1}|null = "g1"`, ""},
		{"own middleware answers", []string{"pass"}, []string{"reply", "pass"}, "reply", `g0{"a":1}|null o0{"a":1}|null = "o0"`, ""},
		{"global middleware refuses", []string{"deny", "pass"}, []string{"pass"}, "reply", `g0{"a":1}|null = `, abi.CodeDenied},
		{"own middleware refuses", []string{"pass"}, []string{"deny"}, "reply", `g0{"a":1}|null o0{"a":1}|null = `, abi.CodeDenied},
		{"payload is changed", []string{"change"}, []string{"pass", "change"}, "reply", `g0{"a":1}|null o0{"g0":1}|null o1{"g0":1}|null main{"o1":1}|null = "main"`, ""},
		{"payload is taken away", []string{"take"}, nil, "reply", `g0{"a":1}|null main|null = "main"`, ""},
		{"locals add up", []string{"local", "local"}, []string{"local"}, "reply", `g0{"a":1}|null g1{"a":1}|{"g0":1} o0{"a":1}|{"g0":1,"g1":1} main{"a":1}|{"g0":1,"g1":1,"o0":1} = "main"`, ""},
		{"handler says nothing", nil, nil, "pass", `main{"a":1}|null = `, ""},
		{"handler refuses", []string{"pass"}, nil, "deny", `g0{"a":1}|null main{"a":1}|null = `, abi.CodeDenied},
		{"handler breaks", nil, nil, "break", `main{"a":1}|null = `, abi.CodeServer},
		{"middleware breaks", []string{"break"}, nil, "reply", `g0{"a":1}|null = `, abi.CodeServer},
		{"a refusal that is wrapped", nil, nil, "wrap", `main{"a":1}|null = `, abi.CodeDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var trace []string
			step := func(name, what string) command.Handler {
				return command.HandlerFunc(func(_ context.Context, call *command.Call) error {
					locals := "null"
					if call.Locals != nil {
						locals = string(call.Locals)
					}
					trace = append(trace, name+string(call.Payload)+"|"+locals)
					switch what {
					case "reply":
						call.Reply(fmt.Appendf(nil, "%q", name))
					case "deny":
						return denied
					case "wrap":
						return fmt.Errorf("wrapped: %w", denied)
					case "break":
						return errBroken
					case "change":
						call.SetPayload(fmt.Appendf(nil, `{%q:1}`, name))
					case "take":
						call.SetPayload(nil)
					case "local":
						call.AddLocals(fmt.Appendf(nil, `{%q:1}`, name))
					}
					return nil
				})
			}
			steps := func(prefix string, whats []string) (handlers []command.Handler) {
				for i, what := range whats {
					handlers = append(handlers, step(fmt.Sprint(prefix, i), what))
				}
				return handlers
			}
			r := router(command.Entries{
				Middleware: steps("g", c.global),
				Commands:   []command.Command{{Name: "cmd", Middleware: steps("o", c.own), Handler: step("main", c.main)}},
			})
			result, err := call(t, r, session(t, hub.Info{}), "cmd", `{"a":1}`)
			if got := strings.Join(trace, " ") + " = " + result; got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if (err == nil) != (c.code == "") || err != nil && err.Code != c.code {
				t.Errorf("error %v, want %s", err, c.code)
			}
		})
	}
}

// What is not for clients is logged under a reference that they get.
func TestInternalErrors(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := command.NewRouter(slog.New(slog.NewTextHandler(&log, nil)))
	r.Swap(command.NewTable(command.Entries{Commands: []command.Command{{
		Name:    "cmd",
		Handler: command.HandlerFunc(func(context.Context, *command.Call) error { return errBroken }),
	}}}, nil))
	s := session(t, hub.Info{})
	_, err := call(t, r, s, "cmd", `{"password":"secret"}`)
	if err == nil || err.Ref == "" || strings.Contains(string(err.Append(nil)), errBroken.Error()) {
		t.Fatalf("the client gets %+v", err)
	}
	for _, part := range []string{err.Ref, errBroken.Error(), s.ID(), "cmd"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log does not say %q: %s", part, log.String())
		}
	}
	if strings.Contains(log.String(), "secret") {
		t.Error("the log has the payload")
	}
	if _, again := call(t, r, s, "cmd", ""); again.Ref == err.Ref {
		t.Error("two failures have one reference")
	}
}

func BenchmarkRun(b *testing.B) {
	pass := command.HandlerFunc(func(context.Context, *command.Call) error { return nil })
	body := []byte(`{"text":"hello"}`)
	r := router(command.Entries{
		Middleware: []command.Handler{pass},
		Commands: []command.Command{{Name: "orders.create", Handler: command.HandlerFunc(func(_ context.Context, c *command.Call) error {
			c.Reply(c.Payload)
			return nil
		})}},
	})
	s := session(b, hub.Info{})
	for _, name := range []string{"orders.create", "mesh/get-my-connection-metadata", "mesh/noop"} {
		b.Run(name, func(b *testing.B) {
			text := []byte(name)
			b.ReportAllocs()
			for b.Loop() {
				table := r.Acquire()
				c, _ := r.Resolve(table, text)
				run := command.NewCall(s, c.Name, body, nil)
				if err := r.Run(ctx, table, c, run); err != nil {
					b.Fatal(err)
				}
				run.Release()
				table.Release()
			}
		})
	}
}
