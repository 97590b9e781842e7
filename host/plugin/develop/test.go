package develop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// maxLine bounds what is said of one difference, in bytes.
const maxLine = 2048

// TestOptions say what to test.
type TestOptions struct {
	// File is the plugin's name, Module its content.
	File   string
	Module []byte
	// Config is the plugin's settings, a JSON object; nil: what the cases say.
	Config json.RawMessage
	// Update replaces what differs in the cases by what was got.
	Update bool
	// Log takes what the plugin and the host have to say; nil: no one.
	Log *slog.Logger
}

// Result is what became of a case.
type Result struct {
	Name string        `json:"name"`
	OK   bool          `json:"ok"`
	Took time.Duration `json:"tookNs"`
	// Differences are for people, a line each, without control characters.
	Differences []string `json:"differences,omitempty"`
}

// Test runs cases against a plugin in a host of its own, without a network. The
// error is a plugin that does not load, or a host that could not be made; a
// case that fails is none.
func Test(ctx context.Context, cases *Cases, o TestOptions) (results []Result, err error) {
	config := o.Config
	if config == nil {
		config = cases.Config
	}
	s, err := openSandbox(sandboxOptions{file: pluginFile(o.File), module: o.Module, config: config, answers: cases.HTTP, schedules: true, log: o.Log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.loaded(); err != nil {
		return nil, fmt.Errorf("%s does not load: %s", o.File, printable(err.Error()))
	}
	r := &runner{host: s, cases: cases, clients: make(map[string]*client), seen: make(map[string]int)}
	defer r.close()
	for i := range cases.Cases {
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
		results = append(results, r.run(ctx, &cases.Cases[i], o.Update))
	}
	return results, nil
}

// runner runs cases, one after the other.
type runner struct {
	host    *sandbox
	cases   *Cases
	clients map[string]*client
	seen    map[string]int // how many pushes of a client came before the case
}

func (r *runner) close() {
	for _, name := range sortedKeys(r.clients) {
		_ = r.clients[name].close(context.Background()) // a recorder's never fails
	}
}

// client returns a client by name, connected when it is first asked for.
func (r *runner) client(ctx context.Context, name string) (*client, error) {
	if c := r.clients[name]; c != nil {
		return c, nil
	}
	c, err := r.host.connect(ctx, r.cases.Clients[name])
	if err != nil {
		return nil, err
	}
	r.clients[name] = c
	return c, nil
}

// outcome is what came of a command.
type outcome struct {
	reply  json.RawMessage
	failed *protocol.Error
}

func (r *runner) run(ctx context.Context, one *Case, update bool) Result {
	start := time.Now()
	differences := r.do(ctx, one, update)
	for i, line := range differences {
		differences[i] = printable(protocol.CutText(line, maxLine))
	}
	return Result{Name: one.Name, OK: len(differences) == 0, Took: time.Since(start), Differences: differences}
}

func (r *runner) do(ctx context.Context, one *Case, update bool) []string {
	if one.Pushes != nil { // all of them are there from the command on
		for _, p := range *one.Pushes {
			if _, err := r.client(ctx, receiver(one, p)); err != nil {
				return []string{"the handshake of " + quoteClient(receiver(one, p)) + " failed: " + err.Error()}
			}
		}
	}
	c, err := r.client(ctx, one.As)
	if err != nil {
		return r.handshakeFailed(one, err)
	}
	r.markSeen()
	var differences []string
	switch {
	case one.Disconnect:
		delete(r.clients, one.As)
		delete(r.seen, one.As)
		if err := c.close(ctx); err != nil {
			differences = append(differences, err.Error())
		}
	case one.Command != "":
		var o outcome
		o.reply, o.failed = c.call(ctx, one.Command, one.Payload)
		differences = r.judge(one, o)
		if len(differences) > 0 && update {
			one.adopt(o)
			differences = nil
		}
	}
	return append(differences, r.judgeLater(ctx, one, update)...)
}

// handshakeFailed is a case whose client is refused: that may be what it
// expects, as the error EDENIED.
func (r *runner) handshakeFailed(one *Case, err error) []string {
	if one.Error != nil && one.Error.Code == abi.CodeDenied && (one.Error.Message == "" || one.Error.Message == err.Error()) {
		return nil
	}
	return []string{"the handshake of " + quoteClient(one.As) + " failed: " + printable(err.Error())}
}

func quoteClient(name string) string {
	if name == "" {
		return "the client"
	}
	return fmt.Sprintf("%q", name)
}

// receiver is the client that a push is for.
func receiver(one *Case, p CasePush) string {
	if p.To != "" {
		return p.To
	}
	return one.As
}

func (r *runner) markSeen() {
	for name, c := range r.clients {
		pushes, _, _ := c.socket.since(0)
		r.seen[name] = len(pushes)
	}
}

// judge compares a reply or an error.
func (r *runner) judge(one *Case, o outcome) []string {
	switch {
	case o.failed != nil && one.Error == nil:
		return []string{fmt.Sprintf("want a reply, got the error %s: %s", o.failed.Code, shorten(o.failed.Message))}
	case o.failed == nil && one.Error != nil:
		return []string{fmt.Sprintf("want the error %s, got the reply %s", one.Error.Code, shorten(string(o.reply)))}
	case o.failed != nil:
		var lines []string
		if o.failed.Code != one.Error.Code {
			lines = append(lines, fmt.Sprintf("error.code: want %s, got %s: %s", one.Error.Code, shorten(o.failed.Code), shorten(o.failed.Message)))
		}
		if m := one.Error.Message; m != "" && m != wildcard && m != o.failed.Message {
			lines = append(lines, fmt.Sprintf("error.message: want %q, got %q", m, shorten(o.failed.Message)))
		}
		return lines
	case one.Reply == nil:
		return nil
	}
	return compare("reply", one.Reply, o.reply)
}

// adopt makes what was got what is expected.
func (one *Case) adopt(o outcome) {
	one.Reply, one.Error = o.reply, nil
	if o.failed != nil {
		one.Reply, one.Error = nil, &CaseError{Code: o.failed.Code, Message: o.failed.Message}
	}
}
