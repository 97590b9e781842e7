//go:build linux

package main

import (
	"fmt"
	"strings"
)

// initialNumber is that of the values that are there before anything is
// published: no load gets so far.
const initialNumber = 89_999_999

// recordValue returns a value of so many bytes around its number: an object like
// those of applications, with as many items as there is room for. It is part of
// a board, by which declared collections find it.
func recordValue(size int, board string) (before, after string) {
	before = `{"n":`
	var b strings.Builder
	fmt.Fprintf(&b, `,"open":true,"board":%q,"items":[`, board)
	const end = `],"text":""}`
	room := size - len(before) - 8 - len(end)
	for i := 0; ; i++ {
		item := fmt.Sprintf(`{"id":"item-%06d","x":%d,"y":%d,"label":"lorem ipsum dolor sit amet","done":false}`, i, i*7%1000, i*13%1000)
		if i > 0 {
			item = "," + item
		}
		if b.Len()+len(item) > room {
			break
		}
		b.WriteString(item)
	}
	fill := max(0, room-b.Len())
	return before, b.String() + end[:len(end)-2] + strings.Repeat("lorem ipsum ", fill/12+1)[:fill] + `"}`
}

// theRecord is that of the records cases.
const theRecord = "board"

// newWrite is the request that writes a value.
func newWrite(record string, size int, board string) *numbered {
	before, after := recordValue(size, board)
	return newNumbered(fmt.Sprintf(`{"id":1,"command":"mesh/publish-record-update","payload":{"recordId":%q,"newValue":%s`, record, before), after+"}}")
}

// newMerge is the request that changes the number only.
func newMerge(record string) *numbered {
	return newNumbered(fmt.Sprintf(`{"id":1,"command":"mesh/publish-record-update","payload":{"recordId":%q,"newValue":{"n":`, record),
		`},"options":{"strategy":"merge"}}}`)
}

// pushEnd ends pushes of a bare server, which are as long as those of the host.
const pushEnd = `,"version":100000,"epoch":"2216r950i0r0d"}}`

// newFull is the push of a value to those who read it in full.
func newFull(record string, size int, board string) *numbered {
	before, after := recordValue(size, board)
	return newNumbered(fmt.Sprintf(`{"command":"mesh/record-update","payload":{"recordId":%q,"full":%s`, record, before), after+pushEnd)
}

// newPatch is the push of the same to those who read patches.
func newPatch(record string) *numbered {
	return newNumbered(fmt.Sprintf(`{"command":"mesh/record-update","payload":{"recordId":%q,"patch":[{"op":"replace","path":"/n","value":`, record), "}]"+pushEnd)
}

func subscribeRecord(record, mode string) string {
	return fmt.Sprintf(`{"id":1,"command":"mesh/subscribe-record","payload":{"recordId":%q,"mode":%q}}`, record, mode)
}

func subscribeCollection(id string) string {
	return fmt.Sprintf(`{"id":1,"command":"mesh/subscribe-collection","payload":{"collectionId":%q}}`, id)
}

// script is one record that all read.
func (l recordLoad) script() script {
	full, patch := newFull(theRecord, l.Size, "main"), newPatch(theRecord)
	write := newWrite(theRecord, l.Size, "main")
	s := script{
		prepare: []string{string(write.with(initialNumber))},
		ear: func(i int) ear {
			if i < l.Patches {
				return ear{subscribe: subscribeRecord(theRecord, "patch"), number: patch.number}
			}
			return ear{subscribe: subscribeRecord(theRecord, "full"), number: full.number}
		},
		messages: []func(int) []byte{write.with},
	}
	if l.Merge {
		s.messages[0] = newMerge(theRecord).with
	}
	if l.Bare {
		s.onLanes(l.Listeners, l.Patches, patch, full)
	}
	return s
}

// onLanes makes it a script for a laneFloor: the first so many listeners get one
// push, the others another.
func (s *script) onLanes(listeners, first int, push, other *numbered) {
	s.prepare, s.messages = nil, nil
	hear := s.ear
	lanes := make(map[bool]int) // by whether it is the first
	for _, p := range []struct {
		listeners int
		push      *numbered
	}{{first, push}, {listeners - first, other}} {
		if p.listeners > 0 {
			lanes[p.push == push] = len(s.messages)
			s.messages = append(s.messages, p.push.with)
		}
	}
	s.ear = func(i int) ear {
		e := hear(i)
		e.subscribe = joinLane(lanes[i < first])
		return e
	}
}

// script is a collection that all subscribe to, whose members change in turn.
func (l collectionLoad) script() script {
	var s script
	writes, pushes := make([]*numbered, l.Members), make([]*numbered, l.Members)
	for i := range l.Members {
		id := fmt.Sprintf("item:%04d", i)
		writes[i], pushes[i] = newWrite(id, l.Size, "main"), newFull(id, l.Size, "main")
		s.prepare = append(s.prepare, string(writes[i].with(initialNumber)))
	}
	inTurn := func(of []*numbered) func(int) []byte { return func(n int) []byte { return of[n%len(of)].with(n) } }
	s.messages = []func(int) []byte{inTurn(writes)}
	heard := ear{subscribe: subscribeCollection("of:main"), number: func(text []byte, expected int) (int, bool) {
		return pushes[expected%len(pushes)].number(text, expected)
	}}
	if l.Bare {
		heard.subscribe = joinLane(0)
		s.prepare, s.messages = nil, []func(int) []byte{inTurn(pushes)}
	}
	s.ear = always(heard)
	l.addBeside(&s)
	return s
}

// besideEach is how many collections one client subscribes to at most: the
// host's default limit.
const besideEach = 1000

// addBeside adds other collections, of a record each, and clients that subscribe
// to them.
func (l collectionLoad) addBeside(s *script) {
	collections, records := "of", "item"
	if l.Elsewhere {
		collections, records = "at", "thing"
	}
	for i := range l.Beside {
		board := fmt.Sprintf("b%05d", i)
		s.prepare = append(s.prepare, string(newWrite(records+":"+board, l.Size, board).with(initialNumber)))
		if i%besideEach == 0 {
			s.beside = append(s.beside, nil)
		}
		last := &s.beside[len(s.beside)-1]
		*last = append(*last, subscribeCollection(collections+":"+board))
	}
}
