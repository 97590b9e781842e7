package extism

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// withHandlers are the lists of a registration document whose entries have a
// handler.
var withHandlers = []string{"commands", "middleware", "guards", "hooks", "schedules", "collections"}

// translate makes a native registration document of one whose handlers are
// names of functions: their numbers are the places of the names in functions.
// Everything else stays as it is, for the manager to judge.
func translate(document []byte, callable map[string]bool) (native []byte, functions []string, err error) {
	if !protocol.Valid(document) || !protocol.IsObject(document) {
		return document, nil, nil // refused by the manager, in its words
	}
	t := &translator{callable: callable, made: []byte{'{'}}
	first := true
	protocol.EachMember(document, func(key, value []byte) bool {
		t.comma(&first)
		t.made = append(protocol.AppendString(t.made, string(key)), ':')
		if name := string(key); fold(withHandlers, name) && protocol.IsArray(value) {
			t.list(name, value)
		} else {
			t.made = append(t.made, value...)
		}
		return t.err == nil
	})
	return append(t.made, '}'), t.functions, t.err
}

// fold reports whether a name is one of a list as encoding/json compares them.
func fold(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}

type translator struct {
	callable  map[string]bool
	functions []string
	made      []byte
	err       error
}

func (t *translator) comma(first *bool) {
	if !*first {
		t.made = append(t.made, ',')
	}
	*first = false
}

func (t *translator) list(name string, value []byte) {
	t.made = append(t.made, '[')
	first, n := true, 0
	protocol.EachElement(value, func(element []byte) bool {
		t.comma(&first)
		if protocol.IsObject(element) {
			t.entry(fmt.Sprintf("%s[%d]", protocol.CutText(name, protocol.MaxName), n), element)
		} else {
			t.made = append(t.made, element...)
		}
		n++
		return t.err == nil
	})
	t.made = append(t.made, ']')
}

func (t *translator) entry(where string, value []byte) {
	t.made = append(t.made, '{')
	first := true
	protocol.EachMember(value, func(key, value []byte) bool {
		t.comma(&first)
		t.made = append(protocol.AppendString(t.made, string(key)), ':')
		if strings.EqualFold(string(key), "handler") {
			t.handler(where, value)
		} else {
			t.made = append(t.made, value...)
		}
		return t.err == nil
	})
	t.made = append(t.made, '}')
}

func (t *translator) handler(where string, value []byte) {
	name, ok := protocol.Text(value)
	shown := strconv.Quote(protocol.CutText(name, maxNamed))
	callable, exported := t.callable[name]
	switch {
	case !ok:
		t.err = fmt.Errorf("%s: the handler is no string: it is the name of an exported function", where)
	case !exported:
		t.err = fmt.Errorf("%s: the handler %s is no exported function", where, shown)
	case !callable:
		t.err = fmt.Errorf("%s: the handler %s has parameters or another result than an i32", where, shown)
	}
	number := slices.Index(t.functions, name)
	if number < 0 {
		number = len(t.functions)
		t.functions = append(t.functions, name)
	}
	t.made = strconv.AppendInt(t.made, int64(number), 10)
}

// settings are a plugin's configuration as Extism's config_get has it: by
// member, text as it is and everything else as JSON.
func settings(config []byte) map[string]string {
	values := make(map[string]string)
	if !protocol.Valid(config) {
		return values
	}
	protocol.EachMember(config, func(key, value []byte) bool {
		text, ok := protocol.Text(value)
		if !ok {
			text = string(value)
		}
		values[string(key)] = text
		return true
	})
	return values
}
