package transport_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// without is a request less the lines that start with a name.
func without(name string) string {
	lines := strings.SplitAfter(transporttest.Request("/"), "\r\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+":") }), "")
}

// swapped is a request with another line in place of the one with that name.
func swapped(name, line string) string {
	return strings.TrimSuffix(without(name), "\r\n") + line + "\r\n\r\n"
}

func TestHandshakeRefusals(t *testing.T) {
	t.Parallel()
	get := "GET / HTTP/1.1"
	upgrade := transporttest.Request
	for name, test := range map[string]struct {
		request string
		status  int
		header  string // "Name: value" that must be there
	}{
		"method POST":             {strings.Replace(upgrade("/"), "GET", "POST", 1), 405, "Allow: GET"},
		"method get":              {strings.Replace(upgrade("/"), "GET", "get", 1), 405, "Allow: GET"},
		"HTTP/1.0":                {strings.Replace(upgrade("/"), "HTTP/1.1", "HTTP/1.0", 1), 505, ""},
		"HTTP/2.0":                {strings.Replace(upgrade("/"), "HTTP/1.1", "HTTP/2.0", 1), 505, ""},
		"not HTTP":                {strings.Replace(upgrade("/"), "HTTP/1.1", "GOPHER", 1), 400, ""},
		"no version in the line":  {strings.Replace(upgrade("/"), " HTTP/1.1", "", 1), 400, ""},
		"two spaces":              {strings.Replace(upgrade("/"), "GET /", "GET  /", 1), 400, ""},
		"target is no path":       {upgrade("chat"), 400, ""},
		"target is an authority":  {upgrade("example.com:443"), 400, ""},
		"target is *":             {upgrade("*"), 400, ""},
		"no target":               {upgrade(""), 400, ""},
		"no authority":            {upgrade("http://"), 400, ""},
		"a broken escape":         {upgrade("/%zz"), 400, ""},
		"only a query":            {upgrade("?x=1"), 400, ""},
		"version 8":               {swapped("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 426, "Sec-Websocket-Version: 13"},
		"version 14":              {swapped("Sec-WebSocket-Version", "Sec-WebSocket-Version: 14"), 426, "Sec-Websocket-Version: 13"},
		"no version":              {without("Sec-WebSocket-Version"), 400, ""},
		"no key":                  {without("Sec-WebSocket-Key"), 400, ""},
		"empty key":               {swapped("Sec-WebSocket-Key", "Sec-WebSocket-Key:"), 400, ""},
		"short key":               {swapped("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ="), 400, ""},
		"key of 17 bytes":         {swapped("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE="), 400, ""},
		"key is no base64":        {swapped("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!!=="), 400, ""},
		"no host":                 {without("Host"), 400, ""},
		"no connection header":    {without("Connection"), 400, ""},
		"connection keep-alive":   {swapped("Connection", "Connection: keep-alive"), 400, ""},
		"upgrade to websocket2":   {swapped("Upgrade", "Upgrade: websocket2"), 400, ""},
		"two hosts":               {upgrade("/", "Host: other.example.com"), 400, ""},
		"two hosts, the same":     {upgrade("/", "HOST: server.example.com"), 400, ""},
		"two keys":                {upgrade("/", "sec-websocket-key: "+transporttest.Key), 400, ""},
		"two versions":            {upgrade("/", "Sec-WebSocket-Version: 13"), 400, ""},
		"two upgrades":            {upgrade("/", "Upgrade: websocket"), 400, ""},
		"two origins":             {upgrade("/", "Origin: http://a", "Origin: http://b"), 400, ""},
		"folded line":             {upgrade("/", "X-A: 1", " 2"), 400, ""},
		"folded line, tab":        {upgrade("/", "X-A: 1", "\tOrigin: http://a"), 400, ""},
		"NUL in a value":          {upgrade("/", "X-A: a\x00b"), 400, ""},
		"NUL in a name":           {upgrade("/", "X-\x00A: b"), 400, ""},
		"NUL in the target":       {upgrade("/\x00"), 400, ""},
		"DEL in a value":          {upgrade("/", "X-A: a\x7fb"), 400, ""},
		"bare LF in a value":      {upgrade("/", "X-A: 1\nX-B: 2"), 400, ""},
		"bare CR in a value":      {upgrade("/", "X-A: 1\rX-B: 2"), 400, ""},
		"bare LF after the line":  {strings.Replace(upgrade("/"), "\r\n", "\n", 1), 400, ""},
		"head ends at a bare LF":  {upgrade("/", "X-A: 1\n\nEARLY"), 400, ""},
		"space before a colon":    {upgrade("/", "X-A : 1"), 400, ""},
		"space in a name":         {upgrade("/", "X A: 1"), 400, ""},
		"no colon":                {upgrade("/", "X-A"), 400, ""},
		"empty name":              {upgrade("/", ": 1"), 400, ""},
		"name with a bracket":     {upgrade("/", "X(A): 1"), 400, ""},
		"a frame too early":       {upgrade("/") + string(bytesOf(text("{}"))), 400, ""},
		"a byte too early":        {upgrade("/") + "\r", 400, ""},
		"head too large":          {upgrade("/", "X-A: "+strings.Repeat("a", 17<<10)), 431, ""},
		"head one byte too large": {sized(16<<10 + 1), 431, ""},
		"endless head":            {get + "\r\n" + strings.Repeat("X-A: b\r\n", 4<<10), 431, ""},
		"only mesh.v2":            {upgrade("/", "Sec-WebSocket-Protocol: mesh.v2"), 400, ""},
		"mesh.v2 and mesh.v3":     {upgrade("/", "Sec-WebSocket-Protocol: mesh.v2, ,mesh.v3"), 400, ""},
		"the same in two headers": {upgrade("/", "Sec-WebSocket-Protocol: mesh.v2", "sec-websocket-protocol: mesh.v3"), 400, ""},
		"TLS client hello":        {"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + strings.Repeat("\x5a", 200), 400, ""},
		"garbage":                 {strings.Repeat("\x00\xff\r\n", 100), 400, ""},
		"empty lines":             {"\r\n\r\n", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			r := transporttest.Connect(t, s.address).Refused(test.request)
			if r.Status != test.status || !r.Close || r.Body == "" {
				t.Errorf("got %+v; want status %d, and close", r, test.status)
			}
			if key, value, _ := strings.Cut(test.header, ": "); key != "" && r.Header.Get(key) != value {
				t.Errorf("header %s is %q, want %q", key, r.Header.Get(key), value)
			}
			if n := s.Metrics().Refused; n != 1 {
				t.Errorf("%d refusals were counted", n)
			}
		})
	}
}

// sized is an upgrade request of so many bytes.
func sized(size int) string {
	return transporttest.Request("/", "X-A: "+strings.Repeat("a", size-len(transporttest.Request("/", "X-A: "))))
}

func TestHandshakesThatSucceed(t *testing.T) {
	t.Parallel()
	upgrade := transporttest.Request
	for name, request := range map[string]string{
		"as in RFC 6455":         upgrade("/"),
		"path and query":         upgrade("/any/path?and=query&x=%20"),
		"empty query":            upgrade("/?"),
		"absolute, no path":      upgrade("wss://server.example.com"),
		"absolute, only a query": upgrade("http://server.example.com?x=1"),
		"UTF-8 in the path":      upgrade("/käse"),
		"absolute target":        upgrade("http://server.example.com/chat?x=1"),
		"HTTP/1.2":               strings.Replace(upgrade("/"), "HTTP/1.1", "HTTP/1.2", 1),
		"names in lower case":    lowerNames(upgrade("/")),
		"no space after colons":  strings.ReplaceAll(upgrade("/"), ": ", ":"),
		"tabs around values":     strings.ReplaceAll(upgrade("/"), ": ", ":\t "),
		"Upgrade in upper case":  swapped("Upgrade", "Upgrade: WebSocket"),
		"several options":        swapped("Connection", "Connection: keep-alive, Upgrade"),
		"compression is offered": upgrade("/", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
		"empty host":             swapped("Host", "Host:"),
		"empty protocol":         upgrade("/", "Sec-WebSocket-Protocol:"),
		"the largest head":       sized(16 << 10),
		"many headers":           upgrade("/", strings.TrimSuffix(strings.Repeat("X-A: b\r\n", 1000), "\r\n")),
	} {
		for way, size := range map[string]int{"at once": 1 << 20, "byte-wise": 1} {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				s := serve(t)
				c := transporttest.Connect(t, s.address)
				c.Chop([]byte(request), size)
				r := c.ReadResponse()
				if r.Status != http.StatusSwitchingProtocols || r.Header.Get("Sec-Websocket-Extensions") != "" || len(r.Header["Sec-Websocket-Protocol"]) > 0 {
					t.Fatalf("got %+v", r)
				}
				c.Text(said("hello"))
				c.ExpectText(said("hello"))
				c.Hangup()
				s.expectGone(t, 1000)
			})
		}
	}
}

func lowerNames(request string) string {
	lines := strings.Split(request, "\r\n")
	for i, line := range lines[1:] {
		if name, value, ok := strings.Cut(line, ":"); ok {
			lines[i+1] = strings.ToLower(name) + ":" + value
		}
	}
	return strings.Join(lines, "\r\n")
}

func TestHandshakeTimeout(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{
		"nothing": "", "half a head": "GET / HTTP/1.1\r\nHost: x\r\n", "lines that end with LF": "GET / HTTP/1.1\nHost: x\n\n",
		"upgrade lines that end with LF": strings.ReplaceAll(transporttest.Request("/"), "\r\n", "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				pipes := transporttest.NewPipes()
				s := serve(t, func(u *setup) { u.listener, u.HandshakeTimeout = pipes, 5*time.Second })
				start := time.Now()
				c := pipes.Connect(t)
				if sent != "" {
					c.WriteString(sent)
				}
				c.ExpectEOF()
				if took := time.Since(start); took != 5*time.Second {
					t.Errorf("it took %v", took)
				}
				if n := s.Metrics().Refused; n != 1 {
					t.Errorf("%d refusals were counted", n)
				}
			})
		})
	}
}

