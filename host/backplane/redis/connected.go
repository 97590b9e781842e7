package redis

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// connected is one life of a lane's connection. What is queued and counted
// is under the lane's lock, what is due the lane's goroutine's.
type connected struct {
	wire   *wire
	server string // which it is, see watch
	verbs  verbs

	out  []byte        // what is to be written
	more chan struct{} // has a value where there is some
	// sent counts, for a channel, the commands that no confirmation has come for.
	sent map[string]int
	// due are the channels that were confirmed and have not begun, or resumed, yet.
	due []due
}

// verbs are the words for plain and for sharded pub/sub.
type verbs struct{ subscribe, unsubscribe, message string }

var (
	plainVerbs   = verbs{"subscribe", "unsubscribe", "message"}
	shardedVerbs = verbs{"ssubscribe", "sunsubscribe", "smessage"}
)

func (c *connected) subscribe(channels ...string) { c.say(c.verbs.subscribe, channels...) }

func (c *connected) unsubscribe(channel string) { c.say(c.verbs.unsubscribe, channel) }

func (c *connected) say(verb string, channels ...string) {
	for _, channel := range channels {
		c.sent[channel]++
	}
	c.out = appendCommand(c.out, append([]string{verb}, channels...)...)
	signal(c.more)
}

// confirmed takes down a confirmation for a channel. It returns how many are
// still to come, and whether one was.
func (c *connected) confirmed(channel string) (left int, asked bool) {
	left = c.sent[channel]
	switch left {
	case 0:
		return 0, false
	case 1:
		delete(c.sent, channel)
	default:
		c.sent[channel] = left - 1
	}
	return left - 1, true
}

// live makes a connection and serves it until it is lost. It reports whether all
// went well before, and why there is none any more.
func (l *lane) live(ctx context.Context) (well bool, err error) {
	c, err := l.node.connect(ctx, l.base)
	if err != nil {
		l.lost(time.Now(), err, ctx.Err() != nil)
		return false, err
	}
	heard := time.Now()
	defer func() { well = l.lost(heard, err, ctx.Err() != nil) }()
	inner, stop := context.WithCancel(ctx)
	var writing sync.WaitGroup
	defer writing.Wait()
	defer stop()
	defer context.AfterFunc(inner, func() { _ = c.wire.conn.Close() })()
	defer func() { _ = c.wire.conn.Close() }()
	l.joined(c)
	writing.Go(func() { l.write(inner, c) })
	parts := make([]string, 0, 4)
	for {
		if len(c.due) >= askedAtOnce || len(c.due) > 0 && c.wire.in.Buffered() == 0 {
			if err = l.proceed(ctx, c); err != nil {
				return false, err
			}
		}
		if parts, err = c.wire.read(parts[:0]); err != nil {
			return false, err
		}
		heard = time.Now()
		if err = l.take(ctx, c, parts); err != nil {
			return false, err
		}
	}
}

// take does what the server says.
func (l *lane) take(ctx context.Context, c *connected, parts []string) error {
	if len(parts) < 3 {
		return nil // a pong
	}
	switch parts[0] {
	case c.verbs.message:
		if len(c.due) > 0 { // it may be for one of them
			if err := l.proceed(ctx, c); err != nil {
				return err
			}
		}
		if t := l.find(parts[1]); t != nil && t.live {
			t.handler.deliver(parts[2])
			l.node.options.After()
		}
	case c.verbs.subscribe:
		return l.confirmedBy(c, parts[1], true)
	case c.verbs.unsubscribe:
		return l.confirmedBy(c, parts[1], false)
	}
	return nil
}

// write writes what is queued, and a ping now and then, so that a server that is
// away without a word is found out.
func (l *lane) write(ctx context.Context, c *connected) {
	every := time.NewTicker(max(l.node.options.Timeout, 100*time.Millisecond))
	defer every.Stop()
	var text, spare []byte
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			text = appendCommand(spare[:0], "ping")
		case <-c.more:
			l.mu.Lock()
			text, c.out = c.out, spare[:0]
			l.mu.Unlock()
		}
		if err := c.wire.write(text); err != nil {
			_ = c.wire.conn.Close() // which the reader notices
			return
		}
		spare = text
	}
}

// connect makes a connection to the server that has a shard's channels.
func (n *Node) connect(ctx context.Context, base string) (*connected, error) {
	o := n.options
	conn, server, err := n.dial(ctx, base)
	if err != nil {
		return nil, err
	}
	c := &connected{
		wire: newWire(conn, 2*o.Timeout+time.Second), server: server, verbs: plainVerbs,
		more: make(chan struct{}, 1), sent: make(map[string]int),
	}
	if n.sharded {
		c.verbs = shardedVerbs
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := c.greet(o, !n.sharded); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// greet says who connects, and asks which server it is.
func (c *connected) greet(o Options, ask bool) error {
	if o.Password != "" {
		words := []string{"auth", o.Password}
		if o.User != "" {
			words = []string{"auth", o.User, o.Password}
		}
		if _, err := c.wire.ask(words...); err != nil {
			return err
		}
	}
	if !ask {
		return nil
	}
	info, err := c.wire.ask("info", "server")
	c.server = infoField(info, "run_id")
	return err
}

// infoField returns a field of what INFO answers.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// watch gives up each connection for subscriptions that is with another server
// than the one which takes the requests: a master that was cut off and replaced
// would still answer pings, but nobody publishes there.
func (n *Node) watch(ctx context.Context) {
	for every := time.Tick(max(n.options.Timeout, 100*time.Millisecond)); ; {
		select {
		case <-ctx.Done():
			return
		case <-every:
		}
		server, err := "", error(nil)
		for i, l := range n.lanes {
			if n.sharded || i == 0 {
				server, err = n.serverOf(ctx, l)
			}
			if has := l.server(); err == nil && server != "" && has != "" && has != server {
				n.log.Debug("redis: subscriptions are with another server", "has", has, "want", server)
				l.deaf()
			}
		}
	}
}

// serverOf is which server takes the requests of a lane's shard.
func (n *Node) serverOf(ctx context.Context, l *lane) (string, error) {
	client, err := n.server(ctx, l.base)
	if err != nil {
		return "", err
	}
	if n.sharded {
		return client.Options().Addr, nil
	}
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		return "", fmt.Errorf("redis: INFO: %w", err)
	}
	return infoField(info, "run_id"), nil
}

// server is which server the connection is with, "" for none.
func (l *lane) server() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life == nil {
		return ""
	}
	return l.life.server
}
