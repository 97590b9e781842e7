// Package examples_test builds the example plugins as a user does and drives
// them through nothing but the ABI: no pool, no engine, only what abi/ABI.md
// says.
package examples_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// built is the folder of the compiled plugins.
var built string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if built, err = os.MkdirTemp("", "mesh-examples-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(built)
	build := exec.Command(filepath.Join("..", "..", "scripts", "build-plugins"), "--out", built, "conformance/go", "conformance/rust", "auth/go", "chat/go", "chat/rust",
		"whiteboard/go", "whiteboard/assemblyscript", "leaderboard/assemblyscript")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "scripts/build-plugins:", err)
		return 1
	}
	return m.Run()
}
