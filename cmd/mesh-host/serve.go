package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mesh-host/mesh-host/host"
)

func serveCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "serve",
		Short: "Serve clients until SIGTERM or SIGINT",
		Long: `Serve WebSocket clients with the plugins of a folder.

Each setting is taken from the first that has it: a flag, a variable, the file,
the default. The variable of a key is MESH_ and the key in upper case with "_"
for ".": MESH_LIMITS_MESSAGE_SIZE is limits.message_size. Lists of tables, such
as [[channels]], are JSON there: MESH_CHANNELS='[{"pattern": "news"}]'.
config.toml lists all keys; "mesh-host config print" shows what is in effect.

When clients can connect, one line is printed on stdout:
  mesh-host ready listen=<addr> admin=<addr>
All else goes to stderr. SIGTERM and SIGINT let running commands finish for at
most shutdown.grace; a second signal ends the process at once.

After a restore of store.path from a backup, start once with --new-epochs: clients
may know versions that the backup has not, and would be given patches that do not
fit. All of them then fetch what they follow anew.`,
		Example: `  mesh-host serve
  mesh-host serve --config /etc/mesh-host/config.toml
  mesh-host serve --listen 127.0.0.1:0 --admin 127.0.0.1:0 --plugins ./build/plugins
  mesh-host serve --store /var/lib/mesh-host
  mesh-host serve --redis redis://redis.internal:6379/0
  MESH_LOG_FORMAT=json MESH_LIMITS_CONNECTIONS=5000 mesh-host serve`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := load(c.Flags())
			if err != nil {
				return err
			}
			options, err := optionsOf(c.Flags(), l)
			if err != nil {
				return err
			}
			logger := newLogger(l.Log, c.ErrOrStderr())
			for _, warning := range l.warnings {
				logger.Warn("configuration: " + warning)
			}
			logger.Info("starting", "version", buildInfo().version, "config", l.file)

			ctx, stop := untilSignal(c.Context())
			defer stop()
			if err := serve(ctx, l.Config, logger, c.OutOrStdout(), options...); err != nil {
				logger.Error("stopped", "error", err)
				return reportedError{err}
			}
			return nil
		},
	}
	addConfigFlags(command.Flags())
	command.Flags().Bool(newEpochsFlag, false, "give all that the store keeps new epochs: once, after a restore from a backup")
	return command
}

// newEpochsFlag is about one start and what came before it, so it is no key of the
// configuration.
const newEpochsFlag = "new-epochs"

// optionsOf are those that a server is started with.
func optionsOf(flags *pflag.FlagSet, l *loaded) ([]host.Option, error) {
	options := []host.Option{host.WithReload(reloader(flags))}
	renew, err := flags.GetBool(newEpochsFlag)
	switch {
	case err != nil || !renew:
		return options, err
	case l.Store.Path == "":
		return nil, usageError{errors.New("--new-epochs is for a store that was restored, and there is none: set --store or store.path")}
	}
	return append(options, host.WithNewEpochs()), nil
}

// untilSignal returns a context that ends with SIGTERM or SIGINT. By the time it
// does, signals have their usual effect again: a second one ends the process.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		cancel()
	})
	return ctx, func() { cancel(); watching.Wait() }
}

// serve runs a server until ctx is done and says on stdout when it is ready.
func serve(ctx context.Context, cfg host.Config, logger *slog.Logger, stdout io.Writer, options ...host.Option) error {
	server, err := host.New(cfg, logger, options...)
	if err != nil {
		return explain(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()

	select {
	case err = <-done:
		return explain(err)
	case <-server.Ready():
	}
	_, err = fmt.Fprintf(stdout, "mesh-host ready listen=%s admin=%s\n", server.Addr(), server.AdminAddr())
	if err != nil {
		cancel() // Whoever started us and waits for the line has gone.
	}
	return explain(errors.Join(err, <-done))
}

// explain adds what to do to the errors that every operator meets.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: something else listens there, another mesh-host? --listen and --admin choose other addresses", err)
	case isListenError(err) && errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: ports below 1024 may need privileges", err)
	}
	return err
}

func isListenError(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "listen"
}
