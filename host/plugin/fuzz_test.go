package plugin

import (
	"errors"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// FuzzRegistration: what is accepted can be served.
func FuzzRegistration(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `{"commands":[{"name":"c","handler":1,"middleware":["m"]}],"middleware":[{"name":"m","handler":2,"global":true,"order":-1}]}`,
		`{"name":"p","hooks":[{"event":"connect","handler":0}],"guards":[{"name":"g","handler":4294967295}]}`,
		`{"schedules":[{"name":"s","handler":1,"every":"1s","scope":"cluster"},{"name":"t","handler":1,"cron":"*/5 0 1-3 * 1,2"}]}`,
		`{"commands":[{"name":"c","handler":null}]}`, `{"schedules":[{"name":"s","handler":1,"cron":"0 0 30 2 *"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		r, err := parseRegistration(document)
		if err != nil {
			return
		}
		for _, c := range r.Commands {
			if protocol.CheckApplicationName(c.Name) != nil {
				t.Errorf("accepts command %q", c.Name)
			}
		}
		for _, s := range r.Schedules {
			if _, err := parseTiming(s); err != nil {
				t.Errorf("accepts schedule %+v", s)
			}
		}
	})
}

// FuzzAnswers: whatever a guest answers, what comes of it may be shown.
func FuzzAnswers(f *testing.F) {
	f.Add(int64(1), []byte(`{}`), []byte(nil))
	f.Add(int64(0), []byte(`[`), []byte(`{"a":1}`))
	f.Add(int64(2), (&abi.Error{Code: "E", Message: "m", Data: []byte(`{`), HTTP: 1 << 40}).Append(nil), []byte(`[]`))
	f.Add(int64(3), []byte{1, 0, 0, 0}, []byte(nil))
	f.Fuzz(func(t *testing.T, status int64, body, locals []byte) {
		answer := abi.Response{Status: abi.Status(status), Body: body, Locals: locals}
		c := command.NewCall(nil, "c", nil, nil)
		defer c.Release()
		for _, err := range []error{(*commandCall)(c).Receive(answer), (*middlewareCall)(c).Receive(answer)} {
			if e := protocol.AsError(err); e != nil && (len(e.Code) > maxErrorWord || len(e.Name) > maxErrorWord || e.Data != nil && !protocol.Valid(e.Data)) {
				t.Errorf("shows %+v", e)
			}
		}
		if r := c.Result(); r != nil && !protocol.Valid(r) || c.Locals != nil && !protocol.IsObject(c.Locals) {
			t.Errorf("result %q, locals %q", r, c.Locals)
		}
		var refusal *command.Refusal
		if errors.As(new(decision).Receive(answer), &refusal) && (refusal.Status < minRefusal || refusal.Status > maxRefusal) {
			t.Errorf("refuses with %d", refusal.Status)
		}
	})
}
