package transport_test

import (
	"fmt"
	"strings"
)

// closeCases are group 7. Where the suite has a choice of codes this server's
// is the stricter one: what is wrong with a close frame is 1002.
func closeCases() []autobahn {
	normal, hello := closing(1000, ""), text(said("Hello World!"))
	long := text(saidLong(256 << 10))
	cases := []autobahn{
		{id: "7.1.1", send: []frame{hello, normal}, replies: []frame{hello}, code: 1000},
		{id: "7.1.2", send: []frame{normal, closing(0, "")}, code: 1000},
		{id: "7.1.3", send: []frame{normal, ping("")}, code: 1000},
		{id: "7.1.4", send: []frame{normal, hello}, code: 1000},
		{id: "7.1.5", send: []frame{more(text("fragment1")), normal, rest("fragment2")}, code: 1000},
		{id: "7.1.6", send: []frame{long, hello, normal, ping("")}, replies: []frame{long, hello}, code: 1000},
		{id: "7.3.1", send: []frame{closing(0, "")}, code: noCode},
		{id: "7.3.2", send: []frame{{Op: 8, Payload: "a"}}, code: 1002},
		{id: "7.3.3", send: []frame{normal}, code: 1000},
		{id: "7.3.4", send: []frame{closing(1000, "Hello World!")}, code: 1000},
		{id: "7.3.5", send: []frame{closing(1000, strings.Repeat("*", 123))}, code: 1000},
		{id: "7.3.6", send: []frame{closing(1000, strings.Repeat("*", 124))}, code: 1002},
		{id: "7.5.1", send: []frame{closing(1000, kosme+surrogate+"edited")}, code: 1002},
		{id: "7.13.1", send: []frame{closing(5000, "")}, code: 1002},
		{id: "7.13.2", send: []frame{closing(65535, "")}, code: 1002},
	}
	// The last three are not of the suite but registered since (RFC 6455
	// section 11.7); so is 1015, which may not be sent.
	valid := []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014}
	for i, code := range valid {
		cases = append(cases, autobahn{id: fmt.Sprintf("7.7.%d", i+1), send: []frame{closing(code, "")}, code: code})
	}
	invalid := []int{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1015}
	for i, code := range invalid {
		bad := closing(1, "")
		bad.Payload = string([]byte{byte(code >> 8), byte(code)})
		cases = append(cases, autobahn{id: fmt.Sprintf("7.9.%d", i+1), send: []frame{bad}, code: 1002})
	}
	return cases
}
