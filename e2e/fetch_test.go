//go:build linux

package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// outside is a server that plugins fetch from; it counts its connections.
type outside struct {
	*httptest.Server
	port        string
	connections atomic.Int64
	hanging     atomic.Int64 // requests that are not answered
}

// listenOutside serves what plugins fetch, at an address of loopback.
func listenOutside(t *testing.T, address string) *outside {
	t.Helper()
	o := new(outside)
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // short where the host hangs up
		w.Header().Set("X-Method", r.Method)
		w.Header().Set("X-Got", r.Header.Get("X-Sent"))
		w.Header().Set("X-Agent", r.Header.Get("User-Agent"))
		w.Header().Set("X-Secret", r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(body)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		o.hanging.Add(1)
		defer o.hanging.Add(-1)
		<-r.Context().Done()
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("."))
			_ = http.NewResponseController(w).Flush()
			<-tick.C
		}
	})
	bomb := gzipped(64 << 20)
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb)
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	o.Server = httptest.NewUnstartedServer(mux)
	o.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			o.connections.Add(1)
		}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = o.Listener.Close()
	o.Listener = listener
	o.Start()
	t.Cleanup(o.Close)
	_, o.port, _ = net.SplitHostPort(listener.Addr().String())
	return o
}

func gzipped(zeros int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(make([]byte, zeros)) // a buffer takes it
	_ = w.Close()
	return b.Bytes()
}

// fetched is what the conformance plugin's http.fetch replies.
type fetched struct {
	Status  int
	Headers []string
	Body    []byte // base64 in JSON
}

func (f fetched) header(name string) string {
	for i := 0; i+1 < len(f.Headers); i += 2 {
		if f.Headers[i] == name {
			return f.Headers[i+1]
		}
	}
	return ""
}

// fetch calls http.fetch, with members beside the URL.
func (c *client) fetch(address string, more ...any) (f fetched, err error) {
	request := map[string]any{"url": address}
	for i := 0; i < len(more); i += 2 {
		request[more[i].(string)] = more[i+1]
	}
	reply, err := c.ask("http.fetch", encoded(request))
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal([]byte(reply), &f)
}

// fetchFails calls http.fetch, which must fail with a code.
func (c *client) fetchFails(t *testing.T, code, part, address string, more ...any) {
	t.Helper()
	got, err := c.fetch(address, more...)
	f, ok := err.(*failure) //nolint:errorlint // never wrapped
	if !ok || f.Code != code || !strings.Contains(f.Message, part) {
		t.Errorf("%s %v gives %+v, error %v, not %s %q", address, more, got, err, code, part)
	}
}

// fetching is the configuration of a plugin that may ask these origins.
func fetching(limits string, origins ...string) string {
	return fmt.Sprintf("[plugins.conformance]\nhttp = %s\n%s\n", encoded(origins), limits)
}

// A plugin reaches what its origins and networks say, and nothing else: not what
// a redirect or a name leads to, either.
func TestFetchReachesOnlyWhatIsAllowed(t *testing.T) {
	o, other := listenOutside(t, "127.0.0.1:0"), listenOutside(t, "127.0.0.1:0")
	name := "http://localhost:" + o.port
	h := startOne(t, setup{
		plugins: []string{conformance}, content: map[string][]byte{"storm.wasm": storm(t, "storm")},
		config: fetching("", o.URL, name) + stormPlugin("storm", "", map[string]int{"fine": 1}),
	})
	b := h.bystanders(t, "storm.fine")
	c := h.dial(t, dialing{})
	if f, err := c.fetch(o.URL + "/echo"); err != nil || f.Status != http.StatusAccepted {
		t.Fatalf("%+v, %v", f, err)
	}
	const denied, among, private = "EDENIED", "is not among plugins.conformance.http", "the host's address is not public"
	forbidden := []string{
		"http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://127.0.0.1/", "http://127.1/", "http://2130706433/",
		"http://0.0.0.0:" + o.port + "/", "http://[::1]:" + o.port + "/", "http://[::ffff:127.0.0.1]:" + o.port + "/",
		"http://localhost/", other.URL, "http://" + h.admin + "/api/plugins.list", "https://127.0.0.1:" + o.port + "/",
		"http://localhost.:" + o.port + "/", "http://example.com/",
	}
	b.meanwhile(t, func() {
		// The name is allowed, and its address is not.
		c.fetchFails(t, denied, private, name+"/echo")
		c.fetchFails(t, denied, private, o.URL+"/away?to="+url.QueryEscape(name+"/echo"))
		for _, address := range forbidden { // the log has ten such lines a second
			c.fetchFails(t, denied, among, address)
			c.fetchFails(t, denied, among, o.URL+"/away?to="+url.QueryEscape(address))
		}
	})
	for _, address := range []string{"file:///etc/passwd", "gopher://127.0.0.1/", "http://user:pass@127.0.0.1:" + o.port, "//127.0.0.1", "", "http://127.0.0.1:0/"} {
		c.fetchFails(t, "EPAYLOAD", "http.fetch: url must be", address)
	}
	for _, header := range []string{"Host", "content-length", "Transfer-Encoding", "Connection", "Upgrade", "accept-encoding"} {
		c.fetchFails(t, "EPAYLOAD", "which is not the plugin's to set", o.URL+"/echo", "headers", []string{header, "x"})
	}
	c.fetchFails(t, "EUNAVAILABLE", "more than 5 redirects", o.URL+"/loop")
	h.awaitLog(t, 0, map[string]string{"level": "WARN", "plugin": "conformance", "version": short(builtPlugin(t, conformance)), "call": "-", "error": "http://169.254.169.254 is not allowed"})
	h.awaitLog(t, 0, map[string]string{"level": "WARN", "plugin": "conformance", "call": "-", "error": "is not public"})
	want := 2*len(forbidden) + 2
	if n, counts := h.metric(t, `mesh_host_plugin_host_calls_denied_total{plugin="conformance"}`), h.listed(t, "conformance").Counts; n != float64(want) || counts.HostCallsDenied != uint64(want) {
		t.Errorf("%v host calls were denied, plugins.list says %d, not %d", n, counts.HostCallsDenied, want)
	}
	if n := other.connections.Load(); n != 0 {
		t.Errorf("the forbidden server got %d connections", n)
	}
	b.check(t, h)
}

