package outbound_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/outbound"
	"github.com/mesh-host/mesh-host/host/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plugin asks through the operation, as a guest does.
type plugin struct {
	fetch   operation.Operation
	origins *capability.Origins
	denied  *[]string // what the host was told of
}

func newPlugin(t *testing.T, o *capability.Origins, p outbound.Policy) plugin {
	t.Helper()
	if p.Timeout == 0 {
		p.Timeout = 20 * time.Second
	}
	if p.Size == 0 {
		p.Size = 64 << 10
	}
	denied := new([]string)
	c := outbound.New(func(string) outbound.Policy { return p }, func(c operation.Caller, reason error) {
		*denied = append(*denied, c.Plugin+": "+reason.Error())
	})
	t.Cleanup(c.Close)
	table := make(operation.Table)
	c.Define(table)
	return plugin{table[abi.OpHTTPFetch], o, denied}
}

func (p plugin) ask(ctx context.Context, q abi.HTTPFetchRequest) (a abi.HTTPFetchResponse, err error) {
	answer, err := p.fetch.Flat(ctx, operation.Caller{Plugin: "shop", Origins: p.origins}, q.Append(nil), nil)
	if err != nil {
		return a, err
	}
	return a, a.Decode(answer)
}

// refused checks that a request fails with a code and a message with a part.
func (p plugin) refused(t *testing.T, q abi.HTTPFetchRequest, code, part string) {
	t.Helper()
	a, err := p.ask(t.Context(), q)
	var e *protocol.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, part) {
		t.Errorf("%.100s gives %d and %v, not %s with %q", q.URL, a.Status, err, code, part)
	}
}

