package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Options say how a client connects. Only URLs is needed. What is 0 is the default.
type Options struct {
	// URLs are where to connect, ws:// or wss:// (http:// and https:// are taken for
	// these), tried in random order.
	URLs []string
	// Token, unless nil, is asked before each attempt to connect, and what it returns
	// is sent as ?token=…; an error fails the attempt. It must end with its context.
	Token func(context.Context) (string, error)
	// Header, unless nil, is asked in the same way for headers of the handshake.
	Header func(context.Context) (http.Header, error)
	// HTTPClient makes the handshake. The default one follows no redirects, since
	// token and headers are meant for the servers that were named.
	HTTPClient *http.Client

	// ReconnectInterval, 2 s, and ReconnectMax, 30 s, bound the pauses: before the
	// n-th round through URLs it is a random time below ReconnectInterval × 2^(n-1)
	// and below ReconnectMax.
	ReconnectInterval, ReconnectMax time.Duration
	// Attempts is how many attempts in a row may fail before the client ends, 0 for
	// any number. One whose connection could not be restored counts as failed.
	Attempts int
	// ConnectTimeout bounds one attempt, up to the server's first frame: 10 s.
	ConnectTimeout time.Duration
	// ReplyTimeout bounds the wait for the replies that restore a connection or begin
	// a subscription, 30 s. Later than that the connection is taken for dead.
	ReplyTimeout time.Duration
	// Silence is how long the server may send nothing, 45 s. Then it is asked for a
	// sign of life, and after ConnectTimeout more the connection is taken for dead.
	Silence time.Duration

	// ReadLimit is the largest frame that is taken, 16 MiB. A larger one ends the
	// connection.
	ReadLimit int64
	// Queue is how many frames wait to be sent before callers do, 256.
	Queue int
	// Backlog is how much may wait for each handler, in bytes of frames, 1 MiB. A
	// single push is always taken.
	Backlog int
	// FailOffline has calls made while there is no connection fail with ErrOffline,
	// instead of waiting for one until their context ends.
	FailOffline bool
	// Waiting is how many calls may wait for a connection, 1024. One more fails with
	// ErrBusy.
	Waiting int

	// OnReconnect is called when a connection after the first one has been restored.
	OnReconnect func()
	// OnDisconnect is called when a connection ends, with why: a *ClosedError where
	// the server said.
	OnDisconnect func(error)
	// OnPush is called for every push that belongs to no subscription: those of
	// plugins and operators. Where the backlog is full they are left out; OnLost is
	// told so, with ErrBusy.
	OnPush func(command string, payload json.RawMessage)
	// OnLost is called when something ends that the caller has not ended: a channel,
	// presence or record that was unsubscribed, a room or its state that could not be
	// restored. kind is "channel", "presence", "record", "room", "state" or "push".
	OnLost func(kind, name string, err error)
}

// checked returns the options with their defaults, or what is wrong with them.
func (o Options) checked() (Options, error) {
	if len(o.URLs) == 0 {
		return o, errors.New("client: no URL")
	}
	for _, text := range o.URLs {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" && u.Scheme != "http" && u.Scheme != "https" {
			return o, fmt.Errorf("client: %q is no URL such as ws://127.0.0.1:8080", text)
		}
	}
	problems := errors.Join(
		ensure("ReconnectInterval", &o.ReconnectInterval, 2*time.Second), ensure("ReconnectMax", &o.ReconnectMax, 30*time.Second),
		ensure("ConnectTimeout", &o.ConnectTimeout, 10*time.Second), ensure("ReplyTimeout", &o.ReplyTimeout, 30*time.Second),
		ensure("Silence", &o.Silence, 45*time.Second), ensure("ReadLimit", &o.ReadLimit, 16<<20), ensure("Queue", &o.Queue, 256),
		ensure("Backlog", &o.Backlog, 1<<20), ensure("Waiting", &o.Waiting, 1024), ensure("Attempts", &o.Attempts, 0),
	)
	return o, problems
}

// ensure replaces 0 by the default.
func ensure[T ~int | ~int64](name string, value *T, standard T) error {
	if *value < 0 {
		return fmt.Errorf("client: %s: %v is below 0", name, *value)
	}
	if *value == 0 {
		*value = standard
	}
	return nil
}
