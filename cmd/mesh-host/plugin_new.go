package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
)

func pluginNewCommand() *cobra.Command {
	var lang, dir, kit string
	command := &cobra.Command{
		Use:   "new --lang <language> <name>",
		Short: "Make the project of a plugin",
		Long: `Make a folder with a small plugin that builds at once, a test that passes, a
README, and cases for mesh-host plugin test.

The name is the plugin's: lower-case letters, digits and '-', a letter first.
The languages are rust, go, tinygo and assemblyscript.

A release of mesh-host names its own version of the kit, which the language's
tools fetch. A build from sources uses the kit of a checkout: that of --kit or
MESH_KITS, or the one in which it, or the working directory, lies.`,
		Example: `  mesh-host plugin new --lang go hello
  mesh-host plugin new --lang rust --dir plugins/hello hello
  mesh-host plugin new --lang assemblyscript --kit ~/src/mesh-host hello`,
		Args: needs(1, "say what the plugin is called, in one word: mesh-host plugin new --lang go hello"),
		RunE: func(c *cobra.Command, args []string) error {
			language, err := develop.ParseLanguage(lang)
			if err != nil {
				return asUsage(err)
			}
			made, err := develop.New(develop.NewOptions{Name: args[0], Language: language, Dir: dir, Kit: kitSource(kit)})
			if err != nil {
				return asUsage(err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s is there. Next:\n\n  cd %s\n  mesh-host plugin build\n  mesh-host plugin test build/%s.wasm cases.json\n  mesh-host plugin dev .\n\nThe README says more.\n",
				made, made, filepath.Base(made))
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&lang, "lang", "", "rust, go, tinygo or assemblyscript")
	flags.StringVar(&dir, "dir", "", "folder to make (default the name)")
	flags.StringVar(&kit, "kit", "", "checkout of mesh-host whose kit is used, in the place of a published one")
	return command
}

// kitSource looks for a checkout from the executable and from the working
// directory.
func kitSource(path string) develop.KitSource {
	s := develop.KitSource{Version: buildInfo().version, Path: path}
	if executable, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(executable); err == nil {
			executable = resolved
		}
		s.From = append(s.From, filepath.Dir(executable))
	}
	if here, err := os.Getwd(); err == nil {
		s.From = append(s.From, here)
	}
	return s
}
