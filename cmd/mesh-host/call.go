package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

func callCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "call <url> <command> [json]",
		Short: "Run a command as a client does, and print the reply",
		Long: `Connect to a server as its clients do, run one command and print the payload of
the reply as JSON, indented on a terminal.

The URL is ws://… or wss://…, or host:port for ws://. The payload is any JSON;
"-" reads it from stdin, and none sends none.

Exit codes: 0 a reply, 1 the command failed, on stderr as "<code>: <message>",
with its data, or the server does not let this client in, 2 a command line that is
refused, 3 a server that cannot be reached or does not answer in time.`,
		Example: `  mesh-host call ws://localhost:8080 noop
  mesh-host call localhost:8080 add '{"a": 1, "b": 2}'
  mesh-host call wss://mesh.example.com mesh/get-channel-history '{"channel": "news:x"}' --token "$TOKEN"
  mesh-host call localhost:8080 import - <import.json`,
		Args: cobra.RangeArgs(2, 3),
		RunE: func(c *cobra.Command, args []string) error {
			payload, err := payloadOf(c.InOrStdin(), args[2:])
			if err != nil {
				return err
			}
			compact, err := c.Flags().GetBool("compact")
			if err != nil {
				return err
			}
			ctx, stop := interruptible(c.Context())
			defer stop()
			reply, err := callOnce(ctx, c, args[0], args[1], payload)
			if err != nil {
				return err
			}
			text, err := formatResult(reply, !compact && isTerminal(c.OutOrStdout()))
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	addClientFlags(command.Flags(), 30*time.Second, "how long to wait for the connection and the reply")
	command.Flags().Bool("compact", false, "print on one line, also on a terminal")
	return command
}

// payloadOf returns the payload that is the argument, or that "-" reads from stdin,
// nil for none.
func payloadOf(stdin io.Reader, args []string) (any, error) {
	if len(args) == 0 {
		return nil, nil
	}
	text := []byte(args[0])
	if string(text) == "-" {
		var err error
		if text, err = io.ReadAll(stdin); err != nil {
			return nil, fmt.Errorf("stdin: %w", err)
		}
	}
	if !json.Valid(text) {
		return nil, usageError{errors.New(`the payload is not JSON such as '{"a": 1}' or '"text"'`)}
	}
	return json.RawMessage(text), nil
}

// callOnce runs one command on a connection of its own.
func callOnce(ctx context.Context, command *cobra.Command, address, name string, payload any) (json.RawMessage, error) {
	o, timeout, err := clientOptions(command.Flags(), address)
	if err != nil {
		return nil, err
	}
	o.Attempts, o.FailOffline = 1, true
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := connect(ctx, o, timeout)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	reply, err := c.Command(ctx, name, payload)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, unreachableError{fmt.Errorf("no reply within %s", timeout)}
	case err != nil:
		return nil, fromServer(err)
	}
	return reply, nil
}
