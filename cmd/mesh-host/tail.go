package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	client "github.com/mesh-host/mesh-host/client/go"
)

func tailCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "tail <url> <channel>",
		Short: "Print a channel's messages as they come",
		Long: `Follow a channel as a client does, and print each message once, one on a line; a
line break within one is printed as \n. On a terminal other control characters are
replaced. With --json a line is {"message", "offset", "epoch", "past"}: without
offset and epoch where the channel keeps no history, with past where the message was
kept, and not printed as it was published.

The URL is ws://… or wss://…, or host:port for ws://. When the connection breaks it is
made again, and what was missed is printed then. Where the server cannot say what was
missed, a line on stderr tells so; lines there begin with "mesh-host:".

It ends with Ctrl-C, or when nobody reads what it prints. Exit codes: 0 ended so, 1 the
server has ended it, or does not let this client in or at the channel, 2 a command
line that is refused, 3 a server that cannot be reached at first.`,
		Example: `  mesh-host tail ws://localhost:8080 news:x
  mesh-host tail localhost:8080 news:x --history 10
  mesh-host tail localhost:8080 news:x --since 15m --json | jq .message
  mesh-host tail localhost:8080 news:x --since 1041    # those after this offset`,
		Args: cobra.ExactArgs(2),
		RunE: runTail,
	}
	flags := command.Flags()
	addClientFlags(flags, 10*time.Second, "how long to try to connect, the first time")
	flags.Int("history", 0, "begin with so many of the newest messages, at most 10000")
	flags.String("since", "", "begin with those after this offset, or from this long ago (15m) or this time on (2026-01-02T15:04:05Z)")
	flags.Bool("json", false, "print JSON, with offset and epoch")
	return command
}

func runTail(command *cobra.Command, args []string) error {
	flags := command.Flags()
	since, err := flags.GetString("since")
	if err != nil {
		return err
	}
	follow, err := followFrom(since, time.Now())
	if err != nil {
		return err
	}
	if flags.Changed("history") {
		if follow.History, err = flags.GetInt("history"); err != nil {
			return err
		}
	}
	if follow.History < 0 || follow.History > maxHistory {
		return usageError{fmt.Errorf("--history: %d is not from 0 to %d", follow.History, maxHistory)}
	}
	asJSON, err := flags.GetBool("json")
	if err != nil {
		return err
	}
	o, timeout, err := clientOptions(flags, args[0])
	if err != nil {
		return err
	}
	ctx, stop := interruptible(command.Context())
	out := &tailOutput{out: command.OutOrStdout(), json: asJSON, terminal: isTerminal(command.OutOrStdout()), failed: make(chan error, 1)}
	var looking sync.WaitGroup
	looking.Go(func() {
		if awaitNoReader(ctx, command.OutOrStdout()) {
			stop()
		}
	})
	defer looking.Wait()
	defer stop()
	err = tail(ctx, command.ErrOrStderr(), o, timeout, args[1], follow, out)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || command.Context().Err() == nil && ctx.Err() != nil {
		return nil // nobody reads it, or wants it
	}
	return err
}

// maxHistory is how much of the past the server gives at most, in messages.
const maxHistory = 10_000

// followFrom is what --since means: an offset, a duration or a time.
func followFrom(since string, now time.Time) (o client.ChannelOptions, err error) {
	if since == "" {
		return o, nil
	}
	o.History = maxHistory
	if offset, err := strconv.ParseInt(since, 10, 64); err == nil && offset >= 0 && offset < 100_000_000_000 {
		o.Since = offset // the server would take a larger one for a time
		return o, nil
	}
	if ago, err := time.ParseDuration(since); err == nil && ago >= 0 {
		o.SinceTime = now.Add(-ago)
		return o, nil
	}
	if o.SinceTime, err = time.Parse(time.RFC3339, since); err != nil {
		return o, usageError{fmt.Errorf("--since: %q is no offset, duration such as 15m or time such as 2026-01-02T15:04:05Z", since)}
	}
	return o, nil
}

// tail prints a channel until the context ends, the output fails or the server ends
// it.
func tail(ctx context.Context, stderr io.Writer, o client.Options, timeout time.Duration, channel string, follow client.ChannelOptions, out *tailOutput) error {
	say := func(format string, args ...any) {
		fmt.Fprintln(stderr, "mesh-host:", oneLine(fmt.Sprintf(format, args...)))
	}
	notes := make(chan string, 16) // said by this goroutine only
	note := func(format string, args ...any) {
		select {
		case notes <- fmt.Sprintf(format, args...):
		case <-ctx.Done():
		}
	}
	o.OnDisconnect = func(err error) { note("disconnected: %v", err) }
	o.OnReconnect = func() { note("connected again") }
	follow.OnGap = func(from, to client.Position) {
		note("messages may be missing after offset %d; it goes on at %d", from.Offset, to.Offset)
	}
	// The notes are read until the client has closed, which waits for those who write them.
	ctx, cancel := context.WithCancel(ctx)
	c, err := connect(ctx, o, timeout)
	if err != nil {
		cancel()
		return err
	}
	defer c.Close()
	defer cancel()
	s, err := c.Subscribe(ctx, channel, func(m client.Message) {
		if ctx.Err() == nil { // of a long history the rest is not printed
			out.print(m)
		}
	}, follow)
	if err != nil {
		return fromServer(err)
	}
	for {
		select {
		case text := <-notes:
			say("%s", text)
		case err := <-out.failed:
			return err
		case <-s.Done():
			return fromServer(s.Err())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tailOutput prints messages. It belongs to the subscription.
type tailOutput struct {
	out            io.Writer
	json, terminal bool
	failed         chan error // has room for one
}

// lineBreaks keeps a message on its line.
var lineBreaks = strings.NewReplacer("\n", `\n`, "\r", `\r`)

func (o *tailOutput) print(m client.Message) {
	line := []byte(lineBreaks.Replace(m.Text))
	switch {
	case o.json:
		line = messageJSON(m)
	case o.terminal:
		line = []byte(strings.Map(visible, string(line)))
	}
	if _, err := o.out.Write(append(line, '\n')); err != nil {
		select {
		case o.failed <- err:
		default: // the first one counts
		}
	}
}

func messageJSON(m client.Message) []byte {
	text, _ := json.Marshal(struct { // of strings, a number and a bool
		Message string `json:"message"`
		Offset  int64  `json:"offset,omitempty"`
		Epoch   string `json:"epoch,omitempty"`
		Past    bool   `json:"past,omitempty"`
	}{m.Text, m.Offset, m.Epoch, m.Past})
	return escapeControls(text)
}
