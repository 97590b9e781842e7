// Command mesh-host answers WebSocket clients with sandboxed WebAssembly
// plugins dropped into a folder.
//
// Exit codes: 0 a clean stop, 1 a failure, 2 a configuration or command line
// that is refused before anything starts.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its surroundings given, and the exit code returned.
func run(args []string, stdout, stderr io.Writer) int {
	started := false
	root := rootCommand()
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)

	command, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	var (
		refused  *configError
		reported reportedError
	)
	if !errors.As(err, &reported) {
		fmt.Fprintln(stderr, "mesh-host:", err)
	}
	switch {
	case errors.As(err, &refused):
		return exitUsage
	case !started:
		fmt.Fprintf(stderr, "See %q.\n", command.CommandPath()+" --help")
		return exitUsage
	}
	return exitFailed
}

// reportedError is in the log already, and not printed again.
type reportedError struct{ error }

func (e reportedError) Unwrap() error { return e.error }

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "mesh-host",
		Short: "Answer WebSocket clients with WebAssembly plugins",
		Long: `mesh-host is a realtime server. WebSocket clients send commands; middleware and
handlers in sandboxed WebAssembly plugins, *.wasm files in a folder, answer
them. A plugin that changes is swapped without dropping a connection.`,
		Example: `  mesh-host serve
  mesh-host serve --listen :9000 --plugins ./build/plugins
  mesh-host config print`,
		Version:       buildInfo().version,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(serveCommand(), configCommand(), versionCommand())
	return root
}
