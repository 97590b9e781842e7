package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
)

func pluginCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "plugin",
		Short: "Make, build, test and watch plugins",
		Long: `The tools for authors of plugins: a project to begin with, building, a look into
a module, tests without a network, measurements, a host that follows the
sources; and the plugins of a running server.`,
		Example: `  mesh-host plugin new --lang go hello
  cd hello && mesh-host plugin dev .
  mesh-host plugin build
  mesh-host plugin test build/hello.wasm cases.json
  mesh-host plugin list`,
		Args: knownTool,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	command.AddCommand(pluginNewCommand(), pluginBuildCommand(), pluginInspectCommand(), pluginTestCommand(),
		pluginBenchCommand(), pluginDevCommand(), pluginListCommand(), pluginReloadCommand())
	return command
}

// knownTool refuses a tool that there is not, and names those that are meant.
func knownTool(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("there is no %q in %q: did you mean %s?", args[0], c.CommandPath(), strings.Join(near, " or "))
	}
	return fmt.Errorf("there is no %q in %q", args[0], c.CommandPath())
}

// needs refuses any other number of arguments, and says what they are.
func needs(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return errors.New(what)
		}
		return nil
	}
}

// needFile is what the tools for one file want.
const needFile = "name one .wasm file, such as build/hello.wasm: mesh-host plugin build makes it"

// asUsage has main answer what is refused before anything is done as it answers
// a wrong command line.
func asUsage(err error) error {
	var refused *develop.UsageError
	if errors.As(err, &refused) {
		return usageError{err}
	}
	return err
}

// untilInterrupted runs work under a context that ends with a signal.
func untilInterrupted(c *cobra.Command, work func(ctx context.Context) error) error {
	ctx, stop := untilSignal(c.Context())
	defer stop()
	err := work(ctx)
	if ctx.Err() != nil && c.Context().Err() == nil && isCanceled(err) {
		return errInterrupted
	}
	return asUsage(err)
}

var errInterrupted = errors.New("interrupted")

// addConfigOfPlugin gives a command the flags that pluginConfig reads.
func addConfigOfPlugin(flags *pflag.FlagSet) {
	flags.String("config", "", "the plugin's settings, a JSON object")
	flags.String("config-file", "", "file with the plugin's settings, a JSON object")
}

func pluginConfig(flags *pflag.FlagSet) (json.RawMessage, error) {
	text, err := flags.GetString("config")
	if err != nil {
		return nil, err
	}
	file, err := flags.GetString("config-file")
	if err != nil {
		return nil, err
	}
	return develop.ReadConfig(text, file)
}

// readPlugin reads a plugin's file and the settings that the flags give it.
func readPlugin(flags *pflag.FlagSet, file string) (module []byte, config json.RawMessage, err error) {
	if config, err = pluginConfig(flags); err != nil {
		return nil, nil, asUsage(err)
	}
	module, err = develop.ReadModule(file)
	return module, config, err
}

// readProject reads which project a command is about: its folder, the working
// directory unless an argument names another, and the language that --lang says,
// "" where the files do.
func readProject(args []string, lang string) (dir string, language develop.Language, err error) {
	dir = "."
	if len(args) > 0 {
		dir = args[0]
	}
	if lang != "" {
		language, err = develop.ParseLanguage(lang)
	}
	return dir, language, asUsage(err)
}

// printJSON prints a result for programs, indented.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// isCanceled reports whether work ended because it was told to.
func isCanceled(err error) bool { return errors.Is(err, context.Canceled) }
