package protocol

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxName is the length limit, in bytes, of every name that a client, a plugin
// or an operator chooses: commands, channels, rooms, records.
const MaxName = 256

// The errors of CheckName.
var (
	ErrNameEmpty   = errors.New("name is empty")
	ErrNameLong    = errors.New("name is longer than 256 bytes")
	ErrNameControl = errors.New("name has a control character or is not UTF-8")
)

// CheckName refuses names that are empty, longer than MaxName bytes, or hold
// control characters or broken UTF-8.
func CheckName(name string) error {
	switch {
	case name == "":
		return ErrNameEmpty
	case len(name) > MaxName:
		return ErrNameLong
	case !utf8.ValidString(name) || strings.ContainsFunc(name, isControl):
		return ErrNameControl
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

// The liveness frames' names; they are consumed, never dispatched.
const (
	Ping            = "ping"
	Pong            = "pong"
	Latency         = "latency"
	LatencyRequest  = "latency:request"
	LatencyResponse = "latency:response"
)

// ErrReserved reports a name that only the server may use.
var ErrReserved = errors.New(`name is reserved: "mesh/…", "rt/…" and the liveness names belong to the server`)

// CheckApplicationName is CheckName for the names of plugins' commands and
// pushes, which may not stand under a dialect's prefix or be a liveness name.
func CheckApplicationName(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	switch name {
	case Ping, Pong, Latency, LatencyRequest, LatencyResponse:
		return ErrReserved
	}
	if strings.HasPrefix(name, MeshPrefix) || strings.HasPrefix(name, RTPrefix) {
		return ErrReserved
	}
	return nil
}
