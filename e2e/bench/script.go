//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strings"
)

// script is what an audience says and hears.
type script struct {
	// beside are the requests of clients that hear nothing of the messages.
	beside [][]string
	// prepare is what is asked for after that, before anyone listens.
	prepare []string
	// ear returns what the i-th listener does.
	ear func(i int) ear
	// messages return the texts of the frames that make the n-th message, which
	// are good until they are called again.
	messages []func(n int) []byte
}

// ear is how a listener listens.
type ear struct {
	// subscribe is what it sends first; "" is nothing.
	subscribe string
	// number returns the number of a delivered message, of whose text the first
	// soundest bytes suffice, and false for what is none. A message without a
	// number gets the one that is expected, if it can be that. Without number it
	// hears nothing.
	number func(text []byte, expected int) (int, bool)
}

// soundest is how many bytes of a message tell its number.
const soundest = 256

// always has all listeners listen in one way.
func always(e ear) func(int) ear { return func(int) ear { return e } }

// The names of the scripts.
const (
	scriptFloor    = "floor"
	scriptChannel  = "channel"
	scriptKept     = "kept"
	scriptPresence = "presence"
)

// The channels and the room of the scripts; the second keeps a history.
const (
	plainChannel = "news"
	keptChannel  = "kept"
	presenceRoom = "hall"
)

var scripts = map[string]script{
	scriptFloor:    channelScript(plainChannel, false),
	scriptChannel:  channelScript(plainChannel, true),
	scriptKept:     channelScript(keptChannel, true),
	scriptPresence: presenceScript(),
}

// firstNumber begins the numbers of messages; all have eight digits.
const firstNumber = 10_000_000

// numbered is a text with a number in it.
type numbered struct {
	text  []byte
	start int // of the digits
}

func newNumbered(before, after string) *numbered {
	return &numbered{text: fmt.Appendf(nil, "%s%d%s", before, firstNumber, after), start: len(before)}
}

// with returns the text with another number, good until the next call.
func (t *numbered) with(n int) []byte {
	for i, v := t.start+7, firstNumber+n; i >= t.start; i, v = i-1, v/10 {
		t.text[i] = byte('0' + v%10)
	}
	return t.text
}

// number returns the number of a text that begins like this one, and false for
// another.
func (t *numbered) number(text []byte, _ int) (int, bool) {
	digits, ok := bytes.CutPrefix(text, t.text[:t.start])
	if !ok || len(digits) < 8 {
		return 0, false
	}
	n := 0
	for _, d := range digits[:8] {
		n = 10*n + int(d-'0')
	}
	return n - firstNumber, true
}

// numberedPayload returns a JSON payload of payloadSize bytes around a number,
// which is its first member.
func numberedPayload() (before, after string) {
	before, after = `{"n":`, `,"text":"`
	room := payloadSize - len(before) - 8 - len(after) - len(`"}`)
	return before, after + strings.Repeat("lorem ipsum ", payloadSize/12+1)[:room] + `"}`
}

// channelScript publishes on a channel. A bare server passes on what it gets;
// mesh-host delivers a message's text as a JSON string.
func channelScript(channel string, isHost bool) script {
	before, after := numberedPayload()
	publish := newNumbered(fmt.Sprintf(`{"id":1,"command":"mesh/publish-channel","payload":{"channel":%q,"message":%s`, channel, before), after+"}}")
	heard := ear{number: publish.number}
	if isHost {
		pushed := newNumbered(fmt.Sprintf(`{"command":"mesh/subscription-message","payload":{"channel":%q,"message":"{\"n\":`, channel), "")
		heard = ear{subscribe: subscribeTo(channel), number: pushed.number}
	}
	return script{ear: always(heard), messages: []func(int) []byte{publish.with}}
}

func subscribeTo(channel string) string {
	return fmt.Sprintf(`{"id":1,"command":"mesh/subscribe-channel","payload":{"channel":%q}}`, channel)
}

// presenceScript has one connection join and leave a room in turn.
func presenceScript() script {
	join := fmt.Appendf(nil, `{"id":1,"command":"mesh/join-room","payload":{"roomName":%q}}`, presenceRoom)
	leave := fmt.Appendf(nil, `{"id":1,"command":"mesh/leave-room","payload":{"roomName":%q}}`, presenceRoom)
	joined := []byte(`{"command":"mesh/presence-update","payload":{"type":"join"`)
	left := []byte(`{"command":"mesh/presence-update","payload":{"type":"leave"`)
	return script{
		ear: always(ear{
			subscribe: fmt.Sprintf(`{"id":1,"command":"mesh/subscribe-presence","payload":{"roomName":%q}}`, presenceRoom),
			number: func(text []byte, expected int) (int, bool) {
				if expected%2 == 0 {
					return expected, bytes.HasPrefix(text, joined)
				}
				return expected, bytes.HasPrefix(text, left)
			},
		}),
		messages: []func(int) []byte{func(n int) []byte {
			if n%2 == 0 {
				return join
			}
			return leave
		}},
	}
}