func origins(t *testing.T, texts ...string) *capability.Origins {
	t.Helper()
	var all []capability.Origin
	for _, text := range texts {
		o, err := capability.ParseOrigin(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		all = append(all, o)
	}
	return capability.NewOrigins(all)
}

// loopback is where the test's own servers are, which no plugin reaches unless
// its operator says so.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestFetch(t *testing.T) {
	t.Parallel()
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("X-Key")+" "+r.UserAgent())
		w.Header().Add("Two", "1")
		w.Header().Add("Two", "\xff")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(append(body, 0xFF, 0))
	})
	p := newPlugin(t, origins(t, at), outbound.Policy{})
	a, err := p.ask(t.Context(), abi.HTTPFetchRequest{
		URL: at + "/a?b=c", Method: "PUT", Headers: []string{"x-key", "k"}, Body: []byte("\x00body"), Timeout: 10_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != 418 || string(a.Body) != "\x00body\xff\x00" {
		t.Errorf("answered %d %q", a.Status, a.Body)
	}
	for _, pair := range [][]string{{"x-seen", "PUT /a?b=c k mesh-host"}, {"two", "1", "two", "\uFFFD"}} {
		if !strings.Contains(strings.Join(a.Headers, "\n"), strings.Join(pair, "\n")) {
			t.Errorf("headers %q are without %q", a.Headers, pair)
		}
	}
	if a, err = p.ask(t.Context(), abi.HTTPFetchRequest{URL: at}); err != nil || !slices.Contains(a.Headers, "GET /  mesh-host") {
		t.Errorf("the simplest request: %v, %q", err, a.Headers)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	p := newPlugin(t, origins(t, "https://a.example"), outbound.Policy{})
	for _, u := range []string{
		"", "x", "/path", "ftp://a", "file:///etc/passwd", "http://", "http://:80", "http://u:p@a", "http://a:0", "http://a:70000", "http://a:",
		"http://b\u00fccher.example", "http://a b", "http://[::1", "http://[fe80::1%25eth0]", "javascript:alert(1)", "http://a\r\nX: y",
		"http://a/" + strings.Repeat("x", 9000),
	} {
		p.refused(t, abi.HTTPFetchRequest{URL: u}, abi.CodePayload, "url")
	}
	const fine = "http://a.example"
	for _, bad := range []abi.HTTPFetchRequest{
		{Method: "get"}, {Method: "CONNECT"}, {Method: "TRACE"}, {Method: "GET / HTTP/1.1\r\n"},
		{Headers: []string{"one"}}, {Headers: []string{"a b", "c"}}, {Headers: []string{"a", "b\r\nc: d"}}, {Headers: []string{"", ""}},
		{Headers: []string{"host", "b"}}, {Headers: []string{"Transfer-Encoding", "chunked"}}, {Headers: []string{"content-length", "5"}},
		{Headers: []string{"accept-encoding", "gzip"}}, {Headers: make([]string, 130)}, {Headers: []string{"a", strings.Repeat("x", 20<<10)}},
		{Timeout: -1},
	} {
		bad.URL = fine
		p.refused(t, bad, abi.CodePayload, "http.fetch: ")
	}
	p.refused(t, abi.HTTPFetchRequest{URL: fine, Body: make([]byte, 65<<10)}, abi.CodeTooLarge, "http_size")
}

// Only the origins that the operator has named are asked.
func TestOrigins(t *testing.T) {
	t.Parallel()
	p := newPlugin(t, origins(t, "https://a.example"), outbound.Policy{})
	for _, other := range []string{"https://b.example/secret", "http://a.example", "https://a.example:8443", "https://a.example.b.example"} {
		p.refused(t, abi.HTTPFetchRequest{URL: other}, abi.CodeDenied, "is not among plugins.shop.http")
	}
	newPlugin(t, nil, outbound.Policy{}).refused(t, abi.HTTPFetchRequest{URL: "https://a.example"}, abi.CodeDenied, "plugins.shop.http")
}

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for want, list := range map[bool]string{
		true: "1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.167.0.1 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808",
		false: "127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 100.127.255.255 168.63.129.16 " +
			"192.0.0.8 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 " +
			":: ::1 fe80::1 fe80::1%eth0 fd00::1 fc00::1 ff02::1 fec0::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1 " +
			"64:ff9b:1::1 2002:7f00:1:: 2001::1 2001:db8::1 100::1 3fff::1 5f00::1",
	} {
		for text := range strings.FieldsSeq(list) {
			if outbound.IsPublic(netip.MustParseAddr(text)) != want {
				t.Errorf("%s is public: %t", text, !want)
			}
		}
	}
}

// A name that leads to an address that is not the internet's is refused, unless
// the operator has named the network.
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	at := serve(t, func(http.ResponseWriter, *http.Request) {})
	port := at[strings.LastIndex(at, ":"):]
	for _, name := range []string{"localhost", "LOCALHOST", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1"} {
		u := "http://" + name + port
		_, err := newPlugin(t, origins(t, u), outbound.Policy{}).ask(t.Context(), abi.HTTPFetchRequest{URL: u, Timeout: 5000})
		var e *protocol.Error
		known := errors.As(err, &e) && (e.Code == abi.CodeDenied && strings.Contains(e.Message, "plugins.shop.http_networks") ||
			e.Code == abi.CodeUnavailable && strings.Contains(e.Message, "name is not known")) // a spelling that no resolver takes
		if !known {
			t.Errorf("%s gives %v", u, err)
		}
	}
	for _, c := range []struct {
		origins  *capability.Origins
		networks []netip.Prefix
		url      string
		ok       bool
	}{
		{origins(t, "http://localhost"+port), loopback, "http://localhost" + port, true},
		{origins(t, "http://localhost"+port), nil, "http://localhost" + port, false},
		{origins(t, "http://localhost"+port), []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "http://localhost" + port, false},
		{origins(t, at), nil, at, true}, // the address itself is named
		{origins(t, at, "http://localhost"+port), nil, "http://localhost" + port, false},
		{origins(t, "http://localhost"+port), loopback, at, false},
	} {
		if _, err := newPlugin(t, c.origins, outbound.Policy{Networks: c.networks}).ask(t.Context(), abi.HTTPFetchRequest{URL: c.url}); (err == nil) != c.ok {
			t.Errorf("%s with %v: %v", c.url, c.origins.List(), err)
		}
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var seen http.Header
	other := serve(t, func(w http.ResponseWriter, r *http.Request) { seen = r.Header; _, _ = io.WriteString(w, r.Method) })
	secret := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/allowed":
			http.Redirect(w, r, other, http.StatusTemporaryRedirect)
		default:
			w.Header().Set("Location", r.URL.Query().Get("to"))
			w.WriteHeader(http.StatusFound)
		}
	})
	p := newPlugin(t, origins(t, at, other), outbound.Policy{})
	a, err := p.ask(t.Context(), abi.HTTPFetchRequest{
		URL: at + "/allowed", Method: "POST", Body: []byte("b"), Headers: []string{"X-Api-Key", "k", "Authorization", "a", "Cookie", "c", "Accept", "text/plain"},
	})
	if err != nil || string(a.Body) != "POST" {
		t.Fatalf("%q, %v", a.Body, err)
	}
	if seen.Get("X-Api-Key")+seen.Get("Authorization")+seen.Get("Cookie") != "" || seen.Get("Accept") != "text/plain" {
		t.Errorf("another origin is sent %v", seen)
	}
	p.refused(t, abi.HTTPFetchRequest{URL: at + "/loop"}, abi.CodeUnavailable, "redirects")
	for _, to := range []string{secret, "http://169.254.169.254/latest/meta-data", "http://localhost:1", "//127.0.0.1:1", "file:///etc/passwd", "gopher://x", "http://u:p@" + other[7:]} {
		a, err := p.ask(t.Context(), abi.HTTPFetchRequest{URL: at + "/?to=" + url.QueryEscape(to)})
		var e *protocol.Error
		if !errors.As(err, &e) || e.Code != abi.CodeDenied && e.Code != abi.CodePayload {
			t.Errorf("a redirect to %s gives %d, %v", to, a.Status, err)
		}
	}
	// To a place that is allowed by its name, which leads elsewhere.
	port := secret[strings.LastIndex(secret, ":"):]
	named := newPlugin(t, origins(t, at, "http://localhost"+port), outbound.Policy{})
	named.refused(t, abi.HTTPFetchRequest{URL: at + "/?to=http://localhost" + port}, abi.CodeDenied, "http_networks")
}

