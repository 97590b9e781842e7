package transport

import (
	"bytes"
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"
)

var endOfHead = []byte("\r\n\r\n")

// readHead reads up to the empty line that ends a request's head. rest is what
// came after it.
func (s *Server) readHead(conn net.Conn) (head, rest []byte, err error) {
	buffer := make([]byte, 0, 1024)
	for {
		if len(buffer) == cap(buffer) {
			buffer = append(buffer, 0)[:len(buffer)]
		}
		n, err := conn.Read(buffer[len(buffer):cap(buffer)])
		searched := max(0, len(buffer)-len(endOfHead))
		buffer = buffer[:len(buffer)+n]
		if n > 0 && !isToken(buffer[:1]) {
			return nil, nil, errNotHTTP // a TLS client, perhaps: it must not wait for the timeout
		}
		end := bytes.Index(buffer[searched:], endOfHead)
		if end >= 0 {
			end += searched + len(endOfHead)
		}
		switch {
		case end > s.options.HeaderSize, end < 0 && len(buffer) > s.options.HeaderSize:
			return nil, nil, errHeadSize
		case end >= 0:
			return buffer[:end:end], buffer[end:], nil
		case err != nil:
			return nil, nil, err
		}
	}
}

// isUpgrade reports whether a request asks for the websocket protocol.
func isUpgrade(head []byte) bool {
	for line := range bytes.Lines(head) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if ok && strings.EqualFold(string(name), "upgrade") && bytes.Contains(bytes.ToLower(value), []byte("websocket")) {
			return true
		}
	}
	return false
}

// once are the fields that an upgrade request must not have twice: which of
// them counts is what servers and proxies disagree on.
var once = []string{"host", "origin", "upgrade", "sec-websocket-key", "sec-websocket-version"}

// checkHead holds the head of an upgrade request against the rules that its
// parser is lenient about (RFC 9112 sections 2.2, 3.2, 5.1 and 5.2, RFC 6455
// section 4.2.1), so that a proxy in front of this server never understands
// another request than it does.
func checkHead(head []byte) error {
	lines := bytes.Split(head[:len(head)-len(endOfHead)], []byte("\r\n"))
	if !isText(lines[0]) {
		return errMalformed
	}
	var seen [8]bool
	for _, line := range lines[1:] {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !isToken(name) || !isText(value) {
			return errMalformed
		}
		field := strings.ToLower(string(name))
		if i := slices.Index(once, field); i >= 0 {
			if seen[i] {
				return &refusal{http.StatusBadRequest, "the request has more than one " + once[i] + " header"}
			}
			seen[i] = true
		}
		if field == "sec-websocket-key" && !isKey(bytes.Trim(value, " \t")) {
			return errKey
		}
	}
	return nil
}

// isText reports whether a line has no control character but tabs: no NUL and
// no end of line that others might see.
func isText(line []byte) bool {
	return !bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F })
}

// isToken reports whether name is a token (RFC 9110 section 5.6.2).
func isToken(name []byte) bool {
	for _, c := range name {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)):
			return false
		}
	}
	return len(name) > 0
}

// isKey reports whether value is the base64 text of 16 bytes.
func isKey(value []byte) bool {
	key, err := base64.StdEncoding.AppendDecode(nil, value)
	return err == nil && len(key) == 16
}
