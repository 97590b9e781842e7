package redis

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// pretender is a server that says of itself what it is told to say, and knows no
// other command. It returns its address.
func pretender(t *testing.T, info string) string {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go pretend(conn, info)
		}
	}()
	return l.Addr().String()
}

// pretend answers the commands of a connection until it ends.
func pretend(conn net.Conn, info string) {
	defer func() { _ = conn.Close() }()
	for in := bufio.NewReader(conn); ; {
		words, err := readWords(in)
		if err != nil {
			return
		}
		answer := "-ERR unknown command\r\n"
		if len(words) > 0 && strings.EqualFold(words[0], "info") {
			answer = fmt.Sprintf("$%d\r\n%s\r\n", len(info), info)
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

// readWords reads a command.
func readWords(in *bufio.Reader) ([]string, error) {
	length := func() (int, error) {
		line, err := in.ReadString('\n')
		if err != nil || len(line) < 2 {
			return 0, io.ErrUnexpectedEOF
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	count, err := length()
	if err != nil {
		return nil, err
	}
	var words []string
	for range count {
		size, err := length()
		if err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, err
		}
		words = append(words, string(word[:size]))
	}
	return words, nil
}

// A Redis that is too old is refused before anything is written to it, with what
// would do.
func TestOpenRefusesOldRedis(t *testing.T) {
	t.Parallel()
	says := func(version, mode, clustered string) string {
		return pretender(t, "redis_version:"+version+"\r\nredis_mode:"+mode+"\r\nrole:master\r\ncluster_enabled:"+clustered+"\r\n")
	}
	alone := says("6.0.16", "standalone", "0")
	refusedWith(t, Options{Addresses: []string{alone}, Prefix: redistest.Prefix()}, alone, "Redis 6.0.16, too old", "6.2 or newer")
	cluster := says("6.2.14", "cluster", "1")
	refusedWith(t, Options{Mode: Cluster, Addresses: []string{cluster}}, cluster, "Redis 6.2.14, too old", "7.0 or newer as a Cluster")
}
