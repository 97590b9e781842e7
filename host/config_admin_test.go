package host_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host"
)

const adminToken = "a-token-of-16-letters"

// Whoever can be reached from elsewhere needs a token.
func TestValidateAdmin(t *testing.T) {
	t.Parallel()
	const open = `may be reached from other machines: set admin.token, or listen on loopback`
	for _, tt := range []struct{ listen, token, want string }{
		{"127.0.0.1:8081", "", ""},
		{"127.1.2.3:0", "", ""},
		{"[::1]:8081", "", ""},
		{"localhost:8081", "", ""},
		{":8081", "", `admin.listen: ":8081" ` + open},
		{":0", "", `admin.listen: ":0" ` + open},
		{"0.0.0.0:8081", "", `admin.listen: "0.0.0.0:8081" ` + open},
		{"[::]:8081", "", `admin.listen: "[::]:8081" ` + open},
		{"10.0.0.1:8081", "", `admin.listen: "10.0.0.1:8081" ` + open},
		{"mesh.example:8081", "", `admin.listen: "mesh.example:8081" ` + open},
		{":8081", adminToken, ""},
		{":0", adminToken, ""},
		{"mesh.example:8081", adminToken, ""},
		{"127.0.0.1:8081", adminToken, ""},
		{":8080", "", `admin.listen: ":8080" is the address of listen too`},
		{"127.0.0.1:8081", strings.Repeat("~", 1024), ""},
		{"127.0.0.1:8081", adminToken[:15], "admin.token: it is too short: at least 16 characters"},
		{":8081", adminToken[:15], "admin.token: it is too short: at least 16 characters"},
		{"127.0.0.1:8081", strings.Repeat("x", 1025), "admin.token: it is too long: at most 1024 characters"},
		{"127.0.0.1:8081", "a token of 16 letters", "admin.token: it has a space, a control character or one that is not ASCII"},
		{"127.0.0.1:8081", "ein-schlüssel-für-alle", "admin.token: it has a space, a control character or one that is not ASCII"},
		{"127.0.0.1:8081", "two-lines-of-16\nletters", "admin.token: it has a space, a control character or one that is not ASCII"},
	} {
		c := host.Default()
		c.Admin = host.AdminConfig{Listen: tt.listen, Token: host.Secret(tt.token)}
		got := strings.Join(problemsOf(t, c), "\n")
		if !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") || strings.Contains(got, "\n") {
			t.Errorf("%s with token %q: %s, want %s", tt.listen, tt.token, got, tt.want)
		}
		if len(tt.token) > 0 && strings.Contains(got, tt.token) {
			t.Errorf("the problem shows the token: %s", got)
		}
	}
}

func TestValidateNode(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"": true, "a": true, "node-1.eu_west:2": true, strings.Repeat("x", 128): true,
		strings.Repeat("x", 129): false, "a b": false, "knoten-ä": false, "a\n": false, "a/b": false,
	} {
		c := host.Default()
		c.Node.Name = name
		if got := problemsOf(t, c); (len(got) == 0) != want || !want && !strings.HasPrefix(got[0], "node.name: ") {
			t.Errorf("%q: %q", name, got)
		}
	}
}

// However a configuration is shown, its token is not.
func TestSecretDoesNotShow(t *testing.T) {
	t.Parallel()
	c := host.Default()
	c.Admin.Token = adminToken
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("starting", "token", c.Admin.Token, "config", c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("starting", "token", c.Admin.Token, "config", c)
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		log.String(), string(encoded), c.Admin.Token.String(),
		fmt.Sprint(c), fmt.Sprintf("%v %+v %#v", c, c, c), fmt.Sprintf("%#v %q %x", c.Admin.Token, c.Admin.Token, c.Admin.Token),
	} {
		if strings.Contains(text, adminToken) || strings.Contains(text, fmt.Sprintf("%x", adminToken)) || !strings.Contains(text, "***") && !strings.Contains(text, "2a2a2a") {
			t.Errorf("it shows in %s", text)
		}
	}
	if got := fmt.Sprintf("%v|%q|%#v", host.Secret(""), host.Secret(""), host.Secret("")); got != `|""|""` {
		t.Errorf("an empty secret shows as %s", got)
	}
}
