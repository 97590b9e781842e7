//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// recordFollower is a subscriber to a record whose connection may end again and
// again. It catches up, and takes note of every version: it fails on one that is
// missing, doubled or out of order, and on a reply that claims too much or too
// little.
type recordFollower struct {
	host     *host
	id, mode string
	old      bool // speaks rt/ without a subprotocol
	// kept is how many versions the server is known to hold: not to be caught
	// up after so many or fewer is a fault.
	kept int64
	// check, unless nil, looks at every version's value.
	check func(version int64, value json.RawMessage) error
	// begun, unless nil, is called when a subscription has begun.
	begun func()

	last    version
	base    json.RawMessage   // the value before patches, nil for none
	patches []json.RawMessage // what has come since

	torn      int // connections that ended within a frame
	pushed    int // versions that were pushed
	recovered int // versions that came with replies
	refused   int // catching up was not possible so often
}

// String implements fmt.Stringer.
func (f *recordFollower) String() string {
	return fmt.Sprintf("%s: %d versions pushed, %d recovered, %d frames torn, %d times begun anew", f.name(), f.pushed, f.recovered, f.torn, f.refused)
}

func (f *recordFollower) name() string {
	if f.old {
		return f.mode + ", rt/"
	}
	return f.mode + ", mesh.v1"
}

// live lives one connection, until it ends or the follower is at a version. Only
// what the server does wrong is an error.
func (f *recordFollower) live(o hop, until int64) error {
	o.old = f.old
	l, err := f.host.link(o)
	if err != nil {
		return f.ended(err)
	}
	defer l.conn.Close()
	if f.old {
		l.dialect = "rt/"
	}
	payload := map[string]any{"recordId": f.id, "mode": f.mode}
	if f.last.Epoch != "" {
		payload["epoch"], payload["version"] = f.last.Epoch, f.last.Version
	}
	reply, err := l.ask("subscribe-record", encoded(payload), unexpected)
	if err != nil {
		return f.ended(err)
	}
	if err := f.begin(reply); err != nil {
		return fmt.Errorf("at %+v: %w: %.300s", f.last, err, reply)
	}
	if f.begun != nil {
		f.begun()
	}
	for f.last.Version < until {
		push, err := l.frame()
		if err == nil {
			err = f.take(push)
		}
		if err != nil {
			return f.ended(err)
		}
	}
	return nil
}

// ended sorts the ends that the test has made from those that it has not.
func (f *recordFollower) ended(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		f.torn++
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, syscall.ECONNREFUSED), errors.As(err, &timeout) && timeout.Timeout():
		return nil
	}
	return fmt.Errorf("%s: %w", f.name(), err)
}

func (f *recordFollower) begin(text json.RawMessage) error {
	r, err := readRecordReply(text)
	switch {
	case err != nil:
		return err
	case !r.Success:
		return errors.New("refused")
	case f.last.Epoch == "" && r.Recovered != nil:
		return errors.New("recovered, who knew nothing")
	case f.last.Epoch == "":
		return f.restart(r)
	case r.Recovered == nil:
		return errors.New("not said whether it is recovered")
	case !*r.Recovered:
		return f.refuse(r)
	}
	if r.Record != nil || r.Epoch != f.last.Epoch {
		return errors.New("a recovery with a value, or of another epoch")
	}
	for _, p := range r.Patches {
		if err := f.next(version{r.Epoch, p.Version}, nil, p.Patch); err != nil {
			return fmt.Errorf("missed: %w", err)
		}
		f.recovered++
	}
	if f.last != r.version {
		return fmt.Errorf("the patches lead to %+v", f.last)
	}
	return nil
}

// refuse takes a reply that has no patches, but a value.
func (f *recordFollower) refuse(r recordReply) error {
	if missed := r.Version - f.last.Version; r.Epoch == f.last.Epoch && missed >= 0 && missed <= f.kept {
		return fmt.Errorf("%d versions are not recovered, though %d are kept", missed, f.kept)
	}
	if r.Patches != nil {
		return errors.New("patches that do not recover")
	}
	f.refused++
	return f.restart(r)
}

