package exposure

import "sync"

// index finds the first of a list of patterns that matches a name. What
// expressions say of a name is remembered: a publish must not pay for all of
// them again.
type index struct {
	// names holds the patterns that are names, by position; expressions the
	// others, in order.
	names       map[string]int
	expressions []ordered
	known       *memory
}

type ordered struct {
	Pattern
	place int
}

func newIndex[T any](list []T, pattern func(*T) Pattern) index {
	x := index{names: make(map[string]int), known: new(memory)}
	for i := range list {
		p := pattern(&list[i])
		if p.expression != nil {
			x.expressions = append(x.expressions, ordered{p, i})
		} else if _, ok := x.names[p.text]; !ok {
			x.names[p.text] = i
		}
	}
	return x
}

// find returns the place of the first pattern that matches, -1 for none.
func (x *index) find(name string) int {
	exact, named := x.names[name]
	if len(x.expressions) == 0 || named && exact < x.expressions[0].place {
		if named {
			return exact
		}
		return -1
	}
	place := x.match(name)
	if named && (place < 0 || exact < place) {
		return exact
	}
	return place
}

// match is find among the expressions alone.
func (x *index) match(name string) int {
	if place, ok := x.known.get(name); ok {
		return place
	}
	place := -1
	for _, e := range x.expressions {
		if e.Match(name) {
			place = e.place
			break
		}
	}
	x.known.put(name, place)
	return place
}

// maxKnown bounds what is remembered, in names; clients choose them.
const maxKnown = 10_000

// memory remembers answers, and forgets all of them when there are too many.
type memory struct {
	mu      sync.RWMutex
	answers map[string]int
}

func (m *memory) get(name string) (int, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	place, ok := m.answers[name]
	return place, ok
}

func (m *memory) put(name string, place int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answers == nil || len(m.answers) >= maxKnown {
		m.answers = make(map[string]int)
	}
	m.answers[name] = place
}
