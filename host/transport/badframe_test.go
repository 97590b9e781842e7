package transport_test

import (
	"strings"
	"testing"
)

// nested is an envelope whose payload is so many arrays, one in the other; the
// envelope itself is a level too.
func nested(depth int) string {
	return `{"id":1,"command":"echo","payload":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + "}"
}

func TestBadFramesAreCountedAndDropped(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{
		"empty":                  "",
		"space":                  " \n",
		"not JSON":               "hello",
		"half":                   `{"id":1,"command":"echo"`,
		"two values":             "{}{}",
		"trailing comma":         `{"id":1,"command":"echo",}`,
		"number":                 "1",
		"string":                 `"echo"`,
		"null":                   "null",
		"array":                  `[{"id":1,"command":"echo"}]`,
		"no command":             `{"id":1,"payload":{}}`,
		"command is null":        `{"id":1,"command":null}`,
		"command is a number":    `{"id":1,"command":1}`,
		"command is an object":   `{"id":1,"command":{"echo":1}}`,
		"broken payload":         `{"id":1,"command":"echo","payload":{"a":}}`,
		"control in a string":    "{\"id\":1,\"command\":\"echo\",\"payload\":\"\x01\"}",
		"nested too deep":        nested(128),
		"nested 30,000 deep":     nested(30_000),
		"open 60,000 deep":       strings.Repeat("[", 60_000),
		"objects 10,000 deep":    strings.Repeat(`{"a":`, 10_000),
		"a number that is none":  `{"id":01,"command":"echo"}`,
		"a byte order mark":      "\ufeff" + said("hello"),
		"text after the object":  said("hello") + "x",
		"single quotes":          "{'id':1,'command':'echo'}",
		"NaN":                    `{"id":NaN,"command":"echo"}`,
		"an escape that is none": `{"id":"\x","command":"echo"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(u *setup) { u.BadFrames = 3 })
			c := s.dial(t)
			for range 3 {
				c.Text(bad)
				c.Text(said("fine"))
				c.ExpectText(said("fine"))
			}
			c.Text(bad, said("too late"))
			if reason := c.ExpectClose(1008); !strings.HasPrefix(reason, "too many bad frames") {
				t.Errorf("reason %q", reason)
			}
			c.Send(closing(1008, ""))
			c.ExpectEOF()
			s.expectGone(t, 1008)
			if n := s.Metrics().BadFrames; n != 4 {
				t.Errorf("%d bad frames were counted", n)
			}
		})
	}
}

func TestDeepestNesting(t *testing.T) {
	t.Parallel()
	c := serve(t).dial(t)
	c.Text(nested(127))
	c.ExpectText(nested(127))
}

// Answers to the server's own questions are no commands.
func TestPongsAreConsumed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := s.dial(t)
	c.Text(`{"id":1,"command":"pong","payload":{}}`, `{"id":2,"command":"latency:response","payload":{}}`, `{"command":"pong"}`)
	c.Alive()
	if n := s.Metrics().BadFrames; n != 0 {
		t.Errorf("%d bad frames", n)
	}
}
