package transport_test

import (
	"fmt"
	"strings"

	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

func bytesOf(frames ...frame) []byte             { return transporttest.Bytes(frames...) }
func fragments(message string, size int) []frame { return transporttest.Fragments(message, size) }

// limitCases are group 9. A binary message is refused as soon as its header is
// there; the client must see why although it goes on sending.
func limitCases() []autobahn {
	const k, m = 1 << 10, 1 << 20
	var cases []autobahn
	add := func(id string, number, size, fragment, chop int) {
		message := saidLong(size)
		cases = append(cases, autobahn{
			id:   fmt.Sprintf("9.%c.%d", id[0], number+1),
			send: fragments(message, fragment), chop: chop, replies: []frame{text(message)},
		})
		refused := fragments(message, fragment)
		refused[0].Op = transporttest.Binary
		cases = append(cases, autobahn{id: fmt.Sprintf("9.%c.%d", id[1], number+1), send: refused, chop: chop, code: 1003})
	}
	for i, size := range []int{64 * k, 256 * k, m, 4 * m, 8 * m, 16 * m} {
		add("12", i, size, size, 0)
	}
	for i, fragment := range []int{64, 256, k, 4 * k, 16 * k, 64 * k, 256 * k, m, 4 * m} {
		add("34", i, 4*m, fragment, 0)
	}
	for i, chop := range []int{64, 128, 256, 512, k, 2 * k} {
		add("56", i, m, m, chop)
	}
	for i, size := range []int{0, 16, 64, 256, k, 4 * k} {
		message := said(strings.Repeat("*", size))
		cases = append(cases,
			autobahn{id: fmt.Sprintf("9.7.%d", i+1), play: func(c *client) { roundTrips(c, message) }},
			autobahn{id: fmt.Sprintf("9.8.%d", i+1), send: []frame{binary(message)}, code: 1003},
		)
	}
	return append(cases, autobahn{id: "9.9.1", play: endless, code: 1009})
}

// roundTrips sends a message a thousand times, one after the other.
func roundTrips(c *client, message string) {
	for range 1000 {
		c.Text(message)
		c.ExpectText(message)
	}
}

// endless sends frames of one message until the server has had enough.
func endless(c *client) {
	c.Send(more(text(`"`)))
	piece := bytesOf(more(rest(strings.Repeat("*", 4<<10))))
	for range 16<<20/(4<<10) + 1 {
		c.Chop(piece, len(piece))
	}
}

// autoFragmentCases are group 10.
func autoFragmentCases() []autobahn {
	message := saidLong(65536)
	return []autobahn{{id: "10.1.1", send: fragments(message, 1300), replies: []frame{text(message)}}}
}