// With http_networks a name may lead to a private address.
func TestFetchNetworks(t *testing.T) {
	t.Parallel()
	o := listenOutside(t, "127.0.0.1:0")
	h := startOne(t, setup{plugins: []string{conformance}, config: fetching(`http_networks = ["127.0.0.0/8"]`, "http://localhost:"+o.port)})
	c := h.dial(t, dialing{})
	if f, err := c.fetch("http://localhost:" + o.port + "/echo"); err != nil || f.Status != http.StatusAccepted {
		t.Errorf("%+v, %v", f, err)
	}
	c.fetchFails(t, "EDENIED", "", o.URL+"/echo") // that address itself is no origin
}

// Slow, endless and inflated answers are cut off, and cost neither memory nor
// connections.
func TestFetchHostileAnswers(t *testing.T) {
	o := listenOutside(t, "127.0.0.1:0")
	h := startOne(t, setup{
		plugins: []string{conformance}, content: map[string][]byte{"storm.wasm": storm(t, "storm")},
		config: "[limits]\nmessage_size = \"1MiB\"\n" + fetching("deadline = \"2s\"\nhttp_timeout = \"500ms\"\nhttp_size = \"256KiB\"", o.URL) + stormPlugin("storm", "", map[string]int{"fine": 1}),
	})
	b := h.bystanders(t, "storm.fine")
	c := h.dial(t, dialing{})
	for _, a := range []struct {
		path, code, part string
		more             []any
	}{
		{"/hang", "ETIMEOUT", "no answer in time", nil},
		{"/hang", "ETIMEOUT", "no answer in time", []any{"timeout", 50}},
		{"/drip", "ETIMEOUT", "no answer in time", nil},
		{"/endless", "ETOOLARGE", "plugins.conformance.http_size", nil},
		{"/bomb", "ETOOLARGE", "plugins.conformance.http_size", nil},
		{"/echo", "ETOOLARGE", "http_size", []any{"method", "POST", "body", base64.StdEncoding.EncodeToString(make([]byte, 256<<10+1))}},
	} {
		for range 3 {
			at := time.Now()
			b.meanwhile(t, func() { c.fetchFails(t, a.code, a.part, o.URL+a.path, a.more...) })
			if took := time.Since(at); took > 500*time.Millisecond+late {
				t.Errorf("%s is answered after %v", a.path, took)
			}
		}
	}
	eventually(t, patience, "the hanging requests are given up", func() bool { return o.hanging.Load() == 0 })
	b.check(t, h)
}

