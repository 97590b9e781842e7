package develop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// tool is a program to run.
type tool struct {
	dir  string
	env  []string // beside this process's
	args []string
	out  io.Writer // both of its streams, unless stdout is set
	// stdout takes its standard output; nil: out does.
	stdout io.Writer
}

// killDelay is how long a program that was told to end may keep its pipes open.
const killDelay = 2 * time.Second

// run runs a program until it ends or ctx is done, which ends its children
// too.
func (t tool) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, t.args[0], t.args[1:]...)
	cmd.Dir, cmd.Stderr, cmd.Stdout = t.dir, t.out, t.stdout
	if t.stdout == nil {
		cmd.Stdout = t.out
	}
	cmd.Env = append(os.Environ(), t.env...)
	cmd.WaitDelay = killDelay
	ownGroup(cmd)
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		return fmt.Errorf("%s: %w", filepath.Base(t.args[0]), exit)
	case errors.Is(err, exec.ErrNotFound):
		return missing("%s is not on the path", t.args[0])
	}
	return err
}

// output runs a program and returns what it writes to its standard output,
// without the end of the line.
func (t tool) output(ctx context.Context) (string, error) {
	var b strings.Builder
	t.stdout, t.out = &b, io.Discard
	err := t.run(ctx)
	return strings.TrimSpace(b.String()), err
}

// onPath reports whether a program is there.
func onPath(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}
