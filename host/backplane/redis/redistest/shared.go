package redistest

import (
	"os"
	"sync"
	"testing"
)

// shared is the server of Shared, as long as it has users.
var shared struct {
	mu     sync.Mutex
	users  int
	server *Server
	dir    string
}

// Shared returns a server that all tests of the process share which are under
// way: whoever uses it keeps to keys of a Prefix, and neither flushes, kills nor
// configures it. It ends with the last of them.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.users == 0 {
		if err := share(); err != nil {
			tb.Fatal(err)
		}
	}
	shared.users++
	tb.Cleanup(release)
	return shared.server
}

// share starts the server. What it writes outlives the test that happens to be
// the first.
func share() (err error) {
	if shared.dir, err = os.MkdirTemp("", "redistest"); err != nil {
		return err
	}
	shared.server, err = start(shared.dir, nil)
	return err
}

func release() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.users--
	if shared.users > 0 {
		return
	}
	shared.server.Kill()
	_ = os.RemoveAll(shared.dir)
}
