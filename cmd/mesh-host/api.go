package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mesh-host/mesh-host/abi"
)

// usageError is a command line that means nothing.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func apiCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "api <operation> [json]",
		Short: "Ask a running server for something",
		Long: `Call an operation of a running server's admin API and print the result as JSON,
indented on a terminal.

The server is the one at admin.listen, and the token admin.token, of the same
flags, variables and file as for serve; --address names another one. The request
is a JSON object; "-" reads it from stdin, and none is {}.

Exit codes: 0 a result, 1 an error of the server, on stderr as "<code>:
<message>", 2 a command line or configuration that is refused, 3 a server that
cannot be reached.`,
		Example: `  mesh-host api --list
  mesh-host api channels.publish --help
  mesh-host api connections.list
  mesh-host api broadcast '{"command": "notice", "payload": "Back in five minutes"}'
  mesh-host api channels.publish - <message.json
  MESH_ADMIN_TOKEN=… mesh-host api users.list --address mesh.example.com:8081`,
		Args: cobra.ArbitraryArgs, // those that are no operation
		RunE: func(c *cobra.Command, args []string) error {
			list, err := c.Flags().GetBool("list")
			switch {
			case err != nil:
				return err
			case list:
				return printOperations(c.OutOrStdout())
			case len(args) == 0:
				return c.Help()
			}
			return unknownOperation(args[0])
		},
	}
	command.Flags().Bool("list", false, "print all operations with their fields, without asking a server")
	flags := command.PersistentFlags()
	addSourceFlags(flags)
	flags.String("address", "", "the server's admin API: host:port, or a URL (default admin.listen)")
	flags.Bool("compact", false, "print on one line, also on a terminal")
	flags.Duration("timeout", 30*time.Second, "how long to wait for the answer")
	for _, o := range operatorOperations() {
		command.AddCommand(operationCommand(o))
	}
	return command
}

// operatorOperations are those that operators may call.
func operatorOperations() []abi.Operation {
	return slices.DeleteFunc(slices.Clone(abi.Operations), func(o abi.Operation) bool { return o.Door == abi.DoorPlugin })
}

func unknownOperation(name string) error {
	var known []string
	for _, o := range abi.Operations {
		if o.Door != abi.DoorPlugin {
			known = append(known, o.Name)
		} else if o.Name == name {
			return usageError{fmt.Errorf("only plugins can call %s", name)}
		}
	}
	return usageError{fmt.Errorf("unknown operation %q%s (mesh-host api --list prints all)", name, didYouMean(name, known))}
}

func operationCommand(o abi.Operation) *cobra.Command {
	return &cobra.Command{
		Use:   o.Name + " [json]",
		Short: firstSentence(o.Doc),
		Long:  describeOperation(o),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			request, err := requestOf(c.InOrStdin(), args)
			if err != nil {
				return err
			}
			call, err := newAPICall(c.Flags())
			if err != nil {
				return err
			}
			answer, err := call.do(c.Context(), o.Name, request)
			if err != nil {
				return err
			}
			return printAnswer(c, answer)
		},
	}
}

// requestOf returns the request that is the argument, or that "-" reads from
// stdin, or {}.
func requestOf(stdin io.Reader, args []string) ([]byte, error) {
	text := []byte("{}")
	if len(args) > 0 {
		text = []byte(args[0])
	}
	if string(text) == "-" {
		var err error
		if text, err = io.ReadAll(stdin); err != nil {
			return nil, fmt.Errorf("stdin: %w", err)
		}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return nil, usageError{errors.New(`the request is not a JSON object such as '{"channel": "news"}'`)}
	}
	return text, nil
}
