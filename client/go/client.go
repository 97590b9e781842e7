package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// Client is a connection to mesh-host that lasts. It is safe for concurrent use.
type Client struct {
	options Options
	http    *http.Client
	ctx     context.Context // ends with the client
	cancel  context.CancelFunc
	calls   *queue[callback] // of the functions in options
	behind  bool             // the last push was left out; of who reads the connection
	leaving chan struct{}    // has room for who ends a subscription, until the server is to be told
	wg      sync.WaitGroup   // everything that was started

	mu      sync.Mutex
	conn    *conn         // nil while there is none
	changed chan struct{} // closed when conn changes
	failed  error         // why the last attempt to connect did
	waiting int           // calls that wait for conn
	subs    map[topicKey]*Subscription
	rooms   map[string]*state // those to be in, by name
	err     error             // why it ended
}

// callback is a call of one of the functions in the options.
type callback func()

// New makes a client that connects by itself, until it is closed or told by the
// server to stay away. It fails only for options that mean nothing.
func New(o Options) (*Client, error) {
	o, err := o.checked()
	if err != nil {
		return nil, err
	}
	c := &Client{
		options: o, http: o.HTTPClient, calls: newQueue[callback](), leaving: make(chan struct{}, 1),
		changed: make(chan struct{}), subs: make(map[topicKey]*Subscription), rooms: make(map[string]*state),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if c.http == nil {
		c.http = &http.Client{
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	c.wg.Go(c.supervise)
	c.wg.Go(c.callBack)
	return c, nil
}

// Dial is New and Ready: it tries until there is a connection, the context ends or
// the server refuses for good.
func Dial(ctx context.Context, o Options) (*Client, error) {
	c, err := New(o)
	if err != nil {
		return nil, err
	}
	if err := c.Ready(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Ready waits until there is a connection.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.connected(ctx, true)
	return err
}

// ID returns the connection's id, which is another one after each reconnect, and ""
// while there is none.
func (c *Client) ID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return ""
	}
	return c.conn.id
}

// Done is closed when the client has ended: it was closed, the server has said not to
// come back, or Options.Attempts have failed.
func (c *Client) Done() <-chan struct{} { return c.ctx.Done() }

// Err returns why the client has ended, nil while it has not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection and all subscriptions, and waits for everything that the
// client has started, handlers too. It may be called again, and not by a handler.
func (c *Client) Close() {
	c.finish(ErrClosed)
	c.wg.Wait()
	c.http.CloseIdleConnections()
}

// finish ends the client without waiting; the first reason counts.
func (c *Client) finish(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	subs := c.subs
	c.subs = nil
	c.cancel()
	c.mu.Unlock()
	for _, s := range subs {
		s.end(err)
	}
}

// connected returns the connection, and waits for it where that is wanted.
func (c *Client) connected(ctx context.Context, wait bool) (*conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.err != nil:
			return nil, c.err
		case c.conn != nil && c.conn.cause() == nil:
			return c.conn, nil
		case !wait:
			return nil, ErrOffline
		case c.waiting >= c.options.Waiting:
			return nil, ErrBusy
		}
		c.waiting++
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-c.ctx.Done():
		case <-ctx.Done():
		}
		c.mu.Lock()
		c.waiting--
		if err := ctx.Err(); err != nil && c.failed != nil {
			return nil, fmt.Errorf("%w; the last attempt: %w", err, c.failed)
		} else if err != nil {
			return nil, err
		}
	}
}

// use makes a connection the client's, nil for none, and returns the subscriptions.
func (c *Client) use(k *conn) []*Subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = k
	close(c.changed)
	c.changed = make(chan struct{})
	subs := make([]*Subscription, 0, len(c.subs))
	for _, s := range c.subs {
		subs = append(subs, s)
	}
	return subs
}

// take deals with a frame that is no reply. It does not wait.
func (c *Client) take(k *conn, f *frame, size int) {
	switch f.Command {
	case "ping":
		k.answer("pong")
		return
	case "latency:request":
		k.answer("latency:response")
		return
	case "latency", pushAssignID:
		return
	}
	p := push{command: f.Command}
	if p.ours() && json.Unmarshal(f.Payload, &p) != nil {
		return // it could be of anything
	}
	if key, ok := p.topic(); !ok || !c.route(key, &p, size) {
		c.pushed(f, size)
	}
}

// route hands a push to its subscription, if there is one.
func (c *Client) route(key topicKey, p *push, size int) bool {
	c.mu.Lock()
	s := c.subs[key]
	c.mu.Unlock()
	if s != nil {
		s.offer(p, size)
	}
	return s != nil
}

// pushed hands a push to OnPush.
func (c *Client) pushed(f *frame, size int) {
	if c.options.OnPush == nil {
		return
	}
	command, payload := f.Command, json.RawMessage(bytes.Clone(f.Payload))
	fits := c.calls.offer(func() { c.options.OnPush(command, payload) }, size, c.options.Backlog)
	if !fits && !c.behind {
		c.lost("push", command, ErrBusy)
	}
	c.behind = !fits
}

// lost tells OnLost.
func (c *Client) lost(kind, name string, err error) {
	if c.options.OnLost != nil && !errors.Is(err, ErrClosed) {
		c.notify(func() { c.options.OnLost(kind, name, err) })
	}
}

// notify queues a callback that is not a push, unless a thousand wait.
func (c *Client) notify(f callback) {
	const size, more = 64, 64 << 10
	c.calls.offer(f, size, c.options.Backlog+more)
}

// callBack calls the functions in the options until the client has ended, and then
// those that it has ended with.
func (c *Client) callBack() {
	for {
		if call, ok := c.calls.take(); ok {
			call()
			continue
		}
		select {
		case <-c.calls.wake:
		case <-c.ctx.Done():
			if call, ok := c.calls.take(); ok {
				call()
				continue
			}
			return
		}
	}
}
