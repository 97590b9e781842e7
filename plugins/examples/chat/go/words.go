package main

import (
	"strings"
	"unicode"
	"unicode/utf8"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// decency is middleware that masks the operator's words in a message.
func decency(c *mesh.MiddlewareCall) error {
	text, ok := c.Payload().Get("text").AsText()
	if !ok {
		return nil // the command says what is wrong
	}
	if masked := mask(text); masked != text {
		c.SetPayload(mesh.Object().Raw("room", c.Payload().Get("room")).Text("text", masked).JSON())
	}
	return nil
}

// mask puts stars in the place of whole words, whatever their case.
func mask(text string) string {
	var masked strings.Builder
	for text != "" {
		end := indexFunc(text, func(r rune) bool { return !inWord(r) })
		word := text[:end]
		if settings.words[strings.ToLower(word)] {
			word = strings.Repeat("*", utf8.RuneCountInString(word))
		}
		text = text[end:]
		next := indexFunc(text, inWord)
		masked.WriteString(word)
		masked.WriteString(text[:next])
		text = text[next:]
	}
	return masked.String()
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// indexFunc is that of package strings, but returns the length for none.
func indexFunc(text string, f func(rune) bool) int {
	if i := strings.IndexFunc(text, f); i >= 0 {
		return i
	}
	return len(text)
}
