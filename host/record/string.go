package record

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/mesh-host/mesh-host/host/protocol"
)

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// into adds an unescaped key to the path (RFC 6901) and reports whether it
// could: a lone surrogate is no character, and no pointer can have it.
func (d *differ) into(key []byte) bool {
	switch {
	case d.probe: // nobody will read it
		return true
	case !utf8.Valid(key):
		return false
	}
	d.path = append(d.path, '/')
	if !bytes.ContainsFunc(key, special) {
		d.path = append(d.path, key...)
		return true
	}
	quoted := protocol.AppendString(nil, pointerEscapes.Replace(string(key)))
	d.path = append(d.path, quoted[1:len(quoted)-1]...)
	return true
}

// special reports whether a character is escaped in a pointer or in JSON.
func special(r rune) bool {
	return r < 0x20 || r == '"' || r == '\\' || r == '~' || r == '/'
}
