package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
)

func pluginTestCommand() *cobra.Command {
	var update, asJSON, verbose bool
	command := &cobra.Command{
		Use:   "test <file> <cases>",
		Short: "Run commands against a plugin and compare the replies",
		Long: `Load a plugin into a host of its own, without a network, run the commands of a
file of cases one after the other, and compare what comes back.

  {"clients": {"ann": {"user": "ann"}},
   "cases": [
     {"name": "it greets", "as": "ann", "command": "greet",
      "payload": {"name": "Ann"}, "reply": {"greeting": "…", "times": 1},
      "kv": {"greeted:Ann": 1}}]}

A case expects a reply, an error {"code", "message"?}, or neither; pushes, a list
of {"to"?, "command", "payload"?}; kv and records, values by key and id, null for
none; and says with wait for how long, "2s". Other servers are answered for by
"http" beside "cases": [{"url", "method"?, "status"?, "headers"?, "body"?}]. "…"
stands for any value, as a member's name for any further members, at an array's
end for any further items.
docs/PLUGINS.md has all of it.

Exit codes: 0 all is as expected, 1 something is not, 2 cases that mean nothing.`,
		Example: `  mesh-host plugin test build/hello.wasm cases.json
  mesh-host plugin test --update build/hello.wasm cases.json
  mesh-host plugin test --config '{"word": "Good day"}' build/hello.wasm cases.json`,
		Args: needs(2, "name the .wasm file and the file of cases: mesh-host plugin test build/hello.wasm cases.json"),
		RunE: func(c *cobra.Command, args []string) error {
			module, config, err := readPlugin(c.Flags(), args[0])
			if err != nil {
				return err
			}
			cases, err := develop.ReadCases(args[1])
			if err != nil {
				return asUsage(err)
			}
			o := develop.TestOptions{File: args[0], Module: module, Config: config, Update: update}
			if verbose {
				o.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			}
			return untilInterrupted(c, func(ctx context.Context) error {
				results, err := develop.Test(ctx, cases, o)
				if err != nil {
					return err
				}
				if update {
					if err := saveCases(args[1], cases); err != nil {
						return err
					}
				}
				return printResults(c.OutOrStdout(), results, asJSON)
			})
		},
	}
	flags := command.Flags()
	flags.BoolVar(&update, "update", false, "write what came back into the file of cases, where it differs")
	flags.BoolVar(&asJSON, "json", false, "print a JSON array")
	flags.BoolVarP(&verbose, "verbose", "v", false, "show the plugin's log and the host's, on stderr")
	addConfigOfPlugin(flags)
	return command
}

func saveCases(path string, cases *develop.Cases) error {
	text, err := cases.Append()
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o666) //nolint:gosec // as the umask says, like any file of a project
}

func printResults(w io.Writer, results []develop.Result, asJSON bool) error {
	failed := 0
	for _, r := range results {
		if !r.OK {
			failed++
		}
	}
	if asJSON {
		if err := printJSON(w, results); err != nil {
			return err
		}
	} else if err := writeResults(w, results); err != nil {
		return err
	}
	switch {
	case failed > 0 && asJSON:
		return reportedError{errors.New("cases failed")}
	case failed > 0:
		return fmt.Errorf("%d of %d cases failed", failed, len(results))
	}
	return nil
}

func writeResults(w io.Writer, results []develop.Result) (err error) {
	for _, r := range results {
		word := "ok    "
		if !r.OK {
			word = "FAILED"
		}
		_, err1 := fmt.Fprintf(w, "%s %s (%s)\n", word, visibleText(r.Name), r.Took.Round(time.Microsecond))
		err = errors.Join(err, err1)
		for _, line := range r.Differences {
			_, err1 := fmt.Fprintf(w, "         %s\n", line)
			err = errors.Join(err, err1)
		}
	}
	return err
}
