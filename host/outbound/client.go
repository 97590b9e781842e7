// Package outbound makes the HTTP requests of plugins. It asks only what a
// plugin's policy allows, and looks again at every redirect and at every
// address that a name is resolved to, so that a plugin reaches neither the
// server's neighbours nor the server itself.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/operation"
)

// Client serves http.fetch. It is safe for concurrent use.
type Client struct {
	policies func(plugin string) Policy
	denied   func(caller operation.Caller, reason error)

	mu      sync.Mutex
	plugins map[string]*client // by the plugin's name
}

// client is one plugin's: connections are kept, and shared with no one whom
// another policy holds for.
type client struct {
	policy *Policy
	http   http.Client
}

// New makes a client that is told by policies how a plugin may ask, and tells
// denied of each request to where it may not, from the goroutine of the call; the
// reason, for the log, names the origin or the address. The caller must Close it.
func New(policies func(plugin string) Policy, denied func(caller operation.Caller, reason error)) *Client {
	return &Client{policies: policies, denied: denied, plugins: make(map[string]*client)}
}

// Define adds http.fetch to a table.
func (c *Client) Define(t operation.Table) { operation.Define(t, abi.OpHTTPFetch, c.fetch) }

// Close closes the connections that are not in use.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.plugins {
		p.http.CloseIdleConnections()
	}
}

// of returns a plugin's client, a new one where its policy has changed.
func (c *Client) of(plugin string) *client {
	policy := c.policies(plugin)
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.plugins[plugin]
	if p == nil || !p.policy.equal(&policy) {
		if p != nil {
			p.http.CloseIdleConnections()
		}
		p = newClient(&policy)
		c.plugins[plugin] = p
	}
	return p
}

// The bounds of a plugin's connections.
const (
	maxConnections = 32  // to one host
	maxOpen        = 256 // to all hosts, those that are being made included
	maxIdle        = 8   // to one host, and 4 times as many in all
	idleTimeout    = time.Minute
	dialTimeout    = 10 * time.Second
	maxAnswerHead  = 64 << 10 // bytes
)

func newClient(p *Policy) *client {
	c := &client{policy: p}
	c.http = http.Client{
		CheckRedirect: redirect,
		Transport: &http.Transport{
			// No proxy of the environment's: it would connect where nobody looks.
			DialContext:            (&dialer{policy: p}).dial,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    dialTimeout,
			MaxConnsPerHost:        maxConnections,
			MaxIdleConnsPerHost:    maxIdle,
			MaxIdleConns:           4 * maxIdle,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxAnswerHead,
		},
	}
	return c
}

// maxRedirects is how many redirects one request follows.
const maxRedirects = 5

var errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)

// originError refuses a place that no origin contains.
type originError struct{ origin string }

// Error implements error.
func (e *originError) Error() string { return e.origin + " is not allowed" }

// originsKey finds the origins of a request in its context.
type originsKey struct{}

// allowed checks where a request goes, with the origins of its context.
func allowed(r *http.Request) error {
	if origins, _ := r.Context().Value(originsKey{}).(*capability.Origins); !origins.Allow(r.URL) {
		return &originError{r.URL.Scheme + "://" + r.URL.Host}
	}
	return nil
}

// redirect looks at where an answer points to, as it was looked at where the
// plugin wanted to go.
func redirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errRedirects
	}
	u, err := parseURL(r.URL.String())
	if err != nil {
		return err
	}
	if err := allowed(r); err != nil {
		return err
	}
	if first := via[0].URL; first.Scheme != u.Scheme || first.Host != u.Host {
		for name := range r.Header {
			if !slices.Contains(carried, name) {
				r.Header.Del(name)
			}
		}
	}
	return nil
}

// fetch serves http.fetch.
func (c *Client) fetch(ctx context.Context, caller operation.Caller, q *abi.HTTPFetchRequest) (a abi.HTTPFetchResponse, err error) {
	p := c.of(caller.Plugin)
	timeout := p.policy.Timeout
	if asked := q.Timeout; asked > 0 && asked < timeout.Milliseconds() {
		timeout = time.Duration(asked) * time.Millisecond
	}
	ctx, cancel := detach(ctx, timeout)
	defer cancel()
	ctx = context.WithValue(ctx, originsKey{}, caller.Origins)
	r, err := newRequest(ctx, q, p.policy.Size)
	if err != nil {
		return a, err
	}
	if err := allowed(r); err != nil {
		return a, c.explain(err, caller)
	}
	answer, err := p.http.Do(r)
	if err != nil {
		return a, c.explain(err, caller)
	}
	defer func() { _ = answer.Body.Close() }() // read, or not to be read
	if answer.StatusCode == http.StatusSwitchingProtocols {
		// Its body is the connection itself, which no deadline ends.
		return a, c.explain(errSwitched, caller)
	}
	if a, err = p.read(answer); err != nil {
		return abi.HTTPFetchResponse{}, c.explain(err, caller)
	}
	return a, nil
}

// detach returns a context that ends with ctx, or after the timeout, and asks it
// for no value. net/http goes on connecting for a request that has ended, and
// takes the request's values along; those of a guest's context are then
// another call's.
func detach(ctx context.Context, timeout time.Duration) (detached context.Context, cancel context.CancelFunc) {
	detached, end := context.WithTimeout(context.Background(), timeout)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-ctx.Done():
			end()
		case <-detached.Done():
		}
	}()
	return detached, func() {
		end()
		<-ended
	}
}

var (
	errTooLarge = errors.New("the answer is too large")
	errSwitched = errors.New("the server switches to another protocol")
)
