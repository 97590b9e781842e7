package redis

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// The bounds of what a server sends on a connection for subscriptions.
const (
	mostParts = 16
	mostText  = 512 << 20 // as Redis has it
	// textAtOnce is how much room is made for a text before any of it is there.
	textAtOnce = 1 << 20
)

// wire is a connection for subscriptions, which speaks RESP2. go-redis has such
// connections too, but makes them anew by itself, after which messages come in
// before anyone could ask what was missed.
type wire struct {
	conn    net.Conn
	in      *bufio.Reader
	silence time.Duration // after so long without a word it is given up
}

func newWire(conn net.Conn, silence time.Duration) *wire {
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 1<<15), silence: silence}
}

// errWords is of what no Redis sends.
var errWords = errors.New("redis: not the words of a Redis")

// serverError is an error that a server has answered.
type serverError string

// Error implements error.
func (e serverError) Error() string { return string(e) }

// RedisError implements goredis.Error.
func (e serverError) RedisError() {}

// appendCommand builds a command.
func appendCommand(dst []byte, words ...string) []byte {
	dst = appendCount(dst, '*', len(words))
	for _, word := range words {
		dst = appendCount(dst, '$', len(word))
		dst = append(dst, word...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}

func appendCount(dst []byte, kind byte, n int) []byte {
	dst = append(dst, kind)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, '\r', '\n')
}

// ask sends a command and returns the text of its answer.
func (w *wire) ask(words ...string) (string, error) {
	if err := w.write(appendCommand(nil, words...)); err != nil {
		return "", err
	}
	parts, err := w.read(nil)
	if err != nil || len(parts) == 0 {
		return "", err
	}
	return parts[0], nil
}

func (w *wire) write(text []byte) error {
	if err := w.conn.SetWriteDeadline(time.Now().Add(w.silence)); err != nil {
		return err
	}
	_, err := w.conn.Write(text)
	return err
}

// read reads one answer or push, a list of texts, to parts. Numbers are texts,
// what is nothing is empty, a single text a list of one.
func (w *wire) read(parts []string) ([]string, error) {
	kind, rest, err := w.line()
	if err != nil {
		return nil, err
	}
	if kind != '*' {
		text, err := w.text(kind, rest)
		return append(parts, text), err
	}
	count, err := size(rest, mostParts)
	if err != nil {
		return nil, err
	}
	for range count {
		kind, rest, err := w.line()
		if err != nil {
			return nil, err
		}
		text, err := w.text(kind, rest)
		if err != nil {
			return nil, err
		}
		parts = append(parts, text)
	}
	return parts, nil
}

// line reads a line: what kind of thing it begins, and the rest, good until more
// is read.
func (w *wire) line() (kind byte, rest []byte, err error) {
	if w.in.Buffered() == 0 {
		if err := w.conn.SetReadDeadline(time.Now().Add(w.silence)); err != nil {
			return 0, nil, err
		}
	}
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if line = bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}); len(line) == 0 {
		return 0, nil, errWords
	}
	return line[0], line[1:], nil
}

// text reads what a line begins, which is no list.
func (w *wire) text(kind byte, rest []byte) (string, error) {
	switch kind {
	case '+', ':':
		return string(rest), nil
	case '-':
		return "", serverError(rest)
	case '$':
		n, err := size(rest, mostText)
		if err != nil || n < 0 {
			return "", err
		}
		return w.bulk(n)
	}
	return "", errWords
}

// bulk reads a text of n bytes and the end of its line.
func (w *wire) bulk(n int) (string, error) {
	if n > textAtOnce {
		var long bytes.Buffer
		if _, err := io.CopyN(&long, w.in, int64(n)); err != nil {
			return "", err
		}
		_, err := w.in.Discard(2)
		return long.String(), err
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(w.in, text); err != nil {
		return "", err
	}
	_, err := w.in.Discard(2)
	return string(text), err
}

// size reads how long something is; -1 is nothing.
func size(text []byte, most int) (int, error) {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < -1 || n > most {
		return 0, fmt.Errorf("%w: a length of %q", errWords, text)
	}
	return max(n, -1), nil
}
