package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
)

var (
	// errCrowded refuses a request since too many wait.
	errCrowded = errors.New("redis: too many requests wait: the server is slower than what is asked of it")
	// errNotKept is of a change that was made, but may be lost with its master.
	errNotKept = errors.New("redis: too few replicas confirmed in time: connect more of them, allow more time with redis.timeout, or lower redis.wait_replicas")
)

// advice says, by the first word of an answer, what it means and what to do.
var advice = map[string]string{
	"WRONGTYPE":   "a key under our prefix is another program's: delete it, or give one of the two another redis.prefix",
	"OOM":         "Redis is full: raise its maxmemory, or let less be kept",
	"NOREPLICAS":  "Redis refuses writes while fewer replicas than its min-replicas-to-write are connected: connect them, or lower it",
	"MISCONF":     "Redis refuses writes since it cannot save to its disk: see its log, and make room there",
	"BUSY":        "Redis is busy with another program's script: end that with SCRIPT KILL",
	"UNKILLABLE":  "Redis is busy with a script that has written and cannot be killed: wait for it, or SHUTDOWN NOSAVE",
	"LOADING":     "Redis is reading its data from disk: wait until it has",
	"READONLY":    "this Redis is a read-only replica: name the master, or its Sentinels with redis.mode = sentinel",
	"MASTERDOWN":  "this Redis is a replica that has lost its master: name the master",
	"CLUSTERDOWN": "the Cluster does not serve all hash slots: see CLUSTER INFO, and bring the missing masters back",
	"TRYAGAIN":    "a hash slot is being moved: wait until it is",
	"ASK":         "a hash slot is being moved: wait until it is",
	"MOVED":       "this Redis belongs to a Cluster: set redis.mode = cluster",
	"CROSSSLOT":   "this Redis belongs to a Cluster: set redis.mode = cluster",
	"NOAUTH":      "Redis asks for a password: set redis.password, and redis.user if it is not the default one",
	"WRONGPASS":   "Redis refuses the password: check redis.user and redis.password",
	"NOPERM":      "the user of redis.user lacks a permission: see docs/SECURITY.md for what ACL SETUSER must allow",
	"NOSCRIPT":    "the script was lost each time that it was sent: another program uses SCRIPT FLUSH too often",
}

// awayCodes are the answers of a server that is as good as away.
var awayCodes = map[string]bool{
	"LOADING": true, "READONLY": true, "MASTERDOWN": true, "CLUSTERDOWN": true,
	"NOAUTH": true, "WRONGPASS": true, "MOVED": true,
}

// code is the first word of a server's answer, also of one that a script failed
// with, which servers before 7.0 tell in a longer sentence; "" of what is none.
func code(err error) string {
	var answer goredis.Error
	if !errors.As(err, &answer) {
		return ""
	}
	text := answer.Error()
	if rest, ok := strings.CutPrefix(text, "ERR Error running script"); ok {
		for word := range advice {
			if strings.Contains(rest, ": "+word+" ") || strings.Contains(rest, ": -"+word+" ") {
				return word
			}
		}
	}
	first, _, _ := strings.Cut(text, " ")
	if first == "ERR" && strings.HasPrefix(text, "ERR invalid password") {
		return "WRONGPASS" // with requirepass alone
	}
	return first
}

// isForeign reports whether an error says that a key is another program's. That is
// about what has the key alone: a lane's other channels go on.
func isForeign(err error) bool { return code(err) == "WRONGTYPE" }

// isAway reports whether an error says that the server cannot be used: it cannot
// be reached, or does not take part.
func isAway(err error) bool {
	if errors.Is(err, goredis.Nil) {
		return false
	}
	if word := code(err); word != "" {
		return awayCodes[word] || strings.Contains(err.Error(), "max number of clients")
	}
	return true
}

// explain is an error's text, with what to do where that is known.
func explain(err error) string {
	var network net.Error
	switch word := code(err); {
	case advice[word] != "":
		return advice[word] + " (" + err.Error() + ")"
	case strings.Contains(err.Error(), "DB index is out of range"):
		return "this Redis has fewer databases: set a smaller redis.database, or raise its own setting databases (" + err.Error() + ")"
	case strings.Contains(err.Error(), "Script killed by user"):
		return "the script was ended with SCRIPT KILL before it changed anything (" + err.Error() + ")"
	case word != "":
		return err.Error()
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return "the server's certificate is not trusted: check redis.tls.ca_file and redis.tls.server_name (" + err.Error() + ")"
	case errors.As(err, &network) && network.Timeout():
		return "no answer in time: check the network, whether the server speaks TLS as redis.tls says, or allow more with redis.timeout (" + err.Error() + ")"
	case errors.As(err, &network):
		return "check that it runs, redis.addresses, redis.tls and the network (" + err.Error() + ")"
	}
	return err.Error()
}

// explained is an error with explain's text.
type explained struct{ err error }

// Error implements error.
func (e explained) Error() string { return explain(e.err) }

// Unwrap is for errors.Is and errors.As.
func (e explained) Unwrap() error { return e.err }

// failure is what a caller is told of an error over something.
func (n *Node) failure(what string, err error) error {
	switch {
	case errors.Is(err, backplane.ErrUnavailable):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// The node's own, or the network's: a caller's was looked at before. It
		// must not pass for the caller's.
		return fmt.Errorf("%w: %s: %s", backplane.ErrUnavailable, what, explain(err))
	}
	n.complain(what, err)
	if isForeign(err) {
		return fmt.Errorf("%w: %s: prefix %q: %w", backplane.ErrUnavailable, what, n.options.Prefix, explained{err})
	}
	return fmt.Errorf("%w: %s: %w", backplane.ErrUnavailable, what, explained{err})
}
