package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
)

func pluginInspectCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "inspect <file>",
		Short: "Show what a plugin's file asks for and registers",
		Long: `Show a module's format, what it imports, by capability, and exports, its memory,
the size of its parts and that with the meter by which hosts bound it; and load it,
in a host of its own without a network, to see what it registers.

Exit codes: 0 a plugin, 1 a file that no server would load.`,
		Example: `  mesh-host plugin inspect build/hello.wasm
  mesh-host plugin inspect --json hello.wasm | jq .capabilities
  mesh-host plugin inspect --config '{"word": "Good day"}' hello.wasm`,
		Args: needs(1, needFile),
		RunE: func(c *cobra.Command, args []string) error {
			module, config, err := readPlugin(c.Flags(), args[0])
			if err != nil {
				return err
			}
			return untilInterrupted(c, func(ctx context.Context) error {
				found, err := develop.Inspect(ctx, args[0], module, config)
				if err != nil {
					return err
				}
				if asJSON {
					err = printJSON(c.OutOrStdout(), found)
				} else {
					err = found.Write(c.OutOrStdout())
				}
				if err == nil && found.Refusal != "" {
					return refusedPlugin(found.Refusal)
				}
				return err
			})
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	addConfigOfPlugin(command.Flags())
	return command
}
