package backplanetest

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// model is a stream as a plain list: slow, and easily right.
type model struct {
	count int
	top   int64
	kept  []backplane.Message
}

func (m *model) publish(data string, count int) {
	m.count = max(m.count, count)
	m.top++
	m.kept = append(m.kept, backplane.Message{Position: backplane.Position{Offset: m.top}, Data: []byte(data)})
	m.kept = m.kept[max(0, len(m.kept)-m.count):]
}

func (m *model) read(q backplane.Query) (found []backplane.Message) {
	for _, message := range m.kept {
		if message.Offset > q.After {
			found = append(found, message)
		}
	}
	if q.Newest {
		slices.Reverse(found)
	}
	size := 0
	for i, message := range found {
		size += len(message.Data)
		if q.Limit > 0 && i == q.Limit || q.Limit < 0 || q.Bytes > 0 && size > q.Bytes && i > 0 {
			found = found[:i]
			break
		}
	}
	if q.Newest {
		slices.Reverse(found)
	}
	return found
}

func answersAsList(s *suite) {
	a := s.node("a")
	m := model{}
	for range 3 * s.rounds {
		if m.top == 0 || rand.IntN(2) == 0 {
			count, data := 1+rand.IntN(1+int(m.top)/8), strings.Repeat("x", rand.IntN(20))
			m.publish(data, count)
			is(s.T, "offset", a.publish("c", data, keep(count)).Offset, m.top)
			continue
		}
		q := backplane.Query{
			After: m.top - rand.Int64N(m.top+2), Limit: rand.IntN(20) - 2, Bytes: rand.IntN(4) * 30, Newest: rand.IntN(2) == 0,
		}
		page, found := a.read("c", q), m.read(q)
		same := slices.EqualFunc(page.Messages, found, func(x, y backplane.Message) bool {
			return x.Offset == y.Offset && string(x.Data) == string(y.Data)
		})
		if !same || page.Offset != m.top || page.Oldest != m.kept[0].Offset {
			s.Fatalf("%+v: got\n%+v, want\n%+v", q, page, found)
		}
	}
}
