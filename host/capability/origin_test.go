package capability_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/capability"
)

func TestOrigins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ origin, yes, no string }{
		{"https://api.example.com", "https://api.example.com https://API.example.com:443/path?q#f", "http://api.example.com https://api.example.com:8443 https://example.com https://x.api.example.com https://api.example.com.evil.org https://api.example.com."},
		{"https://*.example.com", "https://a.example.com https://a.b.example.com", "https://example.com https://.example.com https://badexample.com https://*.example.com http://a.example.com"},
		{"http://10.0.0.7:8080", "http://10.0.0.7:8080/x", "http://10.0.0.7 https://10.0.0.7:8080"},
		{"http://[::1]:80", "http://[::1]/", "http://[::2]/"},
	} {
		o, err := capability.ParseOrigin(c.origin)
		if err != nil {
			t.Errorf("%s: %v", c.origin, err)
			continue
		}
		origins := capability.NewOrigins([]capability.Origin{o})
		for text := range strings.FieldsSeq(c.yes) {
			if u, err := url.Parse(text); err != nil || !origins.Allow(u) {
				t.Errorf("%s does not allow %s, %v", c.origin, text, err)
			}
		}
		for text := range strings.FieldsSeq(c.no) {
			if u, err := url.Parse(text); err == nil && origins.Allow(u) {
				t.Errorf("%s allows %s", c.origin, text)
			}
		}
	}
}

func TestOriginsAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "it is no origin",
		"*":                         "not every address can be allowed",
		"https://":                  "it is no origin",
		"example.com":               "it is no origin",
		"ftp://example.com":         "neither http nor https",
		"https://a@example.com":     "it has a user",
		"https://example.com/":      "without even a",
		"https://example.com?":      "without even a",
		"https://example.com#":      "without even a",
		"https://example.com:0":     "is no port",
		"https://example.com:":      "is no port",
		"https://example.com:99999": "is no port",
		"https://*":                 "is no host",
		"https://a.*.com":           "is no host",
		"https://*.*.com":           "is no host",
		"https://*.10.0.0.1":        "has no subdomains",
		"https://*.0.1":             "has no subdomains",
		"https://*.1":               "has no subdomains",
		"https://exämple.com":       "in punycode",
		"https://a..b":              "is no host",
		"https://[fe80::1%25eth0]":  "zone",
		"https://" + strings.Repeat("a.", 1500) + "b": "over the limit",
		"https://" + strings.Repeat("a.", 200) + "b":  "longer than 253",
		"https://a b": "it is no origin",
	} {
		if o, err := capability.ParseOrigin(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, %v, want %q", text, o, err, want)
		}
	}
}

// A host that sends nothing grants every origin, within what is registered.
func TestAnywhere(t *testing.T) {
	t.Parallel()
	a := capability.Anywhere()
	for _, text := range []string{"http", "http:https://b.example.com"} {
		list := asked(t, text)
		if missing := a.Missing(list, nil); len(missing.Needs) > 0 {
			t.Errorf("%s: %+v", text, missing)
		}
		n := a.Narrow(list)
		u := &url.URL{Scheme: "https", Host: "a.example.com"}
		if got := n.Origins().Allow(u); got != (text == "http") {
			t.Errorf("registered %s: %t", text, got)
		}
		if i := capability.IndexOf("http.fetch"); n.Bounded(i) && n.Check(t.Context(), i, nil) != nil {
			t.Errorf("registered %s: %v", text, n.Check(t.Context(), i, nil))
		}
	}
	if a.Bounded(capability.IndexOf("http.fetch")) || a.Bounded(capability.IndexOf("kv.get")) {
		t.Error("it is bounded")
	}
	if missing := a.Missing(nil, []string{"http.fetch"}); len(missing.Needs) > 0 {
		t.Errorf("imported: %+v", missing)
	}
}

// What a plugin registers bounds where it may ask; without an origin it is all
// that is granted.
func TestRegisteredOrigins(t *testing.T) {
	t.Parallel()
	o, err := capability.ParseOrigin("https://*.example.com")
	if err != nil {
		t.Fatal(err)
	}
	a := capability.Everything(o)
	for _, c := range []struct {
		asked string
		want  bool
	}{{"http", true}, {"http:https://a.example.com", true}, {"http:https://b.example.com", false}, {"kv", false}} {
		u := &url.URL{Scheme: "https", Host: "a.example.com"}
		if got := a.Narrow(asked(t, c.asked)).Origins().Allow(u); got != c.want {
			t.Errorf("registered %s: %t", c.asked, got)
		}
	}
}
