package host

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mesh-host/mesh-host/host/admin"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
)

// openRedis makes this node one of those that share a Redis.
func (s *Server) openRedis() error {
	c := &s.config
	options, err := c.redisOptions()
	if err != nil {
		return err
	}
	options.Log = s.log.With("component", "redis")
	options.After = s.hub.Relieve // what comes from other nodes has no producer here to help with writing
	ctx, cancel := context.WithTimeout(context.Background(), c.redisPatience())
	defer cancel()
	node, err := redis.Open(ctx, c.nodeName(), options)
	if err != nil {
		return &KeyError{Key: c.redisKey(), Problem: err.Error()}
	}
	s.redis, s.node = node, node
	s.log.Info("redis opened", "addresses", options.Addresses, "mode", options.Mode, "prefix", options.Prefix, "node", node.ID())
	return nil
}

// redisKey is the key that says where Redis is.
func (c *Config) redisKey() string {
	if c.Redis.URL != "" {
		return "redis.url"
	}
	return "redis.addresses"
}

// redisTries is how many connections and round trips in a row the start may wait
// for: of several addresses some may not answer.
const redisTries = 5

// redisPatience bounds the start: a predecessor of the same name that has crashed
// has its lease until it lapses.
func (c *Config) redisPatience() time.Duration {
	return redisTries*(c.Redis.ConnectTimeout+c.Redis.Timeout) + c.Node.Lease
}

// redisOptions is what the configuration says of Redis, with what is in the files
// that it names.
func (c *Config) redisOptions() (redis.Options, error) {
	r := &c.Redis
	o := redis.Options{
		Mode: redis.Mode(r.Mode), Addresses: r.Addresses, Master: r.Master, Database: r.Database,
		User: r.User, Password: string(r.Password),
		SentinelUser: r.SentinelUser, SentinelPassword: string(r.SentinelPassword),
		Prefix: r.Prefix, Pool: r.Pool, Connect: r.ConnectTimeout, Timeout: r.Timeout,
		Flush: r.Flush, Replicas: r.WaitReplicas, Lease: c.Node.Lease,
	}
	encrypted := r.TLS.Enabled
	if r.URL != "" {
		parts, err := r.parts()
		if err != nil {
			return o, &KeyError{Key: "redis.url", Problem: "it " + err.Error()}
		}
		o.Addresses, encrypted = []string{parts.address}, encrypted || parts.tls
		o.User, o.Password = either(o.User, parts.user), either(o.Password, parts.password)
		o.Database = either(o.Database, parts.database)
	}
	if !encrypted {
		return o, nil
	}
	var err error
	o.TLS, err = r.TLS.config()
	return o, err
}

// either returns the one of two values that is set.
func either[T comparable](a, b T) T {
	var none T
	if a != none {
		return a
	}
	return b
}

// config reads the files.
func (c *RedisTLSConfig) config() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify} //nolint:gosec // the operator says so
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, &KeyError{Key: "redis.tls.ca_file", Problem: err.Error()}
		}
		if t.RootCAs = x509.NewCertPool(); !t.RootCAs.AppendCertsFromPEM(text) {
			return nil, &KeyError{Key: "redis.tls.ca_file", Problem: fmt.Sprintf("%s has no certificate in PEM", c.CAFile)}
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, &KeyError{Key: "redis.tls.cert_file", Problem: err.Error()}
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// awayError says that what all nodes share is out of reach: to clients, who must
// not learn where it is.
type awayError struct{ cause error }

// Error implements error.
func (*awayError) Error() string { return "Redis cannot be reached" }

// redisReadiness is nil where there is no Redis, and while it is there.
func (s *Server) redisReadiness() error {
	if s.redis == nil {
		return nil
	}
	if err := s.redis.Reachable(); err != nil {
		return &awayError{err}
	}
	return nil
}

// operatorsReadiness is readiness with what is no client's business.
func (s *Server) operatorsReadiness() error {
	err := s.readiness()
	var away *awayError
	if errors.As(err, &away) {
		return fmt.Errorf("%w: %w", err, away.cause)
	}
	return err
}

// asked counts what this node has asked of Redis.
func (s *Server) asked() admin.Redis {
	stats := s.redis.Stats()
	return admin.Redis{
		Up: s.redis.Reachable() == nil, Commands: stats.Commands, RoundTrips: stats.RoundTrips,
		Failures: stats.Failures, Reconnects: stats.Reconnects,
	}
}
