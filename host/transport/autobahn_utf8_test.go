package transport_test

import (
	"fmt"
	"strings"
)

// The text of group 6: valid, then broken by a surrogate or by a number above
// U+10FFFF.
const (
	umlauts   = "Hello-µ@ßöäüàá-UTF-8!!"
	kosme     = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
	surrogate = "\xed\xa0\x80"
	tooHigh   = "\xf4\x90\x80\x80"
)

func utf8Cases() []autobahn {
	middle, greek := said("middle frame payload"), said(kosme)
	split := strings.Index(said(umlauts), "üàá")
	cases := []autobahn{
		{id: "6.1.1", send: []frame{text("")}},
		{id: "6.1.2", send: []frame{more(text("")), more(rest("")), rest("")}},
		{id: "6.1.3", send: []frame{more(text("")), more(rest(middle)), rest("")}, replies: []frame{text(middle)}},
		{id: "6.2.1", send: []frame{text(said(umlauts))}, replies: []frame{text(said(umlauts))}},
		{id: "6.2.2", send: []frame{more(text(said(umlauts)[:split])), rest(said(umlauts)[split:])}, replies: []frame{text(said(umlauts))}},
		{id: "6.2.3", send: fragments(said(umlauts), 1), replies: []frame{text(said(umlauts))}},
		{id: "6.2.4", send: fragments(greek, 1), replies: []frame{text(greek)}},
		{id: "6.3.1", send: []frame{text(kosme + surrogate + "edited")}, code: 1007},
		{id: "6.3.2", send: fragments(kosme+surrogate+"edited", 1), code: 1007},
	}
	cases = append(cases, failFastCases()...)
	for i, group := range utf8Groups() {
		for j, sequence := range group.sequences {
			a := autobahn{id: fmt.Sprintf("6.%d.%d", i+5, j+1), send: []frame{text(sequence)}, code: 1007}
			if group.valid(j) {
				a.code = 0
				if sequence >= " " { // else it is no JSON string
					a.send, a.replies = append(a.send, text(said(sequence))), []frame{text(said(sequence))}
				}
			}
			cases = append(cases, a)
		}
	}
	return cases
}

// failFastCases are 6.4: the connection fails with the first byte that cannot
// be part of a character, whatever of the frame or the message is still to
// come. Before it the connection is alive, also within a character.
func failFastCases() []autobahn {
	broken := kosme + tooHigh + "edited"
	at := len(kosme)
	whole := frame{Op: 1, Payload: broken}
	head := len(bytesOf(whole)) - len(broken)
	return []autobahn{
		{id: "6.4.1", play: func(c *client) {
			c.Send(more(text(kosme)))
			c.Alive()
			c.Send(more(rest(tooHigh)))
		}, code: 1007},
		{id: "6.4.2", play: func(c *client) {
			c.Send(more(text(broken[:at+1])))
			c.Alive()
			c.Send(more(rest(broken[at+1 : at+2])))
		}, code: 1007},
		// A frame cannot be interrupted by a ping: that its beginning was
		// taken shows in the close frame that comes only after the rest.
		{id: "6.4.3", play: func(c *client) {
			c.WriteString(string(bytesOf(whole)[:head+at]))
			c.WriteString(string(bytesOf(whole)[head+at : head+at+4]))
		}, code: 1007},
		{id: "6.4.4", play: func(c *client) {
			c.WriteString(string(bytesOf(whole)[:head+at+1]))
			c.WriteString(string(bytesOf(whole)[head+at+1 : head+at+2]))
		}, code: 1007},
	}
}

// utf8Group is one of 6.5 to 6.23, after Markus Kuhn's UTF-8 decoder
// stress test.
type utf8Group struct {
	name      string
	sequences []string
	broken    []int // which of them are not UTF-8; nil: allBroken decides
	allBroken bool
}

func (g *utf8Group) valid(i int) bool {
	for _, b := range g.broken {
		if b == i {
			return false
		}
	}
	return !g.allBroken
}

func utf8Groups() []utf8Group {
	incomplete := []string{
		"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
		"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
	}
	return []utf8Group{
		{name: "valid sequences", sequences: []string{"hello$world", "hello¢world", "hello€world", "hello\U00024B62world", kosme}},
		{name: "prefixes", sequences: prefixes(kosme), broken: []int{0, 2, 3, 5, 7, 9}},
		{name: "first of a length", sequences: []string{"\x00", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"}},
		{name: "first of length 5 and 6", sequences: []string{"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"}, allBroken: true},
		{name: "last of a length", sequences: []string{"\x7f", "\xdf\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"}},
		{name: "last of length 4, 5 and 6", sequences: []string{"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"}, allBroken: true},
		{name: "other boundaries", sequences: []string{"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf", tooHigh}, broken: []int{4}},
		{name: "unexpected continuations", sequences: append(prefixes("\x80\xbf\x80\xbf\x80\xbf"), "\xbf", byteRange(0x80, 0xbf, "")), allBroken: true},
		{name: "lonely starts", sequences: []string{
			byteRange(0xc0, 0xdf, " "), byteRange(0xe0, 0xef, " "), byteRange(0xf0, 0xf7, " "), byteRange(0xf8, 0xfb, " "), byteRange(0xfc, 0xfd, " "),
		}, allBroken: true},
		{name: "last byte missing", sequences: incomplete, allBroken: true},
		{name: "incomplete in a row", sequences: []string{strings.Join(incomplete, "")}, allBroken: true},
		{name: "impossible bytes", sequences: []string{"\xfe", "\xff", "\xfe\xfe\xff\xff"}, allBroken: true},
		{name: "over-long ASCII", sequences: []string{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"}, allBroken: true},
		{name: "longest over-long", sequences: []string{"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"}, allBroken: true},
		{name: "over-long NUL", sequences: []string{"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"}, allBroken: true},
		{name: "single surrogates", sequences: []string{
			surrogate, "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf",
		}, allBroken: true},
		{name: "paired surrogates", sequences: []string{
			"\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80", "\xed\xad\xbf\xed\xbf\xbf",
			"\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf", "\xed\xaf\xbf\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf",
		}, allBroken: true},
		{name: "non-characters", sequences: nonCharacters()},
		{name: "specials", sequences: []string{"\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufffe", "\uffff"}},
	}
}

// prefixes are all beginnings of s, the shortest first.
func prefixes(s string) []string {
	var all []string
	for i := range len(s) {
		all = append(all, s[:i+1])
	}
	return all
}

// byteRange is every byte from first up to, not with, last, each followed by
// after.
func byteRange(first, last byte, after string) string {
	var b strings.Builder
	for c := first; c < last; c++ {
		b.WriteByte(c)
		b.WriteString(after)
	}
	return b.String()
}

// nonCharacters are the last two code points of each plane, which are valid
// UTF-8.
func nonCharacters() []string {
	all := []string{"\ufffe", "\uffff"}
	for plane := rune(1); plane <= 16; plane++ {
		all = append(all, string(plane<<16|0xFFFE), string(plane<<16|0xFFFF))
	}
	return all
}
