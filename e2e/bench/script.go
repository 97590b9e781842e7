//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strings"
)

// script is what an audience says and hears.
type script struct {
	// subscribe is what a listener sends first; "" is nothing.
	subscribe string
	// message returns the text of the frame that makes the n-th message.
	message func(n int) []byte
	// number returns the number of a delivered message, and false for what is
	// none. A message without a number gets the one that is expected, if it can
	// be that.
	number func(text []byte, expected int) (int, bool)
}

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

// numberedPayload returns a JSON payload of payloadSize bytes whose first
// member is a number.
func numberedPayload(n int) string {
	head := fmt.Sprintf(`{"n":%d,"text":"`, firstNumber+n)
	return head + strings.Repeat("lorem ipsum ", payloadSize/12+1)[:payloadSize-len(head)-len(`"}`)] + `"}`
}

// channelScript publishes on a channel. A bare server passes on what it gets;
// mesh-host delivers a message's text as a JSON string.
func channelScript(channel string, isHost bool) script {
	publish := func(n int) []byte {
		return fmt.Appendf(nil, `{"id":1,"command":"mesh/publish-channel","payload":{"channel":%q,"message":%s}}`, channel, numberedPayload(n))
	}
	s := script{message: publish}
	start := publish(0)
	start = start[:bytes.Index(start, []byte(`"n":`))+len(`"n":`)]
	if isHost {
		s.subscribe = subscribeTo(channel)
		start = fmt.Appendf(nil, `{"command":"mesh/subscription-message","payload":{"channel":%q,"message":"{\"n\":`, channel)
	}
	s.number = func(text []byte, _ int) (int, bool) {
		digits, ok := bytes.CutPrefix(text, start)
		if !ok || len(digits) < 8 {
			return 0, false
		}
		n := 0
		for _, d := range digits[:8] {
			n = 10*n + int(d-'0')
		}
		return n - firstNumber, true
	}
	return s
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
		subscribe: fmt.Sprintf(`{"id":1,"command":"mesh/subscribe-presence","payload":{"roomName":%q}}`, presenceRoom),
		message: func(n int) []byte {
			if n%2 == 0 {
				return join
			}
			return leave
		},
		number: func(text []byte, expected int) (int, bool) {
			if expected%2 == 0 {
				return expected, bytes.HasPrefix(text, joined)
			}
			return expected, bytes.HasPrefix(text, left)
		},
	}
}
