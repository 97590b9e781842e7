package transport_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/hub"
	"github.com/mesh-host/mesh-host/host/protocol"
	"github.com/mesh-host/mesh-host/host/transport/transporttest"
)

// closedSessions takes no session in.
type closedSessions struct{ err error }

// Open implements transport.Sessions.
func (c closedSessions) Open(context.Context, *hub.Session) error { return c.err }

// Close implements transport.Sessions.
func (closedSessions) Close(context.Context, *hub.Session) {}

// TestSessionsNotTakenIn tells the client why, and the log unless it knows.
func TestSessionsNotTakenIn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err    error
		logged bool
	}{
		"an outage":      {protocol.NewError(abi.CodeUnavailable, "Backplane unavailable"), false},
		"something else": {errors.New("disk on fire"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(u *setup) { u.Sessions = closedSessions{tt.err} })
			r := transporttest.Connect(t, s.address).Refused(transporttest.Request("/"))
			if r.Status != http.StatusServiceUnavailable || !strings.Contains(r.Body, "try again later") {
				t.Errorf("got %+v", r)
			}
			if n := s.hub.Len(); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
			if got := strings.Contains(s.log.String(), "could not be opened"); got != tt.logged {
				t.Errorf("logged: %v, want %v", got, tt.logged)
			}
		})
	}
}
