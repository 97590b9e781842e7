package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mesh-host/mesh-host/abi"
)

// addServerFlags gives a command those of `mesh-host api`, under the names that
// are usual here.
func addServerFlags(command *cobra.Command) {
	flags := command.Flags()
	addSourceFlags(flags)
	flags.String("address", "", "the server's admin API: host:port, or a URL (default admin.listen)")
	flags.Duration("timeout", 30*time.Second, "how long to wait for the answer")
}

func pluginListCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "list",
		Short: "List a running server's plugins",
		Long: `Ask a running server for its plugins: which serve, and why others do not. It is
found as by mesh-host api, and the exit codes are the same.`,
		Example: `  mesh-host plugin list
  mesh-host plugin list --json --address mesh.example.com:8081`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			result, err := askServer(c, abi.OpPluginsList, nil)
			if err != nil {
				return err
			}
			var answer struct {
				Plugins []listedPlugin `json:"plugins"`
			}
			text := result
			if json.Unmarshal(result, &answer) != nil || answer.Plugins == nil {
				if err := json.Unmarshal(result, &answer.Plugins); err != nil {
					return fmt.Errorf("the server's answer cannot be read: %w", err)
				}
			}
			if asJSON {
				formatted, err := formatResult(text, true)
				if err != nil {
					return err
				}
				_, err = c.OutOrStdout().Write(formatted)
				return err
			}
			return writePlugins(c.OutOrStdout(), answer.Plugins)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print the server's answer as JSON")
	addServerFlags(command)
	return command
}

// listedPlugin is what a line of the list needs.
type listedPlugin struct {
	Name, File, Version, Format, Label, Error string
	Loaded                                    bool
	Commands                                  []string
	Instances, Running                        int
	Counts                                    struct{ Calls, Errors, Faults, Timeouts uint64 }
}

func writePlugins(w io.Writer, plugins []listedPlugin) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var lines io.Writer = table // which keeps an error for Flush
	fmt.Fprintln(lines, "NAME\tFILE\tVERSION\tFORMAT\tINSTANCES\tCALLS\tFAILED\tCOMMANDS")
	for _, p := range plugins {
		version := p.Version
		if p.Label != "" {
			version += " (" + p.Label + ")"
		}
		format := p.Format
		if !p.Loaded {
			version, format = "not loaded", "-"
		}
		fmt.Fprintf(lines, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", visibleText(p.Name), visibleText(p.File), visibleText(version), visibleText(format),
			p.Instances, p.Counts.Calls, p.Counts.Errors+p.Counts.Faults+p.Counts.Timeouts, visibleText(strings.Join(p.Commands, " ")))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, p := range plugins {
		if p.Error != "" {
			if _, err := fmt.Fprintf(w, "\n%s: %s\n", visibleText(p.File), visibleText(p.Error)); err != nil {
				return err
			}
		}
	}
	return nil
}

func visibleText(s string) string { return strings.Map(visible, s) }

func pluginReloadCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "reload <name>",
		Short: "Load a running server's plugin anew",
		Long: `Have a running server read a plugin's file and its section of the configuration
again, even where nothing has changed. The server is found as by mesh-host api,
and the exit codes are the same.`,
		Example: `  mesh-host plugin reload hello
  mesh-host plugin reload hello.wasm --address 127.0.0.1:9001`,
		Args: needs(1, "name one plugin, as mesh-host plugin list has it"),
		RunE: func(c *cobra.Command, args []string) error {
			result, err := askServer(c, abi.OpPluginsReload, map[string]string{"name": args[0]})
			if err != nil {
				return err
			}
			var answer struct {
				Version string `json:"version"`
			}
			if err := json.Unmarshal(result, &answer); err != nil {
				return fmt.Errorf("the server's answer cannot be read: %w", err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s serves version %s\n", args[0], visibleText(answer.Version))
			return err
		},
	}
	addServerFlags(command)
	return command
}

// askServer calls an operation of the admin API.
func askServer(c *cobra.Command, operation string, request map[string]string) (json.RawMessage, error) {
	text := []byte("{}")
	if request != nil {
		var err error
		if text, err = json.Marshal(request); err != nil {
			return nil, err
		}
	}
	call, err := newAPICall(c.Flags())
	if err != nil {
		return nil, err
	}
	answer, err := call.do(c.Context(), operation, text)
	return answer.Result, err
}
