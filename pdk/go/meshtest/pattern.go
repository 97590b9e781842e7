package meshtest

import (
	"errors"
	"regexp"
)

// pattern is a name, or an expression between slashes that must match a whole
// name.
type pattern struct {
	text       string
	expression *regexp.Regexp
}

func parsePattern(text string) (p pattern, err error) {
	p.text = text
	if n := len(text); n >= 2 && text[0] == '/' && text[n-1] == '/' {
		p.expression, err = regexp.Compile("^(?:" + text[1:n-1] + ")$")
	} else if !validName(text) {
		err = errors.New("it is neither a name nor an expression between slashes")
	}
	return p, err
}

func (p pattern) matches(name string) bool {
	if p.expression != nil {
		return p.expression.MatchString(name)
	}
	return p.text == name
}

// patterns are some of which one must match; none match everything.
type patterns []pattern

func parsePatterns(texts []string) (list patterns, err error) {
	for _, text := range texts {
		p, err := parsePattern(text)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func (list patterns) matches(name string) bool {
	for _, p := range list {
		if p.matches(name) {
			return true
		}
	}
	return len(list) == 0
}
