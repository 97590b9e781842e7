package host_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// probe gets a path of one of a server's ports.
func probe(t *testing.T, addr net.Addr, path string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	response, err := client.Get("http://" + addr.String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// until waits for /readyz to answer with a status, and returns what it says.
func until(t *testing.T, addr net.Addr, want int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		status, body := probe(t, addr, "/readyz")
		if status == want {
			return body
		}
		select {
		case <-ctx.Done():
			t.Fatalf("/readyz answers %d %s, want %d", status, body, want)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sharing is embedded with a Redis.
func sharing(t *testing.T, url string) host.Config {
	t.Helper()
	c := embedded(t)
	c.Redis.URL = host.URL(url)
	c.Redis.Timeout, c.Redis.ConnectTimeout = 500*time.Millisecond, 500*time.Millisecond
	return c
}

func TestServerSharesRedis(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, "--requirepass", "hidden")
	c := sharing(t, "redis://:hidden@"+r.Addr)
	one, _ := serve(t, c)
	other, _ := serve(t, sharing(t, "redis://:hidden@"+r.Addr))
	for _, s := range []*host.Server{one, other} {
		until(t, s.Addr(), http.StatusOK)
	}
	_, metrics := probe(t, one.AdminAddr(), "/metrics")
	if !strings.Contains(metrics, "mesh_host_redis_up 1\n") || strings.Contains(metrics, "mesh_host_rooms ") || !strings.Contains(metrics, "mesh_host_topics 0\n") {
		t.Errorf("the metrics are\n%s", metrics)
	}

	r.Kill()
	if got := until(t, one.Addr(), http.StatusServiceUnavailable); got != "Redis cannot be reached\n" {
		t.Errorf("/readyz says %q", got)
	}
	if got := until(t, one.AdminAddr(), http.StatusServiceUnavailable); !strings.HasPrefix(got, "Redis cannot be reached: ") {
		t.Errorf("the operators' /readyz says %q", got)
	}
	if status, _ := probe(t, one.Addr(), "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz answers %d", status)
	}
	if _, metrics := probe(t, one.AdminAddr(), "/metrics"); !strings.Contains(metrics, "mesh_host_redis_up 0\n") {
		t.Errorf("the metrics are\n%s", metrics)
	}
	r.Restart(t)
	for _, s := range []*host.Server{one, other} {
		until(t, s.AdminAddr(), http.StatusOK)
	}
}

func TestServerRefusesRedis(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, "--requirepass", "right")
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rubbish := write("rubbish.pem", "rubbish")
	for name, tt := range map[string]struct {
		change func(*host.RedisConfig)
		want   string
	}{
		"wrong password":  {func(c *host.RedisConfig) { c.URL = host.URL("redis://:hidden@" + r.Addr) }, "redis.url: "},
		"nobody":          {func(c *host.RedisConfig) { c.Addresses = []string{"127.0.0.1:1"} }, "redis.addresses: "},
		"silence":         {func(c *host.RedisConfig) { c.URL = host.URL("redis://" + l.Addr().String()) }, "redis.url: "},
		"TLS to none":     {func(c *host.RedisConfig) { c.URL = host.URL("rediss://:hidden@" + r.Addr) }, "redis.url: "},
		"no CA file":      {func(c *host.RedisConfig) { c.TLS.Enabled, c.TLS.CAFile = true, folder+"/none" }, "redis.tls.ca_file: open "},
		"CA file rubbish": {func(c *host.RedisConfig) { c.TLS.Enabled, c.TLS.CAFile = true, rubbish }, "redis.tls.ca_file: " + rubbish + " has no certificate in PEM"},
		"no certificate": {func(c *host.RedisConfig) { c.TLS.Enabled, c.TLS.CertFile, c.TLS.KeyFile = true, rubbish, rubbish },
			"redis.tls.cert_file: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sharing(t, "")
			tt.change(&c.Redis)
			if !c.Redis.Used() {
				c.Redis.Addresses = []string{r.Addr}
			}
			started := time.Now()
			_, err := host.New(c, slog.New(slog.DiscardHandler))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("New returns %v, want %s", err, tt.want)
			}
			if took := time.Since(started); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestServerSpeaksTLSWithRedis(t *testing.T) {
	t.Parallel()
	certificate, key := certificateFor(t, "cache.example")
	// The plain port that redistest waits for stays open.
	port := freePort(t)
	redistest.Start(t, "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate)
	c := sharing(t, "rediss://127.0.0.1:"+port)
	c.Redis.TLS.CAFile, c.Redis.TLS.CertFile, c.Redis.TLS.KeyFile = certificate, certificate, key
	if _, err := host.New(c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("with a certificate of another name New returns %v", err)
	}
	c.Redis.TLS.ServerName = "cache.example"
	s, _ := serve(t, c)
	until(t, s.Addr(), http.StatusOK)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// certificateFor makes a certificate that vouches for itself, and its key.
func certificateFor(t *testing.T, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(file, kind string, content []byte) string {
		path := filepath.Join(t.TempDir(), file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", public), write("key.pem", "PRIVATE KEY", secret)
}

// TestScheduleOfTheCluster: nodes that share a Redis run together what one alone
// would.
func TestScheduleOfTheCluster(t *testing.T) {
	t.Parallel()
	const every = 50 * time.Millisecond
	r := redistest.Start(t)
	node := func() *host.Server {
		c := sharing(t, "redis://"+r.Addr)
		if err := os.Mkdir(c.Plugins.Dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.Plugins.Dir, "p.wasm"), plugintest.Fixture(t, "puppet"), 0o666); err != nil {
			t.Fatal(err)
		}
		p := c.Plugins.Defaults
		p.Config = fmt.Appendf(nil, `{"schedules": [{"name": "s", "handler": 19, "every": %q, "scope": "cluster"}]}`, every)
		c.Plugins.Named = map[string]host.PluginConfig{"p": p}
		s, _ := serve(t, c)
		return s
	}
	one, other := node(), node()
	calls := func() (n uint64) {
		for _, s := range []*host.Server{one, other} {
			n += s.Plugins()[0].Counts.Calls
		}
		return n
	}
	before, started, end := calls(), time.Now(), time.After(30*time.Second)
	for calls() < before+40 {
		select {
		case <-end:
			t.Fatalf("%d runs in %s", calls()-before, time.Since(started))
		case <-time.After(every):
		}
	}
	if n, most := calls()-before, uint64(time.Since(started)/every)+10; n > most {
		t.Errorf("%d runs in %s, want %d at most", n, time.Since(started), most)
	}
}
