package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
)

func pluginBenchCommand() *cobra.Command {
	var (
		o       develop.BenchOptions
		payload string
		asJSON  bool
	)
	command := &cobra.Command{
		Use:   "bench <file>",
		Short: "Measure a plugin's command",
		Long: `Call a plugin's command again and again, in a host of its own without a network,
and print how many calls a second, how long they took, what they cost the host,
the fuel that one used, in units of about one instruction (plugins.<name>.fuel
bounds it), and how long an instance takes to start. The machine should be at rest.`,
		Example: `  mesh-host plugin bench build/hello.wasm --command hello/greet --payload '{"name": "Ann"}'
  mesh-host plugin bench build/echo.wasm --concurrency 8 --duration 10s --json`,
		Args: needs(1, needFile),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if o.Module, o.Config, err = readPlugin(c.Flags(), args[0]); err != nil {
				return err
			}
			if payload != "" {
				o.Payload = json.RawMessage(payload)
			}
			o.File = args[0]
			return untilInterrupted(c, func(ctx context.Context) error {
				measured, err := develop.Bench(ctx, o)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(c.OutOrStdout(), measured)
				}
				if err := measured.Write(c.OutOrStdout()); err != nil {
					return err
				}
				if measured.Errors == measured.Calls {
					return errors.New("no call was answered with a reply, so this measures errors: --payload gives the command what it asks for")
				}
				return nil
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.Command, "command", "", "command to call (default the plugin's, if it has one only)")
	flags.StringVar(&payload, "payload", "", "its payload, JSON (default none)")
	flags.DurationVar(&o.Duration, "duration", 3*time.Second, "how long to measure")
	flags.IntVar(&o.Concurrency, "concurrency", 1, "how many clients call at once")
	flags.BoolVar(&asJSON, "json", false, "print a JSON object")
	addConfigOfPlugin(flags)
	return command
}
