package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	subprotocol = "mesh.v1"
	// maxBadFrames is how many frames may be no frames before the connection ends.
	maxBadFrames = 16
	// maxKept is how large a buffer is kept for the next frame, in bytes.
	maxKept = 1 << 20
	// farewell is how long a server has to answer that the connection is closed.
	farewell = time.Second
)

// conn is one connection: a goroutine that reads, one that writes, and the requests
// that wait for their replies. It is safe for concurrent use.
type conn struct {
	ws     *websocket.Conn
	id     string      // that the server has given
	out    chan []byte // frames to be written
	urgent chan []byte // answers to what asks whether the client lives; go first
	ended  chan struct{}
	began  time.Time
	heard  atomic.Int64 // when something was read last, in ns since began

	mu      sync.Mutex
	last    uint64 // id of a request
	waiting map[uint64]func(json.RawMessage, error)
	err     error // why it ended
}

// connect makes one attempt, up to the first frame.
func (c *Client) connect(ctx context.Context, base string) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.ConnectTimeout)
	defer cancel()
	target, header, err := c.credentials(ctx, base)
	if err != nil {
		return nil, err
	}
	ws, response, err := websocket.Dial(ctx, target, &websocket.DialOptions{ //nolint:bodyclose // the library closes it
		HTTPClient: c.http, HTTPHeader: header, Subprotocols: []string{subprotocol},
	})
	switch {
	case err == nil:
	case response != nil && response.StatusCode != http.StatusSwitchingProtocols:
		body, _ := io.ReadAll(response.Body) // the library leaves the first KiB
		return nil, &HandshakeError{response.StatusCode, string(body)}
	default:
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL, which has the token in it
		}
		return nil, fmt.Errorf("client: connect: %w", err)
	}
	ws.SetReadLimit(c.options.ReadLimit)
	k := &conn{
		ws: ws, out: make(chan []byte, c.options.Queue), urgent: make(chan []byte, 16),
		ended: make(chan struct{}), began: time.Now(), waiting: make(map[uint64]func(json.RawMessage, error)),
	}
	if err := k.greet(ctx); err != nil {
		_ = ws.CloseNow()
		return nil, err
	}
	return k, nil
}

// credentials asks for what an attempt is made with.
func (c *Client) credentials(ctx context.Context, base string) (target string, header http.Header, err error) {
	if c.options.Header != nil {
		if header, err = c.options.Header(ctx); err != nil {
			return "", nil, fmt.Errorf("client: header: %w", err)
		}
	}
	if c.options.Token == nil {
		return base, header, nil
	}
	token, err := c.options.Token(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("client: token: %w", err)
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", nil, err
	}
	if token != "" {
		query := u.Query()
		query.Set("token", token)
		u.RawQuery = query.Encode()
	}
	return u.String(), header, nil
}

// greet reads the first frame, which says the connection's id.
func (k *conn) greet(ctx context.Context) error {
	if k.ws.Subprotocol() != subprotocol {
		return errors.New("client: the server does not speak " + subprotocol)
	}
	_, text, err := k.ws.Read(ctx)
	if err != nil {
		return closedBy(err)
	}
	var f frame
	if f.parse(text) != nil || f.Command != pushAssignID || json.Unmarshal(f.Payload, &k.id) != nil {
		return fmt.Errorf("client: the first frame is %.100q, not %s", text, pushAssignID)
	}
	k.hear()
	return nil
}

// run reads and writes until the connection ends, and returns when nothing of it is
// left. take gets what is no reply.
func (k *conn) run(take func(*frame, int)) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { k.end(k.read(ctx, take)) })
	wg.Go(func() { k.end(k.write(ctx)) })
	<-k.ended
	late := time.AfterFunc(farewell, func() {
		cancel()
		_ = k.ws.CloseNow()
	})
	_ = k.ws.Close(websocket.StatusNormalClosure, "") // the connection may be gone
	late.Stop()
	cancel()
	wg.Wait()
}

// end ends the connection; the first reason counts. It does not wait.
func (k *conn) end(err error) {
	k.mu.Lock()
	if k.err != nil {
		k.mu.Unlock()
		return
	}
	k.err = err
	waiting := k.waiting
	k.waiting = nil
	close(k.ended)
	k.mu.Unlock()
	for _, reply := range waiting {
		reply(nil, fmt.Errorf("%w: %w", ErrDisconnected, err))
	}
}

