// Package capability says what plugins may ask of the server: it reads what an
// operator grants and what a plugin registers, and makes of both a table that
// each host call is held against.
package capability

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

const (
	// All is the grant of every capability but HTTP.
	All = "*"
	// HTTP is the capability of http.fetch. It is granted by a list of Origins.
	HTTP = "http"
)

// MaxList bounds how many grants, or capabilities of a registration, there are.
const MaxList = 1024

// MaxText bounds the text of one, in bytes.
const MaxText = 2048

// known are all capabilities, sorted; byName the operations by name.
var known, byName = func() (list []string, index map[string]int) {
	index = make(map[string]int, len(abi.Operations))
	for i, o := range abi.Operations {
		index[o.Name] = i
		if o.Capability != "" && !slices.Contains(list, o.Capability) {
			list = append(list, o.Capability)
		}
	}
	slices.Sort(list)
	return list, index
}()

// Known returns the names of all capabilities, sorted.
func Known() []string { return slices.Clone(known) }

// IndexOf returns an operation's place in abi.Operations, for Access, or -1.
func IndexOf(operation string) int {
	if i, ok := byName[operation]; ok {
		return i
	}
	return -1
}

// Grant is one capability or a family of them, for all names or for some. The
// zero Grant is none.
type Grant struct {
	text string
	name string // "*", a capability or a family
	// pattern is nil for all names.
	pattern *pattern
}

// String returns the grant as it was written.
func (g Grant) String() string { return g.text }

// covers reports whether the grant is about a capability.
func (g Grant) covers(capability string) bool {
	return g.name == All && capability != HTTP || g.name == capability ||
		strings.HasPrefix(capability, g.name) && capability[len(g.name)] == '.'
}

// Parse reads what an operator grants: "*", a capability or a family
// ("records" is records.read, records.write and the others below it), the last
// two with a pattern of names behind a colon where it is for these only. The
// error says what is wrong.
func Parse(text string) (Grant, error) {
	if text == All {
		return Grant{text: text, name: All}, nil
	}
	g, err := parse(text)
	switch {
	case err != nil:
		return Grant{}, err
	case g.name == HTTP:
		return Grant{}, fmt.Errorf("it is granted by the key http, the list of origins that may be asked: leave it out here")
	}
	return g, nil
}

// parse reads what is neither "*" nor about HTTP.
func parse(text string) (Grant, error) {
	if len(text) > MaxText {
		return Grant{}, fmt.Errorf("it has %d bytes, over the limit of %d", len(text), MaxText)
	}
	name, names, some := strings.Cut(text, ":")
	if err := check(name); err != nil {
		return Grant{}, err
	}
	g := Grant{text: text, name: name}
	if !some || name == HTTP {
		return g, nil
	}
	p, err := parsePattern(names)
	if err != nil {
		return Grant{}, err
	}
	g.pattern = p
	if !slices.ContainsFunc(abi.Operations, func(o abi.Operation) bool { return o.Subject != "" && g.covers(o.Capability) }) {
		return Grant{}, fmt.Errorf("no operation of %q has a name that a pattern could be held against: write %q", name, name)
	}
	return g, nil
}

// check refuses what is neither a capability nor a family.
func check(name string) error {
	g := Grant{name: name}
	switch {
	case name == All:
		return fmt.Errorf(`"*" is everything, and stands alone: name the capability, such as "records.write:score:*"`)
	case name != "" && slices.ContainsFunc(known, g.covers):
		return nil
	}
	if _, ok := byName[name]; ok {
		if c := abi.Operations[byName[name]].Capability; c != "" {
			return fmt.Errorf("%q is an operation: its capability is %q", name, c)
		}
		return fmt.Errorf("%q needs no capability", name)
	}
	return fmt.Errorf("%s is no capability: one of %s, or what comes before a dot in one", quote(name), strings.Join(known, ", "))
}

func quote(text string) string { return strconv.Quote(protocol.CutText(text, 64)) }

// bound is what one side, the operator or the registration, allows of a
// capability.
type bound struct {
	by string // what the error says: "granted" or "registered"
	// all: for every name; otherwise those that match.
	all   bool
	names names
}

func (b *bound) none() bool { return !b.all && b.names.empty() }

// boundOf sums up what a list says about a capability.
func boundOf(list []Grant, capability, by string) *bound {
	b := &bound{by: by}
	for _, g := range list {
		switch {
		case !g.covers(capability):
		case g.pattern == nil:
			return &bound{by: by, all: true}
		default:
			b.names.add(g.pattern)
		}
	}
	return b
}