// The deadline of the call ends a fetch that hangs, and frees its connection.
func TestFetchEndsWithTheCall(t *testing.T) {
	t.Parallel()
	o := listenOutside(t, "127.0.0.1:0")
	h := startOne(t, setup{plugins: []string{conformance}, config: fetching("deadline = \"500ms\"\nhttp_timeout = \"1m\"", o.URL)})
	c := h.dial(t, dialing{})
	at := time.Now()
	if _, err := c.fetch(o.URL + "/hang"); err == nil || err.(*failure).Code != "ETIMEOUT" { //nolint:errorlint,forcetypeassert // never wrapped
		t.Errorf("it ends with %v", err)
	}
	if took := time.Since(at); took > stormDeadline+late {
		t.Errorf("it is answered after %v", took)
	}
	eventually(t, patience, "the request is given up", func() bool { return o.hanging.Load() == 0 })
	if f, err := c.fetch(o.URL + "/echo"); err != nil || f.Status != http.StatusAccepted {
		t.Errorf("afterwards: %+v, %v", f, err)
	}
}

// What is sent arrives, what is answered comes back, and connections are used
// again.
func TestFetchCarries(t *testing.T) {
	t.Parallel()
	o := listenOutside(t, "127.0.0.1:0")
	h := startOne(t, setup{plugins: []string{conformance}, config: fetching("", o.URL)})
	c := h.dial(t, dialing{})
	binary := make([]byte, 40_000)
	for i := range binary {
		binary[i] = byte(i * 7)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		f, err := c.fetch(o.URL+"/echo", "method", method, "headers", []string{"x-sent", "größe", "User-Agent", "kit"}, "body", base64.StdEncoding.EncodeToString(binary))
		if err != nil || f.Status != http.StatusAccepted || !bytes.Equal(f.Body, binary) {
			t.Fatalf("%s: status %d, %d bytes, %v", method, f.Status, len(f.Body), err)
		}
		if f.header("x-method") != method || f.header("x-got") != "größe" || f.header("x-agent") != "kit" {
			t.Errorf("%s: %v", method, f.Headers)
		}
	}
	for range 20 {
		if f, err := c.fetch(o.URL + "/echo"); err != nil || f.header("x-method") != "GET" || f.header("x-agent") != "mesh-host" || len(f.Body) != 0 {
			t.Errorf("%+v, %v", f, err)
		}
	}
	if f, err := c.fetch(o.URL + "/none"); err != nil || f.Status != http.StatusNotFound {
		t.Errorf("an error of the server is no answer: %+v, %v", f, err)
	}
	if n := o.connections.Load(); n != 1 {
		t.Errorf("25 fetches, one after the other, took %d connections", n)
	}
}

// A redirect to another origin carries no header that may be a secret; one to the
// same origin carries them all.
func TestFetchRedirectsKeepSecrets(t *testing.T) {
	t.Parallel()
	o, other := listenOutside(t, "127.0.0.1:0"), listenOutside(t, "127.0.0.1:0")
	h := startOne(t, setup{plugins: []string{conformance}, config: fetching("", o.URL, other.URL)})
	c := h.dial(t, dialing{})
	for to, secret := range map[string]string{"/echo": "secret", other.URL + "/echo": ""} {
		f, err := c.fetch(o.URL+"/away?to="+url.QueryEscape(to), "headers", []string{"Authorization", "secret", "X-Sent", "secret", "User-Agent", "kit"})
		if err != nil || f.Status != http.StatusAccepted || f.header("x-secret") != secret || f.header("x-got") != secret || f.header("x-agent") != "kit" {
			t.Errorf("%s: %+v, %v", to, f, err)
		}
	}
}

// Fifty fetches at once are all answered, over few connections.
func TestFetchManyAtOnce(t *testing.T) {
	t.Parallel()
	const sessions, each = 50, 10
	o := listenOutside(t, "127.0.0.1:0")
	h := startOne(t, setup{plugins: []string{conformance}, config: fetching("deadline = \"10s\"", o.URL)})
	var fetches sync.WaitGroup
	for i, c := range h.dialMany(t, sessions, dialing{}) {
		fetches.Go(func() {
			for n := range each {
				body := fmt.Appendf(nil, "%d of %d", n, i)
				f, err := c.fetch(o.URL+"/echo", "method", "POST", "body", base64.StdEncoding.EncodeToString(body))
				if err != nil || !bytes.Equal(f.Body, body) {
					t.Errorf("%s: %+v, %v", body, f, err)
				}
			}
		})
	}
	fetches.Wait()
	if n := o.connections.Load(); n > sessions*each/3 {
		t.Errorf("%d fetches took %d connections", sessions*each, n)
	} else {
		t.Logf("%d fetches took %d connections", sessions*each, n)
	}
	if n := h.metric(t, `mesh_host_plugin_host_calls_total{plugin="conformance"}`); n < sessions*each {
		t.Errorf("%v host calls are counted", n)
	}
}