func TestBounds(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		case "/drip":
			for range 10_000 {
				if _, err := io.WriteString(w, "x"); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		case "/declared":
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(make([]byte, 1_000_000))
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 10<<20))
			_ = z.Close()
		case "/heads":
			w.Header().Set("X", strings.Repeat("x", 200<<10))
		case "/cut":
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "x")
			panic(http.ErrAbortHandler)
		case "/exact":
			_, _ = w.Write(make([]byte, 64<<10))
		}
	})
	p := newPlugin(t, origins(t, at), outbound.Policy{})
	start := time.Now()
	p.refused(t, abi.HTTPFetchRequest{URL: at + "/hang", Timeout: 50}, abi.CodeTimeout, "in time")
	p.refused(t, abi.HTTPFetchRequest{URL: at + "/drip", Timeout: 50}, abi.CodeTimeout, "in time")
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("a timeout of 50 ms took %v", took)
	}
	for _, path := range []string{"/declared", "/bomb"} {
		p.refused(t, abi.HTTPFetchRequest{URL: at + path}, abi.CodeTooLarge, "http_size")
	}
	p.refused(t, abi.HTTPFetchRequest{URL: at + "/heads"}, abi.CodeUnavailable, "")
	p.refused(t, abi.HTTPFetchRequest{URL: at + "/cut"}, abi.CodeUnavailable, "")
	if a, err := p.ask(t.Context(), abi.HTTPFetchRequest{URL: at + "/exact"}); err != nil || len(a.Body) != 64<<10 {
		t.Errorf("an answer of just the limit: %d bytes, %v", len(a.Body), err)
	}
	p.refused(t, abi.HTTPFetchRequest{URL: "http://127.0.0.1:1"}, abi.CodeDenied, "") // not among the origins

	// The end of the plugin's own call ends the request.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.ask(ctx, abi.HTTPFetchRequest{URL: at + "/hang"}); err == nil {
		t.Error("the request outlives its call")
	}
}

// Each request to where the plugin may not is told of, by its origin or address and
// without what may be a secret; others are not.
func TestDeniedIsToldOf(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
	})
	port := url[strings.LastIndex(url, ":"):]
	p := newPlugin(t, origins(t, url, "http://localhost"+port), outbound.Policy{})
	for _, address := range []string{"http://169.254.169.254/?key=secret", url + "/?to=http%3A%2F%2F10.0.0.1%2F%3Fkey%3Dsecret", "http://localhost" + port + "/?key=secret"} {
		p.refused(t, abi.HTTPFetchRequest{URL: address}, abi.CodeDenied, "")
	}
	p.refused(t, abi.HTTPFetchRequest{URL: "nothing"}, abi.CodePayload, "")
	want := []string{"shop: http://169.254.169.254 is not allowed", "shop: http://10.0.0.1 is not allowed", "shop: the address "}
	if len(*p.denied) != len(want) {
		t.Fatalf("told of %q", *p.denied)
	}
	for i, text := range *p.denied {
		if !strings.HasPrefix(text, want[i]) || strings.Contains(text, "secret") {
			t.Errorf("told of %q, not %q", text, want[i])
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	p := newPlugin(t, origins(t, "http://127.0.0.1:1", "http://nothing.invalid"), outbound.Policy{})
	p.refused(t, abi.HTTPFetchRequest{URL: "http://127.0.0.1:1"}, abi.CodeUnavailable, "no connection")
	p.refused(t, abi.HTTPFetchRequest{URL: "http://nothing.invalid"}, abi.CodeUnavailable, "name is not known")
}

// What a caller may do holds for each request, also where a connection is open.
func TestPolicyChanges(t *testing.T) {
	t.Parallel()
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 100)) })
	local := strings.Replace(at, "127.0.0.1", "localhost", 1)
	policy := outbound.Policy{Networks: loopback, Timeout: 10 * time.Second, Size: 1 << 10}
	c := outbound.New(func(string) outbound.Policy { return policy }, func(operation.Caller, error) {})
	t.Cleanup(c.Close)
	table := make(operation.Table)
	c.Define(table)
	p := plugin{table[abi.OpHTTPFetch], origins(t, local), new([]string)}
	if _, err := p.ask(t.Context(), abi.HTTPFetchRequest{URL: local}); err != nil {
		t.Fatal(err)
	}
	plugin{p.fetch, origins(t, at), new([]string)}.refused(t, abi.HTTPFetchRequest{URL: local}, abi.CodeDenied, "plugins.shop.http")
	policy.Size = 99
	p.refused(t, abi.HTTPFetchRequest{URL: local}, abi.CodeTooLarge, "http_size")
	policy.Networks = nil
	p.refused(t, abi.HTTPFetchRequest{URL: local}, abi.CodeDenied, "http_networks")
}
