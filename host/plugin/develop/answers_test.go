package develop_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
)

// asking is a plugin that asks another server.
const asking = `package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

func init() {
	mesh.Main(func(p *mesh.Plugin) error {
		p.Command("ask", func(c *mesh.Call) (mesh.JSON, error) {
			in := c.Fields()
			answer, err := mesh.HTTP.Fetch(mesh.HTTPRequest{URL: in.Text("url"), Method: in.Text("method")})
			if err != nil {
				return nil, err
			}
			kind := answer.Header("Content-Type")
			return c.Object().Int("status", int64(answer.Status)).Text("type", kind).Text("body", string(answer.Body)).JSON(), nil
		})
		return nil
	})
}

func main() {}
`

// Cases answer what the plugin asks of other servers.
func TestAnswersOfCases(t *testing.T) {
	t.Parallel()
	dir := project(t, develop.Go)
	for name, text := range map[string]string{"main.go": asking, "main_test.go": "package main\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	module := build(t, dir)
	const list = `"cases":[
		{"name":"a text","command":"ask","payload":{"url":"https://a.example/x?y=1","method":"GET"},"reply":{"status":200,"type":"text/plain","body":"hi"}},
		{"name":"JSON","command":"ask","payload":{"url":"http://b.example:8080/","method":"POST"},"reply":{"status":201,"type":"","body":"{\"ok\": true}"}},
		{"name":"no such method","command":"ask","payload":{"url":"http://b.example:8080/","method":"GET"},"error":{"code":"EUNAVAILABLE"}},
		{"name":"no such answer","command":"ask","payload":{"url":"https://a.example/","method":"GET"},"error":{"code":"EUNAVAILABLE"}}]}`
	cases, err := develop.ParseCases([]byte(`{"http":[
		{"url":"https://a.example/x?y=1","headers":{"Content-Type":"text/plain"},"body":"hi"},
		{"method":"POST","url":"http://b.example:8080/","status":201,"body":{"ok": true}}],` + list))
	if err != nil {
		t.Fatal(err)
	}
	results, err := develop.Test(t.Context(), cases, develop.TestOptions{File: "ask.wasm", Module: module})
	if err != nil || len(results) != 4 {
		t.Fatal(results, err)
	}
	for _, r := range results {
		if !r.OK {
			t.Errorf("%s: %s", r.Name, strings.Join(r.Differences, "; "))
		}
	}
}
