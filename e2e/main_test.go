//go:build linux

// Package e2e tests mesh-host from outside: the real binary with real plugins,
// spoken to by clients that share no code with it.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// built is where TestMain has put what the tests run: copies, so that a build
// meanwhile (scripts/run is one) takes nothing from under a test.
var built struct {
	root    string // of the repository
	binary  string
	plugins string // folder
	cache   string // of compiled plugins, shared by the hosts
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "mesh-host-e2e-")
	if err != nil {
		return complain(err)
	}
	defer os.RemoveAll(dir)
	if err := prepare(dir); err != nil {
		return complain(err)
	}
	code := m.Run()
	err = noProcessLeft(10 * time.Second)
	if code == 0 { // a test that fails may leave some
		err = errors.Join(err, goleak.Find())
	}
	if err != nil {
		return complain(err)
	}
	return code
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

// buildTime bounds the build; on a fresh machine it also fetches modules.
const buildTime = 5 * time.Minute

// prepare builds the binary and the plugins; what is up to date costs seconds.
func prepare(dir string) (err error) {
	if built.root, err = filepath.Abs(".."); err != nil {
		return err
	}
	built.binary = filepath.Join(dir, "mesh-host")
	built.plugins = filepath.Join(dir, "plugins")
	built.cache = filepath.Join(dir, "cache")
	if err := runScript("scripts/build-plugins", "--out", built.plugins, "conformance/go", "auth/go", "chat/go", "chat/rust", "jwt-guard/rust",
		"whiteboard/go", "whiteboard/assemblyscript", "leaderboard/assemblyscript", "game/go"); err != nil {
		return err
	}
	if err := runScript("scripts/build"); err != nil {
		return err
	}
	binary, err := os.ReadFile(filepath.Join(built.root, "build", "mesh-host"))
	if err != nil {
		return err
	}
	return os.WriteFile(built.binary, binary, 0o755) //nolint:gosec // it is to be run
}

func runScript(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(built.root, args[0]), args[1:]...)
	cmd.Dir = built.root
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", args, err, output)
	}
	return nil
}
