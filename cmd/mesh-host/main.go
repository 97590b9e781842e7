// Command mesh-host answers WebSocket clients with sandboxed WebAssembly
// plugins dropped into a folder.
//
// Exit codes: 0 a clean stop or a result, 1 a failure, 2 a configuration or
// command line that is refused before anything starts, 3 a server that cannot
// be reached.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is main with its surroundings given, and the exit code returned.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	started := false
	root := rootCommand()
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)

	command, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	var (
		refused     *configError
		usage       usageError
		reported    reportedError
		answered    *apiError
		unreachable unreachableError
	)
	switch {
	case errors.As(err, &reported):
	case errors.As(err, &answered):
		fmt.Fprintln(stderr, answered)
	default:
		fmt.Fprintln(stderr, "mesh-host:", err)
	}
	switch {
	case errors.As(err, &refused), errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &unreachable):
		return exitUnreachable
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
  mesh-host config print
  mesh-host call localhost:8080 echo '"hello"'
  mesh-host tail localhost:8080 news:x
  mesh-host api connections.list
  mesh-host plugin new --lang go hello`,
		Version:       buildInfo().version,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(serveCommand(), callCommand(), tailCommand(), apiCommand(), healthcheckCommand(), configCommand(), pluginCommand(), versionCommand())
	return root
}
