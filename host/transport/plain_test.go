package transport_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	get := "GET /page?x=1 HTTP/1.1\r\nHost: x\r\n"
	for name, test := range map[string]struct {
		request string
		status  int
		body    string
	}{
		"GET":                          {get + "\r\n", 200, "plain GET /page?x=1"},
		"HTTP/1.0":                     {"GET /page HTTP/1.0\r\n\r\n", 200, "plain GET /page"},
		"HTTP/1.0 keep-alive":          {"GET /page HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "plain GET /page"},
		"keep-alive":                   {get + "Connection: keep-alive\r\n\r\n", 200, "plain GET /page?x=1"},
		"two in a row":                 {get + "\r\n" + get + "\r\n", 200, "plain GET /page?x=1"},
		"a handshake in a row":         {get + "\r\n" + transporttest.Request("/"), 200, "plain GET /page?x=1"},
		"POST":                         {"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 200, "plain POST /page"},
		"upgrade in another value":     {get + "X-A: Upgrade: websocket\r\n\r\n", 200, "plain GET /page?x=1"},
		"upgrade in the target":        {"GET /upgrade:websocket HTTP/1.1\r\nHost: x\r\n\r\n", 200, "plain GET /upgrade:websocket"},
		"upgrade in another name":      {get + "X-Upgrade: websocket\r\n\r\n", 200, "plain GET /page?x=1"},
		"upgrade in a folded line":     {get + "X-A: 1\r\n Upgrade: websocket\r\n\r\n", 200, "plain GET /page?x=1"},
		"upgrade to something else":    {get + "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 200, "plain GET /page?x=1"},
		"only the word upgrade":        {get + "Connection: Upgrade\r\n\r\n", 200, "plain GET /page?x=1"},
		"two hosts":                    {get + "Host: y\r\n\r\n", 400, "400 Bad Request"},
		"no host":                      {"GET / HTTP/1.1\r\n\r\n", 400, "400 Bad Request"},
		"space before the colon":       {get + "Upgrade : websocket\r\n\r\n", 400, "400 Bad Request"},
		"NUL in a value":               {get + "X-A: \x00\r\n\r\n", 400, "400 Bad Request"},
		"nonsense":                     {"NONSENSE\r\n\r\n", 400, "400 Bad Request"},
		"HTTP/2 with prior knowledge":  {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 200, "plain PRI *"}, // net/http leaves it to the handler
		"a version that is not known":  {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505, "505 HTTP Version Not Supported"},
		"a method of the client's own": {"MAKE /it HTTP/1.1\r\nHost: x\r\n\r\n", 200, "plain MAKE /it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			r := transporttest.Connect(t, s.address).Refused(test.request)
			if r.Status != test.status || !r.Close || !strings.HasPrefix(r.Body, test.body) {
				t.Errorf("got %+v", r)
			}
			if n := s.Metrics().Refused; n != 0 {
				t.Errorf("%d refusals were counted", n)
			}
		})
	}
}

// A request with a body reaches the handler whole, in whatever pieces it
// comes.
func TestPlainHTTPWithBody(t *testing.T) {
	t.Parallel()
	s := serve(t, func(u *setup) {
		u.plain = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			_, _ = fmt.Fprint(w, n, err)
		})
	})
	for _, size := range []int{1, 997, 1 << 20} {
		c := transporttest.Connect(t, s.address)
		c.Chop(fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n%s", strings.Repeat("x", 20_000)), size)
		if r := c.Refused(""); r.Body != "20000 <nil>" {
			t.Errorf("in pieces of %d: %+v", size, r)
		}
	}
}

// An ordinary HTTP client finds its way, connection after connection.
func TestPlainHTTPClient(t *testing.T) {
	t.Parallel()
	s := serve(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: time.Minute}
	for range 3 {
		r, err := c.Get("http://" + s.address + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if string(body) != "plain GET /healthz" {
			t.Errorf("%s %s", r.Status, body)
		}
	}
}

// Those who take long for plain HTTP are no more at a time than may be, and each who
// goes makes room for another.
func TestPlainHTTPIsBounded(t *testing.T) {
	t.Parallel()
	var begun, release chan struct{}
	inBubble(t, func(b bubble) {
		b.s.LimitPlain(2)
		get := func() *transporttest.Client {
			c := b.s.pipes.Connect(b)
			c.WriteString("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			return c
		}
		for range 2 {
			slow := []*transporttest.Client{get(), get()}
			<-begun
			<-begun
			get().ExpectEOF()
			release <- struct{}{}
			release <- struct{}{}
			for _, c := range slow {
				if r := c.ReadResponse(); r.Body != "served" {
					b.Errorf("got %+v", r)
				}
			}
			pass(time.Second) // net/http lets a client read the answer before it closes
		}
		b.c.Alive()
	}, func(u *setup) {
		begun, release = make(chan struct{}), make(chan struct{})
		u.plain = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			begun <- struct{}{}
			<-release
			_, _ = io.WriteString(w, "served")
		})
	})
}
