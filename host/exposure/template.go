package exposure

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Captures returns what the pattern's expression has captured of a name, by
// group: the first is the whole name, one that took no part is "". ok reports
// whether the pattern matches.
func (p Pattern) Captures(name string) (groups []string, ok bool) {
	if p.expression == nil {
		return []string{name}, p.Match(name)
	}
	groups = p.expression.FindStringSubmatch(name)
	return groups, groups != nil
}

// Template is a text with places for what a pattern has captured. It is
// immutable. The zero value is the empty text.
type Template struct{ parts []part }

// part is a text, or a group that stands for one.
type part struct {
	text  string
	group int // -1 for a text
}

// Template reads a text in which $1 or ${1} is what the pattern's first group
// has captured, $team or ${team} the group of that name, $0 the whole name, and
// $$ a dollar sign. The error says what is wrong with it, such as a group that
// the pattern does not have.
func (p Pattern) Template(text string) (t Template, err error) {
	for text != "" {
		before, after, dollar := strings.Cut(text, "$")
		if before != "" {
			t.parts = append(t.parts, part{before, -1})
		}
		if !dollar {
			break
		}
		if rest, ok := strings.CutPrefix(after, "$"); ok {
			t.parts = append(t.parts, part{"$", -1})
			text = rest
			continue
		}
		name, rest := cutReference(after)
		group, err := p.group(name)
		if err != nil {
			return Template{}, err
		}
		t.parts = append(t.parts, part{group: group})
		text = rest
	}
	return t, nil
}

// cutReference takes the name of a group off what follows a dollar sign, "" for
// none: as many letters of names as there are, or what is between braces.
func cutReference(text string) (name, rest string) {
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		name, rest, ok = strings.Cut(inner, "}")
		if !ok || strings.ContainsFunc(name, func(r rune) bool { return !ofName(r) }) {
			return "", text
		}
		return name, rest
	}
	rest = strings.TrimLeftFunc(text, ofName)
	return text[:len(text)-len(rest)], rest
}

func ofName(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

var errDollar = errors.New("$ stands before the number or the name of a group, $1 or ${team}; $$ is a dollar sign")

// group finds a group by its number or its name.
func (p Pattern) group(name string) (int, error) {
	if name == "" {
		return 0, errDollar
	}
	groups := 0
	if p.expression != nil {
		groups = p.expression.NumSubexp()
		if i := p.expression.SubexpIndex(name); i > 0 {
			return i, nil
		}
	}
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 || i > groups || strconv.Itoa(i) != name {
		return 0, fmt.Errorf("$%s: the pattern has no such group; it has %d", name, groups)
	}
	return i, nil
}

// Constant reports whether the text is the same whatever was captured.
func (t Template) Constant() bool {
	for _, p := range t.parts {
		if p.group >= 0 {
			return false
		}
	}
	return true
}

// Expand returns the text with what Captures has returned in its places.
func (t Template) Expand(groups []string) string {
	var b strings.Builder
	for _, p := range t.parts {
		switch {
		case p.group < 0:
			b.WriteString(p.text)
		case p.group < len(groups):
			b.WriteString(groups[p.group])
		}
	}
	return b.String()
}
