package mesh

// scanner walks over the members of one object or the items of one array. It
// checks no more than it needs to find its way, and stops at the first thing
// that cannot be JSON.
type scanner struct {
	text    []byte
	next    int // where the next member or item may begin
	more    bool
	key     []byte // with its quotes
	escaped bool   // whether the key holds an escape
	value   JSON
}

// open enters the value if it begins with the bracket.
func (s *scanner) open(bracket byte) {
	i := skipSpace(s.text, 0)
	if i < len(s.text) && s.text[i] == bracket {
		s.next, s.more = skipSpace(s.text, i+1), true
	}
}

// member moves to the next member of the object.
func (s *scanner) member() bool {
	if !s.more || s.next >= len(s.text) || s.text[s.next] != '"' {
		return false
	}
	end, escaped := skipText(s.text, s.next)
	if end < 0 {
		return false
	}
	s.key, s.escaped = s.text[s.next:end], escaped
	colon := skipSpace(s.text, end)
	if colon >= len(s.text) || s.text[colon] != ':' {
		return false
	}
	s.next = skipSpace(s.text, colon+1)
	return s.item()
}

// item moves to the next item of the array.
func (s *scanner) item() bool {
	text, start := s.text, s.next
	if !s.more || start >= len(text) {
		return false
	}
	var end int
	switch text[start] {
	case '"':
		end, _ = skipText(text, start)
	case '{', '[':
		end = skipNested(text, start)
	default:
		end = skipPlain(text, start)
	}
	if end < 0 {
		return false
	}
	s.value = text[start:end:end]
	next := skipSpace(text, end)
	if s.more = next < len(text) && text[next] == ','; s.more {
		next = skipSpace(text, next+1)
	}
	s.next = next
	return true
}

// keyIs compares the member's name, unescaped only where it holds an escape.
func (s *scanner) keyIs(name string) bool {
	if s.escaped {
		return unquote(s.key) == name
	}
	return string(s.key[1:len(s.key)-1]) == name
}

// skipPlain returns where a number, true, false or null ends, or -1 where
// nothing of the kind begins at i.
func skipPlain(text []byte, i int) int {
	start := i
	for i < len(text) {
		w := word(text, i)
		// The zeros behind the end count as space, and bit 5 makes } of ].
		n := firstMark(below(w, ' '+1) | equal(w, ',') | equal(w|ones*' ', '}'))
		i += n
		if n < 8 {
			break
		}
	}
	if i == start {
		return -1
	}
	return i
}

// skipNested counts brackets instead of calling itself, so that deep nesting
// costs no stack.
func skipNested(text []byte, i int) int {
	for depth := 0; i < len(text); {
		w := word(text, i)
		folded := w | ones*' ' // the same for both kinds of brackets
		n := firstMark(equal(w, '"') | equal(folded, '{') | equal(folded, '}'))
		if i += n; n == 8 {
			continue
		}
		switch text[i] {
		case '"':
			if i, _ = skipText(text, i); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		default:
			depth--
		}
		if i++; depth == 0 {
			return i
		}
	}
	return -1
}

// skipText returns where the string that begins at i ends, or -1, and whether
// it holds an escape.
func skipText(text []byte, i int) (end int, escaped bool) {
	for i++; i < len(text); {
		w := word(text, i)
		n := firstMark(equal(w, '"') | equal(w, '\\'))
		if i += n; n == 8 {
			continue
		}
		if text[i] == '"' {
			return i + 1, escaped
		}
		i += 2
		escaped = true
	}
	return -1, escaped
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && isSpace(text[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t') }
