//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// restored is a store that was copied, written on, and put back as it was copied:
// what its clients know is of another history than what it goes on with.
type restored struct {
	setup
	file    string // of the store
	record  version
	channel position
}

const restoreConfig = recordsConfig + "[[channels]]\npattern = \"kept\"\nhistory = 10\n"

// restore makes a history of five versions and messages, and puts back what was
// there after the third.
func restore(t *testing.T) (x restored) {
	t.Helper()
	dir := t.TempDir()
	x.setup, x.file = setup{config: restoreConfig, args: []string{"--store", dir}}, filepath.Join(dir, "mesh-host.db")
	x.life(t, "first", 1, 3)
	backup, err := os.ReadFile(x.file)
	if err != nil {
		t.Fatal(err)
	}
	x.life(t, "first", 4, 5)
	if err := os.WriteFile(x.file, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	return x
}

// life starts a host that makes the versions and messages from one number to
// another, and ends.
func (x *restored) life(t *testing.T, name string, from, to int, args ...string) {
	t.Helper()
	s := x.setup
	s.args = append(args, s.args...)
	h := start(t, s)
	x.write(t, h, name, from, to)
	h.signal(t, syscall.SIGTERM)
	h.wait(t, patience)
}

// write makes versions and messages, and takes note of where that leads.
func (x *restored) write(t *testing.T, h *host, name string, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		if v := h.set(t, "open:a", fmt.Sprintf(`{"n":%d,"life":{%q:%d}}`, n, name, n)); v != int64(n) {
			t.Fatalf("version %d is %d", n, v)
		}
		h.set(t, "open:deleted", fmt.Sprint(n)) // and is, at twice the version
		h.op(t, "records.delete", `{"recordId":"open:deleted"}`)
		h.publish(t, "kept", fmt.Sprint(name, " ", n))
	}
	x.record, x.channel = h.stored(t, "open:a").version, h.position(t, "kept")
}

// Who knows versions and messages that a restored store never had, or had with
// other contents, is not patched with those that it has.
func TestRestore(t *testing.T) {
	t.Parallel()
	x := restore(t)
	old := x
	x.args = append(x.args, "--new-epochs")
	h := start(t, x.setup)
	h.awaitLog(t, 0, map[string]string{"msg": "new epochs", "records": "2", "streams": "1"})
	if s := h.stored(t, "open:a"); s.Version != 3 || s.Epoch == old.record.Epoch || string(s.Value) != `{"n":3,"life":{"first":3}}` {
		t.Errorf("restored is %+v, %s", s.version, s.Value)
	}
	if s := h.stored(t, "open:deleted"); s.Version != 6 || string(s.Value) != "null" {
		t.Errorf("deleted is %+v, %s", s.version, s.Value)
	}
	x.write(t, h, "second", 4, 6)
	if x.record.Version != 6 || x.record.Epoch == old.record.Epoch || x.channel.Offset != 6 || x.channel.Epoch == old.channel.Epoch {
		t.Errorf("%+v and %+v follow %+v and %+v", x.record, x.channel, old.record, old.channel)
	}
	x.check(t, h, old)

	// The epochs are there to stay, without the flag.
	h.signal(t, syscall.SIGTERM)
	h.wait(t, patience)
	x.args = old.args
	h = start(t, x.setup)
	if r, c := h.stored(t, "open:a").version, h.position(t, "kept"); r != x.record || c != x.channel {
		t.Errorf("restarted at %+v and %+v, not at %+v and %+v", r, c, x.record, x.channel)
	}
	x.check(t, h, old)
}

// check has clients of the old history come back, and one of the new.
func (x *restored) check(t *testing.T, h *host, old restored) {
	t.Helper()
	const value = `{"n":6,"life":{"second":6}}`
	for _, d := range []dialing{v1, {}} {
		for known := range int64(8) {
			c := h.dial(t, d)
			c.says(t, "mesh/subscribe-record", fmt.Sprintf(`{"recordId":"open:a","mode":"patch","epoch":%q,"version":%d}`, old.record.Epoch, known),
				fmt.Sprintf(`{"success":true,"record":%s,"version":6,"epoch":%q,"recovered":false}`, value, x.record.Epoch))
			c.says(t, "mesh/subscribe-channel", fmt.Sprintf(`{"channel":"kept","historyLimit":3,"recover":{"epoch":%q,"offset":%d}}`, old.channel.Epoch, known),
				fmt.Sprintf(`{"success":true,"history":["second 6","second 5","second 4"],"epoch":%q,"offset":6,"recovered":false}`, x.channel.Epoch))
		}
	}
	c := h.dial(t, v1)
	r := c.follows(t, fmt.Sprintf(`{"recordId":"open:a","mode":"patch","epoch":%q,"version":5}`, x.record.Epoch))
	if r.Recovered == nil || !*r.Recovered || len(r.Patches) != 1 || r.version != x.record {
		t.Errorf("in the new epoch it is recovered with %+v", r)
	}
	c.says(t, "mesh/subscribe-channel", fmt.Sprintf(`{"channel":"kept","recover":{"epoch":%q,"offset":2}}`, x.channel.Epoch),
		fmt.Sprintf(`{"success":true,"history":[],"epoch":%q,"offset":6,"recovered":true,"missed":[{"offset":3,"message":"first 3"},`+
			`{"offset":4,"message":"second 4"},{"offset":5,"message":"second 5"},{"offset":6,"message":"second 6"}]}`, x.channel.Epoch))
}

// The flag is about a store.
func TestNewEpochsWithoutStore(t *testing.T) {
	t.Parallel()
	p := launch(t, serveCommand(t, t.TempDir(), setup{args: []string{"--new-epochs"}}))
	state := p.wait(t, patience)
	if _, said := p.log.find(0, 0, func(r record) bool { return r.has(map[string]string{"raw": "store.path"}) }); state.ExitCode() != 2 || !said {
		t.Errorf("ended with %v:\n%s", state, p.tail(5))
	}
}
