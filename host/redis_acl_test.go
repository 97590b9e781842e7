package host_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// documentedUser is the user of docs/SECURITY.md, as the words of a command.
func documentedUser(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```\n(ACL SETUSER .*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("there is none")
	}
	return strings.Fields(string(found[1]))
}

// TestDocumentedUserMayDoWhatScriptsDo compares it with all scripts.
func TestDocumentedUserMayDoWhatScriptsDo(t *testing.T) {
	t.Parallel()
	user := documentedUser(t)
	scripts, err := filepath.Glob("backplane/redis/lua/*.lua")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	call := regexp.MustCompile(`redis\.p?call\('([A-Z]+)'`)
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range call.FindAllSubmatch(text, -1) {
			if rule := "+" + strings.ToLower(string(found[1])); !slices.Contains(user, rule) {
				t.Errorf("%s needs %s", filepath.Base(script), rule)
			}
		}
	}
}

// TestServerAsDocumentedUser starts a server as it.
func TestServerAsDocumentedUser(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	client := goredis.NewClient(&goredis.Options{Addr: r.Addr})
	defer func() { _ = client.Close() }()
	var args []any
	for _, word := range documentedUser(t) {
		args = append(args, word)
	}
	if err := client.Do(context.Background(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	c := sharing(t, "redis://"+r.Addr)
	c.Redis.User, c.Redis.Password = "mesh", "a-long-password"
	s, stop := serve(t, c)
	until(t, s.Addr(), 200)
	talk(t, s, `{"id":"1","command":"mesh/join-room","payload":{"roomName":"r"}}`)
	if err := stop(); err != nil {
		t.Error(err)
	}
	log, err := client.Do(context.Background(), "ACL", "LOG").Slice()
	if err != nil || len(log) != 0 {
		t.Errorf("Redis refused %v, %v", log, err)
	}
}
