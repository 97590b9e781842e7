package transporttest

import (
	"bufio"
	"crypto/sha1"
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
	tb testing.TB
	in *bufio.Reader
}

// New makes a client of a connection, which is closed when the test ends.
func New(tb testing.TB, conn net.Conn) *Client {
	tb.Helper()
	tb.Cleanup(func() { _ = conn.Close() })
	return &Client{Conn: conn, tb: tb, in: bufio.NewReaderSize(conn, 16<<10)}
}

// Connect opens a TCP connection, without a handshake.
func Connect(tb testing.TB, address string) *Client {
	tb.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	return New(tb, conn)
}

// Dial opens a WebSocket connection; fields are further lines of the request.
func Dial(tb testing.TB, address string, fields ...string) *Client {
	tb.Helper()
	c := Connect(tb, address)
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

// Response is what an HTTP request was answered with.
type Response struct {
	// Status is the code, 101 for an upgrade.
	Status int
	// Header is by canonical name.
	Header http.Header
	// Close says that the server announced the end of the connection.
	Close bool
	// Body is all of the body.
	Body string
}

// Upgrade goes through a handshake that must succeed.
func (c *Client) Upgrade(fields ...string) Response {
	c.tb.Helper()
	c.WriteString(Request("/", fields...))
	r := c.ReadResponse()
	sum := sha1.Sum([]byte(Key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	want := base64.StdEncoding.EncodeToString(sum[:])
	if accept := r.Header.Get("Sec-Websocket-Accept"); r.Status != http.StatusSwitchingProtocols || accept != want {
		c.tb.Fatalf("handshake: %d, accept %q, want 101 and %q; %s", r.Status, accept, want, r.Body)
	}
	return r
}

// ReadResponse reads an HTTP response.
func (c *Client) ReadResponse() Response {
	c.tb.Helper()
	c.patience()
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.tb.Fatalf("reading a response: %v", err)
	}
	defer func() { _ = r.Body.Close() }()
	response := Response{Status: r.StatusCode, Header: r.Header, Close: r.Close}
	if r.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			c.tb.Fatalf("reading a body: %v", err)
		}
		response.Body = string(body)
	}
	return response
}

// Refused sends a request and reads the answer and the end after it.
func (c *Client) Refused(request string) Response {
	c.tb.Helper()
	c.WriteString(request)
	r := c.ReadResponse()
	c.ExpectEOF()
	return r
}

func (c *Client) patience() { _ = c.SetReadDeadline(time.Now().Add(Patience)) }

// WriteString sends text in one write.
func (c *Client) WriteString(text string) {
	c.tb.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		c.tb.Fatalf("writing: %v", err)
	}
}

// Send sends frames in one write.
func (c *Client) Send(frames ...Frame) {
	c.tb.Helper()
	c.WriteString(string(Bytes(frames...)))
}

// Text sends text messages in one write.
func (c *Client) Text(messages ...string) {
	c.tb.Helper()
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
	c.tb.Helper()
	f, err := c.Next()
	if err != nil {
		c.tb.Fatalf("reading a frame: %v", err)
	}
	return f
}

// Expect reads a frame that must be this one.
func (c *Client) Expect(op byte, payload string) {
	c.tb.Helper()
	if f := c.Read(); f.Op != op || f.Payload != payload || f.More {
		c.tb.Fatalf("got frame %#x %s (%d bytes), want %#x %s (%d bytes)",
			f.Op, cut(f.Payload), len(f.Payload), op, cut(payload), len(payload))
	}
}

// ExpectText reads text messages that must be these, in order.
func (c *Client) ExpectText(messages ...string) {
	c.tb.Helper()
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
	c.tb.Helper()
	f := c.Read()
	got, reason := 0, ""
	if len(f.Payload) >= 2 {
		got, reason = int(f.Payload[0])<<8|int(f.Payload[1]), f.Payload[2:]
	}
	if f.Op != Close || got != code {
		c.tb.Fatalf("got frame %#x %q with code %d, want a close frame with %d", f.Op, cut(f.Payload), got, code)
	}
	return reason
}

// ExpectEOF reads the end of the stream: nothing else, and no reset.
func (c *Client) ExpectEOF() {
	c.tb.Helper()
	c.patience()
	if b, err := c.in.ReadByte(); !errors.Is(err, io.EOF) {
		c.tb.Fatalf("got %#x, %v; want the end of the stream", b, err)
	}
}

// Alive makes sure that the connection is open and that everything sent so
// far has been read: a ping is answered, and nothing comes before the pong.
func (c *Client) Alive() {
	c.tb.Helper()
	c.Send(Frame{Op: Ping, Payload: "still there?"})
	c.Expect(Pong, "still there?")
}

// Hangup goes through a clean close from this side.
func (c *Client) Hangup() {
	c.tb.Helper()
	c.Send(CloseFrame(1000, ""))
	c.ExpectClose(1000)
	c.ExpectEOF()
	_ = c.Close()
}
