package exposure

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// Pattern is a name, or a regular expression between slashes ("/^chat:.+$/",
// RE2 syntax) that must match a whole name. It is immutable. The zero value
// matches nothing.
type Pattern struct {
	text string
	// expression is nil for a pattern that is a name.
	expression *regexp.Regexp
}

// maxPattern is the length limit of a pattern, in bytes.
const maxPattern = 1024

// Parse reads a pattern. The error says what is wrong with it.
func Parse(text string) (Pattern, error) {
	if len(text) > maxPattern {
		return Pattern{}, fmt.Errorf("a pattern has at most %d bytes, this one has %d", maxPattern, len(text))
	}
	inner, ok := strings.CutPrefix(text, "/")
	if inner, ok = cutSuffix(inner, ok); !ok {
		if err := protocol.CheckName(text); err != nil {
			return Pattern{}, err
		}
		return Pattern{text: text}, nil
	}
	// By itself first: parentheses must not reach out of it.
	if _, err := regexp.Compile(inner); err != nil {
		return Pattern{}, err
	}
	// The whole name must match, however the alternatives inside are written.
	expression, err := regexp.Compile(`\A(?:` + inner + `)\z`)
	if err != nil {
		return Pattern{}, err
	}
	return Pattern{text: text, expression: expression}, nil
}

// cutSuffix ends an expression; "/" alone is a name.
func cutSuffix(inner string, slashed bool) (string, bool) {
	rest, ok := strings.CutSuffix(inner, "/")
	return rest, slashed && ok && rest != ""
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Match reports whether a name is what the pattern says.
func (p Pattern) Match(name string) bool {
	if p.expression != nil {
		return p.expression.MatchString(name)
	}
	return p.text == name && name != ""
}

// AnyOf reports whether a name is what one of some patterns says; none of them
// stand for all names.
func AnyOf(patterns []Pattern, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p Pattern) bool { return p.Match(name) })
}
