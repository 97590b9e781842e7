package host

import (
	"fmt"
	"log/slog"
)

// Secret is text that does not show where a Config is printed, logged or
// encoded: "***" does, or "" for an empty one. string(s) is the text itself.
type Secret string

var (
	_ fmt.GoStringer = Secret("")
	_ slog.LogValuer = Secret("")
)

// String returns "***", or "" for the empty Secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString is String in quotes, for %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// LogValue is String for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String for encoders, such as encoding/json.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
