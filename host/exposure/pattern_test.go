package exposure_test

import (
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/exposure"
)

func TestPatternsMatchWholeNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		match   []string
		not     []string
	}{
		{"news", []string{"news"}, []string{"", "new", "newsy", "NEWS", "/news/"}},
		{"/", []string{"/"}, []string{"", "//"}},
		{"//", []string{"//"}, []string{"", "x"}},
		{"/a", []string{"/a"}, []string{"a"}},
		{"a/", []string{"a/"}, []string{"a"}},
		{"/^chat:.+$/", []string{"chat:x", "chat:\u00e9"}, []string{"chat:", "xchat:x", "chat"}},
		{"/chat:.+/", []string{"chat:x"}, []string{"secret-chat:x", "chat:"}},
		{"/a|b/", []string{"a", "b"}, []string{"ab", "xa", "bx", ""}},
		{"/^a|b$/", []string{"a", "b"}, []string{"ax", "xb"}},
		{"/(?i)news/", []string{"news", "NEWS"}, []string{"newsy"}},
		{"/.*/", []string{"", "anything"}, nil},
	} {
		p, err := exposure.Parse(c.pattern)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		if p.String() != c.pattern {
			t.Errorf("%q is written %q", c.pattern, p)
		}
		for _, name := range c.match {
			if !p.Match(name) {
				t.Errorf("%q does not match %q", c.pattern, name)
			}
		}
		for _, name := range c.not {
			if p.Match(name) {
				t.Errorf("%q matches %q", c.pattern, name)
			}
		}
	}
}

func TestPatternsAreRefused(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"", "a\n", strings.Repeat("x", 257), "/" + strings.Repeat("x", 1025) + "/", "/(/", "/)(/", "/x)|(?:.*/", "/a)|(b/", `/\Q/`[:3] + "(/",
		"/a{2000}/", "/(?=a)/", `/\1/`, "\xff",
	} {
		if p, err := exposure.Parse(pattern); err == nil {
			t.Errorf("%q is a pattern: %q", pattern, p)
		}
	}
}
