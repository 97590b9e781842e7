package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	client "github.com/mesh-host/mesh-host/client/go"
)

// addClientFlags adds what call and tail connect with.
func addClientFlags(flags *pflag.FlagSet, timeout time.Duration, what string) {
	flags.String("token", "", "sent as ?token=…")
	flags.StringArray("header", nil, `sent with the handshake, "Name: value"; may be given again`)
	flags.Duration("timeout", timeout, what)
}

// clientOptions is how a client connects to a URL with the flags.
func clientOptions(flags *pflag.FlagSet, address string) (o client.Options, timeout time.Duration, err error) {
	if !strings.Contains(address, "://") {
		address = "ws://" + address
	}
	o.URLs = []string{address}
	if timeout, err = flags.GetDuration("timeout"); err != nil {
		return o, 0, err
	}
	if timeout <= 0 {
		return o, 0, usageError{fmt.Errorf("--timeout: %v leaves no time", timeout)}
	}
	o.ConnectTimeout = timeout
	token, err := flags.GetString("token")
	if err != nil {
		return o, 0, err
	}
	if token != "" {
		o.Token = func(context.Context) (string, error) { return token, nil }
	}
	lines, err := flags.GetStringArray("header")
	if err != nil {
		return o, 0, err
	}
	header := http.Header{"User-Agent": {"mesh-host/" + buildInfo().version}}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return o, 0, usageError{fmt.Errorf(`--header: %q is none: write "Name: value"`, line)}
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	o.Header = func(context.Context) (http.Header, error) { return header.Clone(), nil }
	return o, timeout, nil
}

// connect makes a client, or says why it cannot: an unreachableError where nobody
// answers, which is another thing than to be refused.
func connect(ctx context.Context, o client.Options, timeout time.Duration) (*client.Client, error) {
	c, err := client.New(o)
	if err != nil {
		return nil, usageError{err}
	}
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := c.Ready(within); err != nil {
		c.Close()
		return nil, fromServer(err)
	}
	return c, nil
}

// fromServer makes of a client's error what run knows.
func fromServer(err error) error {
	var (
		failed  *client.Error
		closed  *client.ClosedError
		refused *client.HandshakeError
	)
	switch {
	case errors.As(err, &failed):
		return &apiError{Code: failed.Code, Message: failed.Message, Ref: failed.Ref, Data: failed.Data}
	case errors.As(err, &closed), errors.As(err, &refused), errors.Is(err, client.ErrRefused), errors.Is(err, client.ErrUnsubscribed):
		return errors.New(oneLine(err.Error()))
	}
	return unreachableError{errors.New(oneLine(err.Error()))}
}

// interruptible ends a context with the first of the signals that end a command. The
// next one ends the program, which may wait for a reader of its output who reads no more.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
