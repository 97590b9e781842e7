package protocol

// SkipSpace returns the index of the first byte of text at i or after it that
// is no white space of JSON's (RFC 8259 section 2), len(text) where there is
// none. i is at most len(text).
func SkipSpace(text []byte, i int) int { return skipSpace(text, i) }

// SkipValue returns the index after the JSON value whose first byte is text[i],
// or -1 where there is none: the bytes there are no JSON, end too early, or
// nest more than MaxDepth deep. A number may go on where text ends, everything
// else is whole. It allocates nothing, and does not look at whether strings are
// UTF-8.
func SkipValue(text []byte, i int) int { return skipValue(text, i, 0) }
