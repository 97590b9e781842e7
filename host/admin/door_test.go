package admin_test

import (
	"net/http"
	"testing"

	"github.com/mesh-host/mesh-host/host/admin"
)

func TestToken(t *testing.T) {
	t.Parallel()
	h := api(table(), func(o *admin.Options) { o.Token = token })
	for _, c := range []struct {
		name      string
		headers   []string
		status    int
		challenge string
	}{
		{"right", []string{"Authorization", "Bearer " + token}, 200, ""},
		{"scheme in small letters", []string{"Authorization", "bearer  " + token}, 200, ""},
		{"from a page and elsewhere", []string{"Authorization", "Bearer " + token, "Origin", "https://console.example"}, 200, ""},
		{"none", nil, 401, `Bearer realm="mesh-host"`},
		{"empty", []string{"Authorization", "Bearer "}, 401, `Bearer realm="mesh-host"`},
		{"no scheme", []string{"Authorization", token}, 401, `Bearer realm="mesh-host"`},
		{"another scheme", []string{"Authorization", "Basic " + token}, 401, `Bearer realm="mesh-host"`},
		{"another", []string{"Authorization", "Bearer " + token + "x"}, 401, `Bearer realm="mesh-host", error="invalid_token"`},
		{"its beginning", []string{"Authorization", "Bearer " + token[:16]}, 401, `Bearer realm="mesh-host", error="invalid_token"`},
	} {
		for _, path := range []string{"/api", "/api/openapi.json", "/api/users.list", "/api/unknown"} {
			r := request("GET", path, "", c.headers...)
			want := c.status
			if path == "/api/users.list" {
				r.Method = "POST"
			} else if path == "/api/unknown" && want == 200 {
				want = 404
			}
			r.Host = "mesh.example"
			response, body := do(t, h, r)
			if response.StatusCode != want || response.Header.Get("WWW-Authenticate") != c.challenge {
				t.Errorf("%s: %s: %d %q %s", c.name, path, response.StatusCode, response.Header.Get("WWW-Authenticate"), body)
			}
		}
	}
	twice := request("POST", "/api/users.list", "", "Authorization", "Bearer "+token)
	twice.Header.Add("Authorization", "Bearer "+token)
	if response, _ := do(t, h, twice); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("two headers: %d", response.StatusCode)
	}
}

// Without a token no web page can call the API.
func TestWithoutToken(t *testing.T) {
	t.Parallel()
	h := api(table(), nil)
	for _, c := range []struct {
		host   string
		origin []string
		status int
	}{
		{"localhost", nil, 200},
		{"LOCALHOST:8081", nil, 200},
		{"localhost.", nil, 200},
		{"127.0.0.1:8081", nil, 200},
		{"127.9.9.9", nil, 200},
		{"[::1]:8081", nil, 200},
		{"[::1]", nil, 200},
		{"[::ffff:127.0.0.1]:8081", nil, 200},
		{"", nil, 403},
		{":8081", nil, 403},
		{"evil.example", nil, 403},
		{"evil.example:8081", nil, 403},
		{"localhost.evil.example", nil, 403},
		{"127.0.0.1.evil.example", nil, 403},
		{"10.0.0.1:8081", nil, 403},
		{"0.0.0.0:8081", nil, 403},
		{"[::]:8081", nil, 403},
		{"localhost", []string{"Origin", "http://evil.example"}, 403},
		{"localhost", []string{"Origin", "http://localhost:8081"}, 403},
		{"localhost", []string{"Origin", "null"}, 403},
		{"localhost", []string{"Origin", ""}, 403},
	} {
		r := request("POST", "/api/users.list", "", c.origin...)
		r.Host = c.host
		if response, body := do(t, h, r); response.StatusCode != c.status {
			t.Errorf("Host %q, %q: %d %s, want %d", c.host, c.origin, response.StatusCode, body, c.status)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "Localhost.": true, "127.0.0.1": true, "127.255.255.255": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "128.0.0.1": false, "::2": false,
		"example.com": false, "localhost.example.com": false, "127.0.0.1.example.com": false, "127.1": false, ".": false,
	} {
		if admin.IsLoopback(host) != want {
			t.Errorf("IsLoopback(%q) = %t", host, !want)
		}
	}
}
