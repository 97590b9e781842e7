package main

import (
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host"
)

func TestTokenFile(t *testing.T) {
	t.Setenv("MESH_ADMIN_TOKEN", "token-of-the-variable")
	path := writeFile(t, "  token-of-the-secret\n")
	l := mustLoad(t, `admin = {token = "token-of-the-file"}`, "--token-file", path)
	if l.Admin.Token != host.Secret("token-of-the-secret") || !strings.Contains(l.print(), "\ntoken = \"***\" # --token-file\n") {
		t.Errorf("the token is %q, printed\n%s", string(l.Admin.Token), l.print())
	}
	// It is enough for an address that others can reach.
	if _, err := loadText(t, "", "--admin", ":0", "--token-file", path); err != nil {
		t.Error(err)
	}
}

func TestTokenFileRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for path, want := range map[string]string{
		folder + "/none":                      "--token-file: admin.token: " + folder + "/none: no such file or directory",
		folder:                                "--token-file: admin.token: " + folder + ": is a directory",
		writeFile(t, " \n"):                   "the file is empty",
		writeFile(t, "short-token"):           "--token-file: admin.token: it is too short: at least 16 characters",
		writeFile(t, "two\nlines-of-a-token"): "--token-file: admin.token: it has a space, a control character or one that is not ASCII",
	} {
		file := writeFile(t, "")
		_, err := loadFile(t, file, "--token-file", path)
		got := problemTexts(t, err, file)
		if len(got) != 1 || !strings.Contains(got[0], want) || strings.Contains(got[0], "short-token") {
			t.Errorf("%s: %q, want %s", path, got, want)
		}
	}
}
