package redistest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are taken from below those that systems give to outgoing connections,
// so that a server that was killed finds its own free again. That of a Cluster's
// bus is busOffset above.
const (
	firstPort = 10_000
	lastPort  = 21_999
	busOffset = 10_000
)

// given are the ports that this process has been given, each once.
var given struct {
	mu    sync.Mutex
	ports map[int]bool
}

// freePort returns a port that is free, and so is that of the bus.
func freePort() (int, error) {
	given.mu.Lock()
	defer given.mu.Unlock()
	if given.ports == nil {
		given.ports = make(map[int]bool)
	}
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if !given.ports[port] && free(port) && free(port+busOffset) {
			given.ports[port] = true
			return port, nil
		}
	}
	return 0, errors.New("redistest: no port is free")
}

func free(port int) bool {
	l, err := listen(port)
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func listen(port int) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("redistest: %w", err)
	}
	return l, nil
}
