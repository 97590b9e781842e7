package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
)

func pluginBuildCommand() *cobra.Command {
	var lang, out, optimise string
	command := &cobra.Command{
		Use:   "build [folder]",
		Short: "Build a plugin's project into a .wasm file",
		Long: `Build the project in a folder, the working directory unless another is named,
with its language's own compiler: go, tinygo, cargo or asc. The language is that
of the files: go.mod, Cargo.toml or asconfig.json.

wasm-opt makes the module smaller, where it is there; standard Go's it makes 3 %
smaller in 20 s, so there it must be asked for. The file appears whole or not at
all; then it is loaded as a server would, and what it registers printed.

Exit codes: 0 a plugin, 1 a compiler's error, or a module that no server would
load, 2 a command line or a folder that means nothing.`,
		Example: `  mesh-host plugin build
  mesh-host plugin build hello -o /srv/mesh-host/plugins/hello.wasm
  mesh-host plugin build --lang tinygo`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o := develop.BuildOptions{Out: out, Output: c.ErrOrStderr()}
			var err error
			if o.Dir, o.Language, err = readProject(args, lang); err != nil {
				return err
			}
			if o.Optimise, err = develop.ParseOptimise(optimise); err != nil {
				return asUsage(err)
			}
			if o.Config, err = pluginConfig(c.Flags()); err != nil {
				return asUsage(err)
			}
			return untilInterrupted(c, func(ctx context.Context) error { return buildPlugin(ctx, c, o) })
		},
	}
	flags := command.Flags()
	flags.StringVarP(&out, "out", "o", "", "file to write (default build/<folder>.wasm in the folder)")
	flags.StringVar(&lang, "lang", "", "rust, go, tinygo or assemblyscript, where the files do not say it")
	flags.StringVar(&optimise, "optimise", "auto", "run wasm-opt: always, never, or auto: for all but standard Go")
	addConfigOfPlugin(flags)
	return command
}

func buildPlugin(ctx context.Context, c *cobra.Command, o develop.BuildOptions) error {
	built, err := develop.Build(ctx, o)
	if err != nil {
		return err
	}
	if err := built.Write(c.OutOrStdout()); err != nil {
		return err
	}
	if built.Inspection.Refusal != "" {
		return refusedPlugin(built.Inspection.Refusal)
	}
	return nil
}

// refusedPlugin is a module that no server would load.
func refusedPlugin(why string) error {
	return fmt.Errorf("a server would not load it: %s\n(if it is settings that are missing, --config gives them)", why)
}
