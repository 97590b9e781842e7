package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mesh-host/mesh-host/host"
	"github.com/mesh-host/mesh-host/host/plugin/develop"
)

// The addresses of a server that only its author's machine reaches.
const (
	devListen = "127.0.0.1:8080"
	devAdmin  = "127.0.0.1:8081"
)

func pluginDevCommand() *cobra.Command {
	var lang, others string
	command := &cobra.Command{
		Use:   "dev [folder]",
		Short: "Serve a plugin and swap it with every change of its sources",
		Long: `Build the plugin in a folder, the working directory unless another is named, and
run a server with it, for this machine alone, with the demo page. Whenever a
source changes it is built and swapped; clients stay connected. What compilers
say and the plugin's log are shown. A build that fails leaves the one before
serving.

Other plugins come from --plugins, a folder that is followed too; settings from
--config, a file as for serve. Nothing is kept beyond the end, unless the file
says so.`,
		Example: `  mesh-host plugin dev .
  mesh-host plugin dev hello --listen 127.0.0.1:9000 --plugins build/plugins
  mesh-host plugin dev . --config config.toml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o := develop.DevOptions{Others: others, Output: c.OutOrStdout()}
			var err error
			if o.Dir, o.Language, err = readProject(args, lang); err != nil {
				return err
			}
			if o.Host, err = devConfig(c); err != nil {
				return err
			}
			o.Reload = func() (host.Config, error) { return devConfig(c) }
			o.Log = newLogger(o.Host.Log, c.ErrOrStderr())
			return untilInterrupted(c, func(ctx context.Context) error {
				err := explain(develop.Dev(ctx, o))
				if ctx.Err() != nil && c.Context().Err() == nil && isCanceled(err) {
					return nil // it was told to end
				}
				return err
			})
		},
	}
	flags := command.Flags()
	flags.String("config", "", "TOML file of the server, as for serve; \"\" reads none")
	flags.String("listen", devListen, "address for clients, host:port; port 0 picks a free one")
	flags.String("admin", devAdmin, "address of the admin API, host:port")
	flags.String(tokenFileFlag, "", "file that holds admin.token and nothing else")
	flags.StringVar(&others, "plugins", "", "folder with other plugins to serve")
	flags.StringVar(&lang, "lang", "", "rust, go, tinygo or assemblyscript, where the files do not say it")
	return command
}

// devConfig is the server's configuration, with other addresses than usual.
func devConfig(c *cobra.Command) (host.Config, error) {
	flags := c.Flags()
	l, err := load(flags)
	if err != nil {
		return host.Config{}, err
	}
	config := l.Config
	if l.sources["listen"] == "" {
		config.Listen = devListen
	}
	if l.sources["admin.listen"] == "" {
		config.Admin.Listen = devAdmin
	}
	config.Demo.Enabled = true
	return config, nil
}
