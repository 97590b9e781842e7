package meshtest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/meshtest"
)

// code returns the code of a *mesh.Error, "" for none.
func code(t *testing.T, err error) string {
	t.Helper()
	var e *mesh.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("got %v, which is no *mesh.Error", err)
	}
	if e == nil {
		return ""
	}
	return e.Code
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	reply := func(*mesh.Call) (mesh.JSON, error) { return nil, nil }
	tests := map[string]struct {
		setup  func(*mesh.Plugin) error
		config string
		want   string
	}{
		"set-up fails": {func(*mesh.Plugin) error { return errors.New("no tokens") }, `{}`, "no tokens"},
		"twice":        {func(p *mesh.Plugin) error { p.Command("a", reply); p.Command("a", reply); return nil }, `{}`, `command "a" is registered twice`},
		"no name":      {func(p *mesh.Plugin) error { p.Command("", reply); return nil }, `{}`, "a command has no name"},
		"middleware":   {func(p *mesh.Plugin) error { p.Command("a", reply, mesh.Using("m")); return nil }, `{}`, `uses middleware "m"`},
		"hook twice": {func(p *mesh.Plugin) error {
			p.OnConnect(func(*mesh.Call) error { return nil })
			p.OnConnect(func(*mesh.Call) error { return nil })
			return nil
		}, `{}`, `a hook for "connect" is registered twice`},
		"settings": {func(*mesh.Plugin) error { return nil }, `[]`, "the settings are not a JSON object"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := meshtest.Load(test.setup, meshtest.WithConfig(test.config))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestConfigIsThereInSetup(t *testing.T) {
	t.Parallel()
	setup := func(p *mesh.Plugin) error {
		config, err := mesh.Config()
		if err != nil {
			return err
		}
		name, _ := config.Get("name").AsText()
		p.Name(name)
		return nil
	}
	host := meshtest.New(t, setup, meshtest.WithConfig(`{"name":"x1"}`))
	if got := host.Document(); string(got) != `{"name":"x1"}` {
		t.Errorf("got %s", got)
	}
}

// chain registers middleware that tells on itself.
func chain(p *mesh.Plugin) error {
	step := func(name string) func(*mesh.MiddlewareCall) error {
		return func(c *mesh.MiddlewareCall) error {
			seen, _ := c.Locals().Get("seen").AsText()
			c.SetLocals(mesh.Object().Text("seen", seen+name).Bool(name, true).JSON())
			return nil
		}
	}
	p.Order(5)
	p.Middleware("own", step("o"))
	p.Middleware("late", step("l"), mesh.Global(), mesh.Order(9))
	p.Middleware("default", step("d"), mesh.Global())
	p.Middleware("early", step("e"), mesh.Global(), mesh.Order(-1))
	p.Middleware("gate", func(c *mesh.MiddlewareCall) error {
		switch c.Name() {
		case "closed":
			return mesh.Denied("closed")
		case "answered":
			c.Reply(nil)
		case "changed":
			c.SetPayload(mesh.JSON(`"changed"`))
		}
		return nil
	}, mesh.Global(), mesh.Order(10))
	answer := func(c *mesh.Call) (mesh.JSON, error) {
		return mesh.Object().Raw("locals", c.Locals()).Raw("payload", c.Payload()).JSON(), nil
	}
	p.Command("plain", answer)
	p.Command("with", answer, mesh.Using("own"))
	p.Command("changed", answer)
	p.Command("closed", answer)
	p.Command("answered", answer)
	return nil
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	host := meshtest.New(t, chain)
	tests := []struct{ command, want, code string }{
		{"plain", `{"locals":{"d":true,"e":true,"l":true,"seen":"edl"},"payload":1}`, ""},
		{"with", `{"locals":{"d":true,"e":true,"l":true,"o":true,"seen":"edlo"},"payload":1}`, ""},
		{"changed", `{"locals":{"d":true,"e":true,"l":true,"seen":"edl"},"payload":"changed"}`, ""},
		{"closed", ``, mesh.CodeDenied},
		{"answered", `null`, ""},
		{"missing", ``, mesh.CodeNotFound},
	}
	for _, test := range tests {
		reply, err := host.Call("c1", test.command, `1`)
		if string(reply) != test.want || code(t, err) != test.code {
			t.Errorf("%s: got %s, %v", test.command, reply, err)
		}
	}
	if reply, err := host.Pass("c1", "mesh/join-room", `{}`); reply != nil || err != nil {
		t.Errorf("a built-in: got %s, %v", reply, err)
	}
}

func TestRubbishIsAFault(t *testing.T) {
	t.Parallel()
	host := meshtest.New(t, func(p *mesh.Plugin) error {
		p.Command("text", func(*mesh.Call) (mesh.JSON, error) { return mesh.JSON(`oops`), nil })
		p.Command("fine", func(*mesh.Call) (mesh.JSON, error) { return mesh.JSON(`1`), nil }, mesh.Using("locals"))
		p.Middleware("locals", func(c *mesh.MiddlewareCall) error { c.SetLocals(mesh.JSON(`[1]`)); return nil })
		return nil
	})
	for _, command := range []string{"text", "fine"} {
		if reply, err := host.Call("c1", command, `1`); code(t, err) != mesh.CodePlugin {
			t.Errorf("%s: got %s, %v", command, reply, err)
		}
	}
}

func TestWhatIsKeptTooLongIsSpoilt(t *testing.T) {
	t.Parallel()
	var kept mesh.JSON
	host := meshtest.New(t, func(p *mesh.Plugin) error {
		p.Command("keep", func(c *mesh.Call) (mesh.JSON, error) {
			old := kept.String()
			kept = c.Payload()
			return mesh.Text(old), nil
		})
		return nil
	})
	if _, err := host.Call("c1", "keep", `"first"`); err != nil {
		t.Fatal(err)
	}
	if reply, _ := host.Call("c1", "keep", `"second"`); strings.Contains(reply.String(), "first") {
		t.Errorf("the payload outlived its call: %s", reply)
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	host := meshtest.New(t, func(p *mesh.Plugin) error {
		p.OnConnect(func(c *mesh.Call) error {
			_, err := mesh.Broadcast("came", mesh.Text(c.ConnectionID()), c.ConnectionID())
			return err
		})
		p.OnDisconnect(func(d *mesh.Departure) error {
			_, err := mesh.Broadcast("went", mesh.Object().Text("id", d.ConnectionID()).Int("code", int64(d.Code)).Text("reason", d.Reason).Raw("was", d.Metadata()).JSON())
			return err
		})
		p.Command("kick", func(c *mesh.Call) (mesh.JSON, error) {
			id, _ := c.Payload().AsText()
			ok, err := mesh.Disconnect(id, 0, "out")
			return mesh.Bool(ok), err
		})
		p.Command("set", func(c *mesh.Call) (mesh.JSON, error) {
			return mesh.SetConnectionMetadata(c.ConnectionID(), c.Payload().Get("value"), mustText(c.Payload().Get("how")))
		})
		p.Command("get", func(c *mesh.Call) (mesh.JSON, error) {
			metadata, user, err := mesh.ConnectionMetadata(mustText(c.Payload()))
			return mesh.Object().Raw("metadata", metadata).Text("user", user).JSON(), err
		})
		p.Command("send", func(c *mesh.Call) (mesh.JSON, error) {
			n, err := mesh.Send([]string{"c1", "c2", "c9"}, mustText(c.Payload()), nil, "c2")
			return mesh.Int(n), err
		})
		return nil
	})
	for _, c := range []meshtest.Connection{{ID: "c1"}, {ID: "c2", User: "ann", Metadata: mesh.JSON(`{"a":{"x":1},"b":1}`)}} {
		if err := host.Connect(c); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ connection, command, payload, want, code string }{
		{"c1", "get", `"c1"`, `{"metadata":null,"user":""}`, ""},
		{"c1", "get", `"c2"`, `{"metadata":{"a":{"x":1},"b":1},"user":"ann"}`, ""},
		{"c1", "get", `"c9"`, ``, mesh.CodeNotFound},
		{"c2", "set", `{"how":"merge","value":{"a":{"y":2}}}`, `{"a":{"y":2},"b":1}`, ""},
		{"c2", "set", `{"how":"deepMerge","value":{"a":{"z":3},"c":[1]}}`, `{"a":{"y":2,"z":3},"b":1,"c":[1]}`, ""},
		{"c2", "set", `{"how":"merge","value":[1]}`, ``, mesh.CodePayload},
		{"c2", "set", `{"how":"sideways","value":{}}`, ``, mesh.CodePayload},
		{"c2", "set", `{"how":"replace","value":"plain"}`, `"plain"`, ""},
		{"c1", "send", `"news"`, `1`, ""},
		{"c1", "send", `"mesh/news"`, ``, mesh.CodePayload},
		{"c1", "send", `"ping"`, ``, mesh.CodePayload},
		{"c1", "kick", `"c2"`, `true`, ""},
		{"c1", "kick", `"c2"`, `false`, ""},
	}
	for _, test := range tests {
		reply, err := host.Call(test.connection, test.command, test.payload)
		if string(reply) != test.want || code(t, err) != test.code {
			t.Errorf("%s %s: got %s, %v", test.command, test.payload, reply, err)
		}
	}
	if err := host.Disconnect("c9", 1006, ""); err != nil {
		t.Error(err)
	}
	wantPushes(t, host.Pushes("c1"), `came "c2"`, `news null`, `went {"id":"c2","code":4003,"reason":"out","was":"plain"}`,
		`went {"id":"c9","code":1006,"reason":"","was":null}`)
	if closed := host.Closed(); len(closed) != 1 || closed[0] != (meshtest.Closure{ConnectionID: "c2", Code: mesh.CloseKicked, Reason: "out"}) {
		t.Errorf("closed are %+v", closed)
	}
}

func mustText(j mesh.JSON) string {
	s, _ := j.AsText()
	return s
}

func wantPushes(t *testing.T, got []meshtest.Push, want ...string) {
	t.Helper()
	text := make([]string, len(got))
	for i, p := range got {
		text[i] = p.Command + " " + p.Payload.String()
	}
	if strings.Join(text, "\n") != strings.Join(want, "\n") {
		t.Errorf("pushes are\n%s\nwant\n%s", strings.Join(text, "\n"), strings.Join(want, "\n"))
	}
}

func TestHooksGuardsAndSchedules(t *testing.T) {
	t.Parallel()
	host := meshtest.New(t, func(p *mesh.Plugin) error {
		p.Guard("members", func(c *mesh.GuardCall) error {
			if c.Topic() == mesh.TopicChannel && c.Action() == mesh.ActionHistory && c.Name() == "open" || c.User() != "" {
				return nil
			}
			return mesh.Denied("members only")
		})
		p.Every("1m", "tick", func(c *mesh.Call) error {
			mesh.Log(mesh.Warn, "it is "+c.Name())
			return nil
		})
		p.Cron("0 0 * * *", "fail", func(*mesh.Call) error { return errors.New("broken") })
		p.Authenticate(func(h *mesh.Handshake) (*mesh.Identity, error) {
			switch h.Header("Authorization") {
			case "":
				return nil, nil
			case "good":
				return &mesh.Identity{User: "ann", Metadata: mesh.JSON(`{"a":1}`)}, nil
			case "broken":
				return nil, errors.New("no database")
			}
			return nil, mesh.Refuse(403, "bad")
		})
		return nil
	})
	open := meshtest.Access{Topic: mesh.TopicChannel, Action: mesh.ActionHistory, Name: "open"}
	if err := host.Guard("members", "c1", open); err != nil {
		t.Error(err)
	}
	for _, access := range []meshtest.Access{
		{Topic: mesh.TopicChannel, Action: mesh.ActionPublish, Name: "open"},
		{Topic: mesh.TopicRoom, Action: mesh.ActionHistory, Name: "open"},
		{Topic: mesh.TopicChannel, Action: mesh.ActionHistory, Name: "x"},
	} {
		if err := host.Guard("members", "c1", access); code(t, err) != mesh.CodeDenied {
			t.Errorf("%+v: got %v", access, err)
		}
	}
	if err := host.Guard("missing", "c1", open); err == nil {
		t.Error("a guard that is not there allows")
	}
	if err := host.Run("tick"); err != nil {
		t.Error(err)
	}
	if logs := host.Logs(); len(logs) != 1 || logs[0] != (meshtest.Line{Level: "warn", Message: "it is tick"}) {
		t.Errorf("logs are %+v", logs)
	}
	if err := host.Run("fail"); code(t, err) != mesh.CodeServer || err.Error() != "broken" {
		t.Errorf("got %v", err)
	}
	checkAuthenticate(t, host)
}

func checkAuthenticate(t *testing.T, host *meshtest.Host) {
	t.Helper()
	for header, want := range map[string]int{"": 0, "good": 0, "broken": 401, "x": 403} {
		h := mesh.Handshake{Method: "GET", Path: "/"}
		if header != "" {
			h.Headers = []string{"authorization", header}
		}
		identity, err := host.Authenticate(h)
		var e *mesh.Error
		if errors.As(err, &e) != (want != 0) || e != nil && e.HTTP != want {
			t.Errorf("%q: got %v, want %d", header, err, want)
		}
		if header == "good" && (identity == nil || identity.User != "ann" || string(identity.Metadata) != `{"a":1}`) || header == "" && identity != nil {
			t.Errorf("%q: got %+v", header, identity)
		}
	}
}

// newStore runs exercise on a host of its own.
func newStore(t *testing.T) (host *meshtest.Host, run func(payload string) string) {
	t.Helper()
	var outcome string
	host = meshtest.New(t, func(p *mesh.Plugin) error {
		p.Command("x", func(c *mesh.Call) (mesh.JSON, error) {
			outcome = exercise(c.Payload())
			return nil, nil
		})
		return nil
	})
	return host, func(payload string) string {
		if _, err := host.Call("c1", "x", payload); err != nil {
			t.Error(err)
		}
		return outcome
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	host, run := newStore(t)
	for _, step := range []struct{ payload, want string }{
		{`["get","k"]`, ` <nil>`},
		{`["set","k","1",60000]`, `<nil>`},
		{`["get","k"]`, `1 <nil>`},
		{`["increment","k"]`, `6 <nil>`},
		{`["increment","fresh"]`, `5 <nil>`},
		{`["set","t","\"x\"",0]`, `<nil>`},
		{`["increment","t"]`, `0 ` + mesh.CodeConflict},
		{`["cas","t","\"y\"","2"]`, `false "x" <nil>`},
		{`["cas","t","\"x\"","2"]`, `true  <nil>`},
		{`["cas","new","","3"]`, `true  <nil>`},
		{`["cas","new","",""]`, `false 3 <nil>`},
		{`["cas","new","3",""]`, `true  <nil>`},
		{`["delete","new"]`, `false <nil>`},
		{`["delete","t"]`, `true <nil>`},
		{`["set","","1",0]`, mesh.CodePayload},
		{`["set","k","rubbish",0]`, mesh.CodePayload},
	} {
		if got := run(step.payload); got != step.want {
			t.Errorf("%s: got %q, want %q", step.payload, got, step.want)
		}
	}
	host.SetKV("k", `9223372036854775807`)
	if got, want := run(`["increment","k"]`), `0 `+mesh.CodeConflict; got != want {
		t.Errorf("over 64 bits: got %q, want %q", got, want)
	}
	if v := host.KV("k"); string(v) != `9223372036854775807` {
		t.Errorf("k is %s", v)
	}
}

func TestStoreForgets(t *testing.T) {
	t.Parallel()
	host, run := newStore(t)
	run(`["set","k","1",1]`)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); host.KV("k") != nil; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the key is still there")
		}
	}
	if got := run(`["increment","k"]`); got != `5 <nil>` {
		t.Errorf("got %q", got)
	}
}

// exercise does to the store what a list says, and says what came of it.
func exercise(list mesh.JSON) string {
	var args []mesh.JSON
	for item := range list.Items() {
		args = append(args, item)
	}
	text := func(i int) string { return mustText(args[i]) }
	value := func(i int) mesh.JSON {
		if text(i) == "" {
			return nil
		}
		return mesh.JSON(text(i))
	}
	outcome := func(err error) string {
		var e *mesh.Error
		if errors.As(err, &e) {
			return e.Code
		}
		return "<nil>"
	}
	key := text(1)
	switch text(0) {
	case "get":
		v, err := mesh.KV.Get(key)
		return v.String() + " " + outcome(err)
	case "set":
		ttl, _ := args[3].AsInt()
		return outcome(mesh.KV.Set(key, value(2), mesh.Duration(ttl)*mesh.Millisecond))
	case "increment":
		n, err := mesh.KV.Increment(key, 5, 0)
		return mesh.Int(n).String() + " " + outcome(err)
	case "cas":
		ok, current, err := mesh.KV.CompareAndSet(key, value(2), value(3), 0)
		return mesh.Bool(ok).String() + " " + current.String() + " " + outcome(err)
	}
	ok, err := mesh.KV.Delete(key)
	return mesh.Bool(ok).String() + " " + outcome(err)
}