// restart goes on from a whole value.
func (f *recordFollower) restart(r recordReply) error {
	if r.Record == nil || (r.Version == 0) != (r.Epoch == "") {
		return errors.New("a beginning without a value, or version")
	}
	f.last, f.base, f.patches = r.version, r.Record, nil
	if r.Version == 0 {
		f.base = nil
		return nil
	}
	return f.look()
}

// take takes a push.
func (f *recordFollower) take(push frame) error {
	if !strings.HasSuffix(push.Command, "/record-update") && !strings.HasSuffix(push.Command, "/record-deleted") {
		return unexpected(push)
	}
	p, err := readRecordPush(push)
	if err != nil {
		return err
	}
	if p.RecordID != f.id || p.Full != nil && f.mode == "patch" || p.Patch != nil && f.mode == "full" {
		return fmt.Errorf("the push is %.300s", push.Payload)
	}
	f.pushed++
	return f.next(p.version, p.Full, p.Patch)
}

// next takes a version, which must be the one after the last.
func (f *recordFollower) next(v version, full, patch json.RawMessage) error {
	if v.Version != f.last.Version+1 || f.last.Epoch != "" && v.Epoch != f.last.Epoch || v.Epoch == "" {
		return fmt.Errorf("after %+v comes %+v", f.last, v)
	}
	f.last = v
	if patch != nil {
		f.patches = append(f.patches, patch)
	} else {
		f.base, f.patches = full, nil
	}
	return f.look()
}

func (f *recordFollower) look() error {
	if f.check == nil {
		return nil
	}
	value, err := f.value()
	if err != nil {
		return err
	}
	if err := f.check(f.last.Version, value); err != nil {
		return fmt.Errorf("version %d, %.200s: %w", f.last.Version, value, err)
	}
	return nil
}

// value returns the value as it is now, nil for none. Patches of a document that
// stays one are applied as one patch.
func (f *recordFollower) value() (json.RawMessage, error) {
	var err error
	for len(f.patches) > 0 && err == nil {
		n := 1
		if !bytes.Contains(f.patches[0], []byte(`"path":""`)) {
			for n < len(f.patches) && !bytes.Contains(f.patches[n], []byte(`"path":""`)) {
				n++
			}
		}
		joined := []byte("[")
		for i, p := range f.patches[:n] {
			if i > 0 {
				joined = append(joined, ',')
			}
			joined = append(joined, p[1:len(p)-1]...)
		}
		f.base, err = applied(f.base, append(joined, ']'))
		f.patches = f.patches[n:]
	}
	return f.base, err
}

// counters are written by many clients at once, each its own: with every write
// one of them grows by one. Some stand at the top and are merged, the others
// below "all" and are merged deeply.
func counterWrite(id string, client, n int) string {
	part, strategy := fmt.Sprintf(`{"w%d":%d}`, client, n/2+1), "merge"
	if n%2 == 1 {
		part, strategy = `{"all":`+part+`}`, "deepMerge"
	}
	return recordWrite(id, part, `"strategy":"`+strategy+`"`)
}

// counted is the sum of all counters: so many writes have been made.
func counted(value json.RawMessage) (sum int64, err error) {
	members, err := recordMembers(value)
	if err != nil {
		return 0, err
	}
	below := make(map[string]json.RawMessage)
	if all := members["all"]; all != nil {
		if below, err = recordMembers(all); err != nil {
			return 0, err
		}
	}
	for _, counters := range []map[string]json.RawMessage{members, below} {
		for name, text := range counters {
			var n int64
			if name[0] != 'w' {
				continue
			}
			if err := json.Unmarshal(text, &n); err != nil {
				return 0, err
			}
			sum += n
		}
	}
	return sum, nil
}

// counts checks that every version has one write more than the one before, the
// first having so many fewer than its number.
func counts(fewer int64) func(int64, json.RawMessage) error {
	return func(version int64, value json.RawMessage) error {
		sum, err := counted(value)
		if err == nil && sum != version-fewer {
			err = fmt.Errorf("%d writes have been made", sum)
		}
		return err
	}
}