// cause returns why the connection ended, nil while it has not.
func (k *conn) cause() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

func (k *conn) write(ctx context.Context) error {
	for {
		var text []byte
		select {
		case text = <-k.urgent:
		default:
			select {
			case text = <-k.urgent:
			case text = <-k.out:
			case <-k.ended:
				return ErrDisconnected
			}
		}
		if err := k.ws.Write(ctx, websocket.MessageText, text); err != nil {
			return closedBy(err)
		}
	}
}

func (k *conn) read(ctx context.Context, take func(*frame, int)) error {
	var (
		buffer bytes.Buffer
		f      frame
		bad    int
	)
	for {
		kind, r, err := k.ws.Reader(ctx)
		if err != nil {
			return closedBy(err)
		}
		if kind != websocket.MessageText {
			return errors.New("client: the server sent a binary message")
		}
		if buffer.Cap() > maxKept {
			buffer = bytes.Buffer{}
		}
		buffer.Reset()
		if _, err := buffer.ReadFrom(r); err != nil {
			return closedBy(err)
		}
		k.hear()
		if f.parse(buffer.Bytes()) != nil {
			if bad++; bad > maxBadFrames {
				return errors.New("client: the server sends what are no frames")
			}
			continue
		}
		if len(f.ID) == 0 {
			take(&f, buffer.Len())
			continue
		}
		k.replied(&f)
	}
}

// replied hands a reply to who waits for it. One that nobody asked for is nobody's.
func (k *conn) replied(f *frame) {
	id, err := strconv.ParseUint(string(f.ID), 10, 64)
	if err != nil {
		return
	}
	if reply := k.forget(id); reply != nil {
		if err := failure(f.Payload); err != nil {
			reply(nil, err)
			return
		}
		reply(bytes.Clone(f.Payload), nil)
	}
}

// forget takes a request out of those that wait.
func (k *conn) forget(id uint64) func(json.RawMessage, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	reply := k.waiting[id]
	delete(k.waiting, id)
	return reply
}

// errUnsent says that a request was not sent, for the connection has ended.
var errUnsent = fmt.Errorf("%w, and nothing was sent", ErrDisconnected)

// request sends a command. reply is called once, on the goroutine that reads or ends
// the connection, unless there is an error or the request is forgotten.
func (k *conn) request(ctx context.Context, command string, payload json.RawMessage, reply func(json.RawMessage, error)) (id uint64, err error) {
	k.mu.Lock()
	if k.err != nil {
		k.mu.Unlock()
		return 0, errUnsent
	}
	k.last++
	id = k.last
	k.waiting[id] = reply
	k.mu.Unlock()
	select {
	case k.out <- request(id, command, payload):
		return id, nil
	case <-k.ended:
		return id, nil // end has called reply, or is about to
	case <-ctx.Done():
		if k.forget(id) == nil {
			return id, nil // likewise
		}
		return id, ctx.Err()
	}
}

// demand is request with the fields of a payload, for what must be replied to in time:
// else the connection is as good as dead, and ends.
func (k *conn) demand(ctx context.Context, within time.Duration, command string, fields map[string]any, reply func(json.RawMessage, error)) {
	payload, err := encode(fields)
	if err != nil {
		reply(nil, err)
		return
	}
	late := time.AfterFunc(within, func() { k.end(fmt.Errorf("client: no reply to %s within %s", command, within)) })
	_, err = k.request(ctx, command, payload, func(payload json.RawMessage, err error) {
		late.Stop()
		reply(payload, err)
	})
	if err != nil { // the connection or the client is at its end
		late.Stop()
		reply(nil, ErrDisconnected)
	}
}

// answer sends what the reply to does not matter, before all else, unless too much of
// that waits already.
func (k *conn) answer(command string) {
	select {
	case k.urgent <- request(k.nextID(), command, json.RawMessage("{}")):
	default:
	}
}

// tell is answer for what keeps its place among the requests.
func (k *conn) tell(command string, fields map[string]any) {
	payload, _ := encode(fields) // they are strings
	select {
	case k.out <- request(k.nextID(), command, payload):
	default:
	}
}

func (k *conn) nextID() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last++
	return k.last
}

func (k *conn) hear() { k.heard.Store(int64(time.Since(k.began))) }

// silent returns for how long nothing was read.
func (k *conn) silent() time.Duration { return time.Since(k.began) - time.Duration(k.heard.Load()) }
