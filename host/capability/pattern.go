package capability

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// pattern says which names a grant is for: one, "score:*" with "*" for any
// text, or an expression between slashes, in RE2 syntax, that must match the
// whole name.
type pattern struct {
	text string
	// parts are what stands between the asterisks; nil for an expression. One
	// part is a name.
	parts      [][]byte
	expression *regexp.Regexp
	weight     int
}

// The bounds of patterns. A check takes time in proportion to the weight of
// all expressions and the length of the name, and no deadline ends it.
const (
	// maxPattern is the length of one, in bytes.
	maxPattern = 1024
	// maxStars is how many asterisks a pattern has.
	maxStars = 8
	// maxWeight is how large an expression is, in steps of its automaton.
	maxWeight = 1024
	// maxWeights is how large those of one list are together.
	maxWeights = 8 << 10
)

func parsePattern(text string) (*pattern, error) {
	switch {
	case text == "":
		return nil, errors.New(`there is no name behind the ":": leave it out for all names`)
	case len(text) > maxPattern:
		return nil, fmt.Errorf("a pattern has at most %d bytes, this one has %d", maxPattern, len(text))
	case len(text) > 2 && text[0] == '/' && text[len(text)-1] == '/':
		return parseExpression(text)
	case strings.Count(text, "*") > maxStars:
		return nil, fmt.Errorf(`a pattern has at most %d "*"`, maxStars)
	}
	if err := protocol.CheckName(text); err != nil {
		return nil, err
	}
	return &pattern{text: text, parts: bytes.Split([]byte(text), []byte("*"))}, nil
}

func parseExpression(text string) (*pattern, error) {
	inner := text[1 : len(text)-1]
	tree, err := syntax.Parse(inner, syntax.Perl)
	if err != nil {
		return nil, err
	}
	// Before it is compiled: (a{1000}){1000} is short, and takes a gigabyte.
	weight := weigh(tree)
	if weight > maxWeight {
		return nil, fmt.Errorf("the expression is too large: repeat less than its %s does", quote(text))
	}
	expression, err := regexp.Compile(`\A(?:` + inner + `)\z`)
	if err != nil {
		return nil, err
	}
	return &pattern{text: text, expression: expression, weight: weight}, nil
}

// weigh estimates how many steps the automaton of an expression has, never
// far beyond maxWeight.
func weigh(tree *syntax.Regexp) int {
	n := 1 + len(tree.Rune)
	for _, sub := range tree.Sub {
		if n += weigh(sub); n > maxWeight {
			return n
		}
	}
	if tree.Op == syntax.OpRepeat {
		n *= max(tree.Min, tree.Max, 1)
	}
	return n
}

func (p *pattern) match(name []byte) bool {
	if p.expression != nil {
		return p.expression.Match(name)
	}
	first, last := p.parts[0], p.parts[len(p.parts)-1]
	if len(p.parts) == 1 {
		return bytes.Equal(name, first)
	}
	if len(name) < len(first)+len(last) || !bytes.HasPrefix(name, first) || !bytes.HasSuffix(name, last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, part := range p.parts[1 : len(p.parts)-1] {
		i := bytes.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return true
}

// contains reports whether all that q matches is certain to match p: false
// where that cannot be told, as of two expressions.
func (p *pattern) contains(q *pattern) bool {
	switch {
	case p.text == q.text:
		return true
	case q.expression != nil:
		return false
	case len(q.parts) == 1:
		return p.match(q.parts[0])
	case p.expression != nil || len(p.parts) != 2:
		return false
	}
	return bytes.HasPrefix(q.parts[0], p.parts[0]) && bytes.HasSuffix(q.parts[len(q.parts)-1], p.parts[1])
}

// names are the patterns of one bound: those that are names are found at once,
// however many there are.
type names struct {
	exact    map[string]struct{}
	patterns []*pattern
}

func (n *names) empty() bool { return len(n.exact) == 0 && len(n.patterns) == 0 }

func (n *names) add(p *pattern) {
	if p.expression != nil || len(p.parts) != 1 {
		n.patterns = append(n.patterns, p)
		return
	}
	if n.exact == nil {
		n.exact = make(map[string]struct{})
	}
	n.exact[p.text] = struct{}{}
}

// match reports whether a name is one of them. No pattern matches what is too
// long for a name.
func (n *names) match(name []byte) bool {
	if len(name) == 0 || len(name) > protocol.MaxName {
		return false
	}
	if _, ok := n.exact[string(name)]; ok {
		return true
	}
	for _, p := range n.patterns {
		if p.match(name) {
			return true
		}
	}
	return false
}

// checkWeights bounds the expressions of a whole list.
func checkWeights(list []Grant) error {
	total := 0
	for _, g := range list {
		if g.pattern != nil {
			total += g.pattern.weight
		}
	}
	if total > maxWeights {
		return errors.New("the expressions are too large together: write names, or patterns with \"*\"")
	}
	return nil
}