func TestOriginIsAskedFor(t *testing.T) {
	t.Parallel()
	s := serve(t, func(u *setup) {
		u.AllowOrigin = func(origin, host string) bool {
			return origin == "https://app.example.com" && host == "server.example.com"
		}
	})
	s.dial(t, "Origin: https://app.example.com").Hangup()
	s.dial(t).Hangup() // no browser
	for _, origin := range []string{"https://evil.example.com", "null", "https://app.example.com.evil.example.com"} {
		r := transporttest.Connect(t, s.address).Refused(transporttest.Request("/", "Origin: "+origin))
		if r.Status != http.StatusForbidden || !strings.Contains(r.Body, origin) {
			t.Errorf("origin %s: %+v", origin, r)
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	s := serve(t, func(u *setup) { u.limits.Connections = 2 })
	first := s.dial(t)
	s.dial(t)
	if r := transporttest.Connect(t, s.address).Refused(transporttest.Request("/")); r.Status != http.StatusServiceUnavailable || r.Body == "" {
		t.Errorf("got %+v", r)
	}
	first.Hangup()
	s.expectGone(t, 1000)
	s.dial(t).Hangup()
	s.hub.CloseAll(hub.Cause{Code: 1001})
	if r := transporttest.Connect(t, s.address).Refused(transporttest.Request("/")); r.Status != http.StatusServiceUnavailable {
		t.Errorf("a draining hub: %+v", r)
	}
}

func TestSubprotocols(t *testing.T) {
	t.Parallel()
	both := func(u *setup) { u.AssignID = []string{"mesh", "rt"} }
	for name, test := range map[string]struct {
		fields []string
		chosen string
		frames []string // the prefixes of the assign-id frames
		assign []string
	}{
		"none":                  {nil, "", []string{"mesh", "rt"}, []string{"mesh", "rt"}},
		"none, nothing to say":  {nil, "", nil, []string{}},
		"none, rt only":         {nil, "", []string{"rt"}, []string{"rt"}},
		"mesh.v1":               {[]string{"Sec-WebSocket-Protocol: mesh.v1"}, "mesh.v1", []string{"mesh"}, []string{"mesh", "rt"}},
		"mesh.v1, no ids":       {[]string{"Sec-WebSocket-Protocol: mesh.v1"}, "mesh.v1", []string{"mesh"}, nil},
		"mesh.v2, mesh.v1":      {[]string{"Sec-WebSocket-Protocol: mesh.v2 ,\tmesh.v1"}, "mesh.v1", []string{"mesh"}, nil},
		"in two headers":        {[]string{"Sec-WebSocket-Protocol: mesh.v2, chat", "Sec-WebSocket-Protocol: mesh.v1"}, "mesh.v1", []string{"mesh"}, nil},
		"others":                {[]string{"Sec-WebSocket-Protocol: chat, superchat"}, "", []string{"mesh"}, []string{"mesh"}},
		"mesh.v2 and another":   {[]string{"Sec-WebSocket-Protocol: mesh.v2, chat"}, "", []string{"mesh"}, []string{"mesh"}},
		"not quite mesh.v1":     {[]string{"Sec-WebSocket-Protocol: MESH.V1"}, "", []string{"mesh"}, []string{"mesh"}},
		"mesh.v1 and a comma":   {[]string{"Sec-WebSocket-Protocol: ,mesh.v1,"}, "mesh.v1", []string{"mesh"}, nil},
		"mesh.v1 in the middle": {[]string{"Sec-WebSocket-Protocol: a, mesh.v1, b"}, "mesh.v1", []string{"mesh"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, both, func(u *setup) { u.AssignID = test.assign })
			c := transporttest.Connect(t, s.address)
			r := c.Upgrade(test.fields...)
			if got := r.Header.Get("Sec-Websocket-Protocol"); got != test.chosen {
				t.Errorf("chose %q, want %q", got, test.chosen)
			}
			session := s.guest(t)
			if session.Subprotocol() != test.chosen {
				t.Errorf("the session has %q", session.Subprotocol())
			}
			for _, prefix := range test.frames {
				c.ExpectText(`{"command":"` + prefix + `/assign-id","payload":"` + session.ID() + `"}`)
			}
			c.Alive() // nothing else comes
		})
	}
}

// pusher pushes to every session from its first moment on.
type pusher struct {
	*guests
	frame []byte
}

func (p pusher) Connected(ctx context.Context, s *hub.Session) {
	s.Push(p.frame)
	p.guests.Connected(ctx, s)
}

// What is pushed from the registration on comes after the response and the
// assign-id frame, never before.
func TestPushesWaitForTheHandshake(t *testing.T) {
	t.Parallel()
	hello := protocol.AppendPush(nil, "hello", []byte("1"))
	s := serve(t, func(u *setup) {
		u.AssignID = []string{"mesh"}
		u.limits.Outbox = 64 << 20
		u.entries.Observers = []command.Observer{pusher{u.entries.Observers[0].(*guests), hello}}
	})
	ctx, stop := context.WithCancel(context.Background())
	pushed := make(chan struct{})
	go func() {
		defer close(pushed)
		for ctx.Err() == nil {
			s.hub.Each(func(session *hub.Session) { session.Push(hello) })
		}
	}()
	for range 100 {
		c := transporttest.Connect(t, s.address)
		c.Upgrade()
		if f := c.Read(); !strings.HasPrefix(f.Payload, `{"command":"mesh/assign-id"`) {
			t.Fatalf("the first frame is %q", f.Payload)
		}
		c.ExpectText(`{"command":"hello","payload":1}`)
		_ = c.Close()
		s.guest(t)
	}
	stop()
	<-pushed
}
