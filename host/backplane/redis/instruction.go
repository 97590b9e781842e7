package redis

import (
	"strconv"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// appendInstruction writes an audience and what is done to it as a frame: the
// scope, how many names, the names, how many exceptions, those, then the
// instruction's kind and its fields.
func appendInstruction(dst []byte, to backplane.Audience, what backplane.Instruction) []byte {
	parts := make([][]byte, 0, 7+len(to.Names)+len(to.Except))
	add := func(texts ...string) {
		for _, text := range texts {
			parts = append(parts, []byte(text))
		}
	}
	add(strconv.Itoa(int(to.Scope)), strconv.Itoa(len(to.Names)))
	add(to.Names...)
	add(strconv.Itoa(len(to.Except)))
	add(to.Except...)
	switch {
	case what.Push != nil:
		add("push", what.Push.Command)
		parts = append(parts, what.Push.Payload)
	case what.Close != nil:
		add("close", strconv.Itoa(what.Close.Code), what.Close.Reason)
	case what.Unsubscribe != nil:
		add("unsubscribe", strconv.Itoa(int(what.Unsubscribe.Topic.Kind)), what.Unsubscribe.Topic.Name, what.Unsubscribe.Reason)
	}
	return appendFrame(dst, parts...)
}

// readInstruction is the inverse of appendInstruction; ok says that the text is
// an instruction.
func readInstruction(text string) (to backplane.Audience, what backplane.Instruction, ok bool) {
	all, ok := fields(text, 6)
	if !ok {
		return to, what, false
	}
	scope := all[0].number()
	names, all, ok := readNames(all[1:])
	if !ok || scope < int64(backplane.Listed) || scope > int64(backplane.Everyone) {
		return to, what, false
	}
	except, all, ok := readNames(all)
	if !ok {
		return to, what, false
	}
	what, ok = readWhat(all)
	return backplane.Audience{Scope: backplane.Scope(scope), Names: names, Except: except}, what, ok
}

// readNames reads a list after its length; nil is an empty one.
func readNames(all []field) (names []string, rest []field, ok bool) {
	if len(all) == 0 {
		return nil, nil, false
	}
	count := all[0].number()
	if all = all[1:]; count < 0 || count > int64(len(all)) {
		return nil, nil, false
	}
	for _, f := range all[:count] {
		names = append(names, f.text)
	}
	return names, all[count:], true
}

func readWhat(all []field) (what backplane.Instruction, ok bool) {
	if len(all) < 3 {
		return what, false
	}
	switch kind := all[0].text; {
	case kind == "push":
		what.Push = &backplane.Push{Command: all[1].text, Payload: all[2].bytes()}
	case kind == "close":
		what.Close = &backplane.Close{Code: int(all[1].number()), Reason: all[2].text}
	case kind == "unsubscribe" && len(all) >= 4:
		topic := backplane.Topic{Kind: backplane.Kind(all[1].number()), Name: all[2].text}
		what.Unsubscribe = &backplane.Unsubscribe{Topic: topic, Reason: all[3].text}
	default:
		return what, false
	}
	return what, true
}
