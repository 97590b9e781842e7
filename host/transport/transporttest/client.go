package transporttest

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // what RFC 6455 asks for
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Patience is how long a client waits for what it expects.
const Patience = 20 * time.Second

// Key is the Sec-WebSocket-Key of every handshake, that of RFC 6455 section
// 1.2.
const Key = "dGhlIHNhbXBsZSBub25jZQ=="

// Client is one end of a connection, for one goroutine. What does not go as
// expected fails the test.
type Client struct {
	net.Conn
	t  testing.TB
	in *bufio.Reader
}

// New makes a client of a connection, which is closed when the test ends.
func New(t testing.TB, conn net.Conn) *Client {
	t.Cleanup(func() { _ = conn.Close() })
	return &Client{Conn: conn, t: t, in: bufio.NewReaderSize(conn, 16<<10)}
}

// Connect opens a TCP connection, without a handshake.
func Connect(t testing.TB, address string) *Client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return New(t, conn)
}

// Dial opens a WebSocket connection; fields are further lines of the request.
func Dial(t testing.TB, address string, fields ...string) *Client {
	t.Helper()
	c := Connect(t, address)
	c.Upgrade(fields...)
	return c
}

// Request returns the head of an upgrade request for a target.
func Request(target string, fields ...string) string {
	lines := append([]string{
		"GET " + target + " HTTP/1.1",
		"Host: server.example.com",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Key: " + Key,
		"Sec-WebSocket-Version: 13",
	}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// Upgrade goes through a handshake that must succeed.
func (c *Client) Upgrade(fields ...string) *http.Response {
	c.t.Helper()
	c.WriteString(Request("/", fields...))
	r := c.ReadResponse()
	sum := sha1.Sum([]byte(Key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec
	want := base64.StdEncoding.EncodeToString(sum[:])
	if accept := r.Header.Get("Sec-Websocket-Accept"); r.StatusCode != 101 || accept != want {
		body, _ := io.ReadAll(r.Body)
		c.t.Fatalf("handshake: %s, accept %q, want 101 and %q; %s", r.Status, accept, want, body)
	}
	return r
}

// ReadResponse reads the head of an HTTP response; its body is read from its
// Body.
func (c *Client) ReadResponse() *http.Response {
	c.t.Helper()
	c.patience()
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatalf("reading a response: %v", err)
	}
	return r
}

// Refused sends a request and reads the refusal and the end after it. It
// returns the response and its body.
func (c *Client) Refused(request string) (*http.Response, string) {
	c.t.Helper()
	c.WriteString(request)
	r := c.ReadResponse()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatalf("reading a refusal: %v", err)
	}
	c.ExpectEOF()
	return r, string(body)
}

func (c *Client) patience() { _ = c.SetReadDeadline(time.Now().Add(Patience)) }

// WriteString sends text in one write.
func (c *Client) WriteString(text string) {
	c.t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		c.t.Fatalf("writing: %v", err)
	}
}

// Send sends frames in one write.
func (c *Client) Send(frames ...Frame) {
	c.t.Helper()
	c.WriteString(string(Bytes(frames...)))
}

// Text sends text messages in one write.
func (c *Client) Text(messages ...string) {
	c.t.Helper()
	var b []byte
	for _, m := range messages {
		b = Frame{Op: Text, Payload: m}.Append(b)
	}
	c.WriteString(string(b))
}

// Chop sends bytes in writes of a size. The peer may have closed meanwhile.
func (c *Client) Chop(data []byte, size int) {
	for len(data) > 0 {
		n := min(size, len(data))
		if _, err := c.Write(data[:n]); err != nil {
			return
		}
		data = data[n:]
	}
}

// Next reads a frame.
func (c *Client) Next() (Frame, error) {
	c.patience()
	return readFrame(c.in)
}

// Read reads a frame.
func (c *Client) Read() Frame {
	c.t.Helper()
	f, err := c.Next()
	if err != nil {
		c.t.Fatalf("reading a frame: %v", err)
	}
	return f
}

// Expect reads a frame that must be this one.
func (c *Client) Expect(op byte, payload string) {
	c.t.Helper()
	if f := c.Read(); f.Op != op || f.Payload != payload || f.More {
		c.t.Fatalf("got frame %#x %s (%d bytes), want %#x %s (%d bytes)",
			f.Op, cut(f.Payload), len(f.Payload), op, cut(payload), len(payload))
	}
}

// ExpectText reads text messages that must be these, in order.
func (c *Client) ExpectText(messages ...string) {
	c.t.Helper()
	for _, m := range messages {
		c.Expect(Text, m)
	}
}

func cut(s string) string {
	if len(s) > 300 {
		return s[:150] + "…" + s[len(s)-150:]
	}
	return s
}

// ExpectClose reads a close frame with a code, 0 for none, and returns its
// reason.
func (c *Client) ExpectClose(code int) string {
	c.t.Helper()
	f := c.Read()
	got, reason := 0, ""
	if len(f.Payload) >= 2 {
		got, reason = int(f.Payload[0])<<8|int(f.Payload[1]), f.Payload[2:]
	}
	if f.Op != Close || got != code {
		c.t.Fatalf("got frame %#x %q with code %d, want a close frame with %d", f.Op, cut(f.Payload), got, code)
	}
	return reason
}

// ExpectEOF reads the end of the stream: nothing else, and no reset.
func (c *Client) ExpectEOF() {
	c.t.Helper()
	c.patience()
	if b, err := c.in.ReadByte(); !errors.Is(err, io.EOF) {
		c.t.Fatalf("got %#x, %v; want the end of the stream", b, err)
	}
}

// Alive makes sure that the connection is open and that everything sent so
// far has been read: a ping is answered, and nothing comes before the pong.
func (c *Client) Alive() {
	c.t.Helper()
	c.Send(Frame{Op: Ping, Payload: "still there?"})
	c.Expect(Pong, "still there?")
}

// Hangup goes through a clean close from this side.
func (c *Client) Hangup() {
	c.t.Helper()
	c.Send(CloseFrame(1000, ""))
	c.ExpectClose(1000)
	c.ExpectEOF()
	_ = c.Close()
}
