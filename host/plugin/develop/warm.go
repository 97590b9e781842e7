package develop

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed compiler/asc.mjs
var warmScript string

// warmCompiler is AssemblyScript's compiler as a program that goes on running:
// loading it takes longer than a build.
type warmCompiler struct {
	cancel context.CancelFunc
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
}

// maxCompilerOutput bounds what the compiler says of one build, in bytes.
const maxCompilerOutput = 4 << 20

// startWarm starts the compiler of a project whose modules are installed. The
// caller must stop it; it ends with ctx, too.
func startWarm(ctx context.Context, dir string, out io.Writer) (*warmCompiler, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &warmCompiler{cancel: cancel, cmd: exec.CommandContext(ctx, "node", "--input-type=module", "--eval", warmScript)}
	w.cmd.Dir, w.cmd.Stderr, w.cmd.WaitDelay = dir, out, killDelay
	ownGroup(w.cmd)
	in, err := w.cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	answers, err := w.cmd.StdoutPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("node: %w", err)
	}
	w.in, w.out = in, bufio.NewReaderSize(answers, maxCompilerOutput)
	return w, nil
}

func (w *warmCompiler) stop() {
	w.cancel()
	_ = w.cmd.Wait() // it was killed
}

var errCompile = errors.New("the compiler found errors")

// run compiles once. An error other than errCompile is that of the program:
// it must be stopped.
func (w *warmCompiler) run(args []string, output io.Writer) error {
	request, err := json.Marshal(map[string][]string{"args": args})
	if err != nil {
		return err
	}
	if _, err := w.in.Write(append(request, '\n')); err != nil {
		return err
	}
	line, err := w.out.ReadSlice('\n')
	if err != nil {
		return err
	}
	var answer struct {
		OK     bool   `json:"ok"`
		Output string `json:"output"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return err
	}
	if _, err := io.WriteString(output, answer.Output); err != nil {
		return err
	}
	if !answer.OK {
		return errCompile
	}
	return nil
}

// quickly are the compiler's options for a build whose speed counts: what it
// makes is larger and slower.
var quickly = []string{"--optimizeLevel", "0", "--shrinkLevel", "0"}

// compileWarm builds an AssemblyScript project with the compiler that runs, or
// starts it.
func (d *dev) compileWarm(ctx context.Context) ([]byte, error) {
	if d.warm == nil {
		if !onPath("node") || !onPath("npm") {
			return nil, missing("node and npm are not on the path; install Node.js 20 or newer")
		}
		if err := installModules(ctx, d.dir, d.options.Output); err != nil {
			return nil, err
		}
		var err error
		if d.warm, err = startWarm(ctx, d.dir, d.options.Output); err != nil {
			return nil, err
		}
	}
	scratch, err := os.MkdirTemp("", "mesh-host-build-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // the system's folder for such things
	target := filepath.Join(scratch, "plugin.wasm")
	args, err := assemblyScriptArgs(d.dir, target)
	if err != nil {
		return nil, err
	}
	err = d.warm.run(append(args, quickly...), d.options.Output)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, errCompile):
		return nil, err
	case err != nil:
		d.stopWarm()
		return nil, fmt.Errorf("AssemblyScript's compiler has ended: %w", err)
	}
	return ReadModule(target)
}

func (d *dev) stopWarm() {
	if d.warm != nil {
		d.warm.stop()
		d.warm = nil
	}
}
