package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mesh-host/mesh-host/host"
)

func healthcheckCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask whether the server on this machine is well",
		Long: `Ask the running server whether clients are welcome, /readyz, or with --live
whether it serves at all, /healthz. It is for where there is no other program to
ask with, as in a container without a shell.

The server is the one at admin.listen of the same flags, variables and file as
for serve, or with --clients at listen; an address without a host, or with that
of every interface, is asked at loopback. What else the configuration has is not
looked at: a server that runs is not ill because its file has been changed.

Ready is for who sends clients to the server, live for who restarts it: a server
that is not ready, because it is stopping or because Redis is away, recovers by
itself, and a restart would only take its sessions.

Exit codes: 0 the answer is 200, 1 anything else, with one line on stderr that
says why, 2 a command line that is refused.`,
		Example: `  mesh-host healthcheck
  mesh-host healthcheck --live
  mesh-host healthcheck --clients --listen :9000
  mesh-host healthcheck --url http://10.0.0.7:8080/readyz --timeout 1s`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			target, err := healthURL(c.Flags())
			if err != nil {
				return err
			}
			timeout, err := c.Flags().GetDuration("timeout")
			if err != nil {
				return err
			}
			return askHealth(c.Context(), target, timeout)
		},
	}
	d := host.Default()
	flags := command.Flags()
	flags.String("config", defaultFile, "TOML file to read; the default one may be missing, \"\" reads none")
	flags.String("admin", d.Admin.Listen, "address of the admin API, host:port")
	flags.String("listen", d.Listen, "address for clients, host:port, which --clients asks")
	flags.Bool("clients", false, "ask where clients connect, not the admin API")
	flags.Bool("live", false, "ask /healthz, not /readyz: whether a restart is due")
	flags.String("url", "", "ask just this URL, whatever the configuration says")
	flags.Duration("timeout", 3*time.Second, "how long to wait for the answer")
	return command
}

// healthURL is what to ask.
func healthURL(flags *pflag.FlagSet) (string, error) {
	target, err := flags.GetString("url")
	if err != nil {
		return "", err
	}
	if target != "" {
		if flags.Changed("live") || flags.Changed("clients") {
			return "", usageError{errors.New("--url says all of what to ask: --live and --clients do not go with it")}
		}
		u, err := url.Parse(target)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "", usageError{fmt.Errorf("--url: %q is no URL such as http://127.0.0.1:8081/readyz", target)}
		}
		return target, nil
	}
	live, err := flags.GetBool("live")
	if err != nil {
		return "", err
	}
	address, err := healthAddress(flags)
	if err != nil {
		return "", err
	}
	path := "/readyz"
	if live {
		path = "/healthz"
	}
	return "http://" + address + path, nil
}

// healthAddress finds where the server listens.
func healthAddress(flags *pflag.FlagSet) (string, error) {
	clients, err := flags.GetBool("clients")
	if err != nil {
		return "", err
	}
	l := read(flags)
	key, value := "admin.listen", l.Admin.Listen
	if clients {
		key, value = "listen", l.Listen
	}
	if _, found := l.sources[key]; !found && len(l.problems) > 0 {
		// The address may be just in what cannot be read.
		return "", fmt.Errorf("%s is not known: %s", key, oneLine(l.problems[0].Error()))
	}
	name, port, err := net.SplitHostPort(value)
	switch {
	case err != nil || port == "":
		return "", fmt.Errorf("%s: %q is no address: host:port", key, value)
	case port == "0":
		return "", fmt.Errorf("%s is a free port: say with --url which one it has become", key)
	}
	return net.JoinHostPort(reachable(name), port), nil
}

// askHealth returns nil if the answer is 200, and else what is wrong.
func askHealth(ctx context.Context, target string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return usageError{err}
	}
	r.Header.Set("User-Agent", "mesh-host/"+buildInfo().version)
	client := apiClient()
	client.Transport = &http.Transport{DisableKeepAlives: true} // without the proxy for elsewhere
	response, err := client.Do(r)
	if err != nil {
		return healthError(target, timeout, err)
	}
	said, err := io.ReadAll(io.LimitReader(response.Body, maxReason))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return healthError(target, timeout, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", target, response.Status, oneLine(string(said)))
	}
	return nil
}

// maxReason is how much of an answer is printed at most, in bytes.
const maxReason = 1 << 10

func healthError(target string, timeout time.Duration, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without method and URL
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", timeout)
	}
	return fmt.Errorf("%s: %s", target, oneLine(err.Error()))
}

// oneLine makes one line of a text that others have written.
func oneLine(text string) string {
	return strings.Map(visible, strings.Join(strings.Fields(text), " "))
}
