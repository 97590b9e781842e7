package capability

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
)

// Asked is a capability that a plugin registers.
type Asked struct {
	grant  Grant
	origin *Origin // of "http:https://api.example.com"
}

// ParseAsked reads the capabilities of a registration: as Parse does, but "*"
// is refused, since a plugin knows what it uses, and "http" may be asked for,
// with an origin behind a colon where it is for this only. The error says which
// one is wrong, and how.
func ParseAsked(list []abi.Capability) ([]Asked, error) {
	if len(list) > MaxList {
		return nil, fmt.Errorf("registers %d capabilities, over the limit of %d", len(list), MaxList)
	}
	asked := make([]Asked, 0, len(list))
	grants := make([]Grant, 0, len(list))
	for i, c := range list {
		q, err := parseAsked(c.Name)
		if err != nil {
			return nil, fmt.Errorf("capabilities[%d], %s: %w", i, quote(c.Name), err)
		}
		asked, grants = append(asked, q), append(grants, q.grant)
	}
	if err := checkWeights(grants); err != nil {
		return nil, fmt.Errorf("capabilities: %w", err)
	}
	return asked, nil
}

func parseAsked(text string) (Asked, error) {
	g, err := parse(text)
	if err != nil {
		return Asked{}, err
	}
	if _, address, some := strings.Cut(text, ":"); some && g.name == HTTP {
		o, err := ParseOrigin(address)
		if err != nil {
			return Asked{}, err
		}
		return Asked{grant: g, origin: &o}, nil
	}
	return Asked{grant: g}, nil
}

// Missing is what a plugin needs and is not granted; the zero Missing is
// nothing.
type Missing struct {
	// Needs are the capabilities, with what needs them, for people.
	Needs []string
	// Capabilities and Origins would grant them.
	Capabilities, Origins []string
}

// Missing returns what an operator does not grant of what a plugin registers
// or, where it registers no capabilities, of those of the operations that it
// imports.
//
// A capability that is granted for certain names only counts as granted, and
// calls are held against the names; one that is registered with a pattern is
// granted where the grant certainly contains that: it is for all names, has the
// same text or a wider one with asterisks, or what is registered is a name.
func (a *Access) Missing(asked []Asked, imports []string) Missing {
	if a == nil {
		return Missing{}
	}
	m := missing{access: a, capabilities: make(map[string]bool), origins: make(map[string]bool)}
	if len(asked) == 0 {
		m.imports(imports)
	}
	for _, q := range asked {
		m.asked(q)
	}
	return Missing{Needs: m.needs, Capabilities: slices.Sorted(maps.Keys(m.capabilities)), Origins: slices.Sorted(maps.Keys(m.origins))}
}

type missing struct {
	access                *Access
	needs                 []string
	capabilities, origins map[string]bool
}

// need notes a capability that is missing, once.
func (m *missing) need(capability, why string) {
	if capability == HTTP {
		m.needOrigin("https://…", strconv.Quote(HTTP)+why)
		return
	}
	if !m.capabilities[capability] {
		m.capabilities[capability] = true
		m.needs = append(m.needs, strconv.Quote(capability)+why)
	}
}

// needOrigin notes an origin that is missing, once.
func (m *missing) needOrigin(origin, text string) {
	if !m.origins[origin] {
		m.origins[origin] = true
		m.needs = append(m.needs, text)
	}
}

func (m *missing) imports(operations []string) {
	users := make(map[string][]string) // by capability
	for _, name := range operations {
		if i := IndexOf(name); i >= 0 && abi.Operations[i].Capability != "" {
			c := abi.Operations[i].Capability
			users[c] = append(users[c], name)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(users)) {
		if m.access.granted(c).none() {
			slices.Sort(users[c])
			m.need(c, " (imports "+strings.Join(slices.Compact(users[c]), ", ")+")")
		}
	}
}

func (m *missing) asked(q Asked) {
	if q.origin != nil {
		if !m.access.origins.everywhere && !slices.ContainsFunc(m.access.origins.granted, func(o Origin) bool { return o.contains(*q.origin) }) {
			origin := q.origin.String()
			m.needOrigin(origin, strconv.Quote(HTTP+":"+origin))
		}
		return
	}
	for _, c := range known {
		if q.grant.covers(c) && !m.access.contains(c, q.grant.pattern) {
			text := c
			if q.grant.pattern != nil {
				text += ":" + q.grant.pattern.text
			}
			m.need(text, "")
		}
	}
}

// contains reports whether a capability is granted for what a pattern matches,
// and for anything at all without one.
func (a *Access) contains(capability string, p *pattern) bool {
	b := a.granted(capability)
	if b.all || p == nil {
		return !b.none()
	}
	return slices.ContainsFunc(a.grants, func(g Grant) bool {
		return g.covers(capability) && g.pattern != nil && g.pattern.contains(p)
	})
}
