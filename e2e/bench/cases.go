//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// shape is how much is asked at a time.
type shape struct {
	Clients     int  `json:"clients"`
	Outstanding int  `json:"outstanding"`
	Together    bool `json:"together,omitempty"` // server and clients share a core
}

func (s shape) String() string {
	name := fmt.Sprintf("%d × %d", s.Clients, s.Outstanding)
	if s.Together {
		name += ", on one core"
	}
	return name
}

var shapes = []shape{
	{Clients: 50, Outstanding: 1},
	{Clients: 100, Outstanding: 8},
	{Clients: 1, Outstanding: 1},
	{Clients: 1, Outstanding: 1, Together: true},
}

// contender is one way to answer an echo.
type contender struct {
	name    string
	role    string // the server it is asked of
	command string
	beside  string
}

// The contenders' names, which are the rows of the table.
const (
	floorEcho     = "floor: bare gobwas, batched"
	nativeEcho    = "native command"
	wasmEcho      = "wasm plugin"
	unmeteredEcho = "wasm plugin, not metered"
	spunEcho      = "wasm plugin, beside a client that spins"
)

// All commands have four letters, so that all frames are of one length.
var contenders = []contender{
	{name: floorEcho, role: roleFloor, command: "echo"},
	{name: nativeEcho, role: roleHost, command: nativeCommand},
	{name: wasmEcho, role: roleHost, command: "echo"},
	{name: unmeteredEcho, role: roleUnmetered, command: "echo"},
}

var spun = contender{name: spunEcho, role: roleHost, command: "echo", beside: "spin"}

// echoCase is what one contender did in one shape, a sample per round.
type echoCase struct {
	Contender string   `json:"contender"`
	Shape     shape    `json:"shape"`
	Samples   []sample `json:"samples"`

	contender contender
}

// groups are the cases; those of a group are measured one after another, so
// that a ratio within a round compares what ran at nearly the same time.
func (b *bench) groups() (groups [][]*echoCase) {
	for _, s := range shapes {
		var group []*echoCase
		for _, c := range contenders {
			group = append(group, &echoCase{Contender: c.name, Shape: s, contender: c})
		}
		groups = append(groups, group)
	}
	if b.wants(caseSpin) {
		groups = append(groups, []*echoCase{{Contender: spun.name, Shape: shapes[0], contender: spun}})
	}
	return groups
}

// echoes measures all cases, in rounds.
func (b *bench) echoes(ctx context.Context) ([]*echoCase, error) {
	servers, stop, err := b.startServers(ctx, "", roleFloor, roleHost, roleUnmetered)
	if err != nil {
		return nil, err
	}
	defer stop()
	groups := b.groups()
	for round := range b.rounds {
		for _, group := range groups {
			for i := range group {
				// The order turns, so that no one always follows the same.
				c := group[(i+round)%len(group)]
				if err := b.echo(ctx, servers[c.contender.role], c); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", c.Contender, c.Shape, err)
				}
			}
		}
	}
	return slices.Concat(groups...), nil
}

// echo adds one sample to a case.
func (b *bench) echo(ctx context.Context, to *server, c *echoCase) error {
	core := b.clientCore
	if c.Shape.Together {
		core = b.serverCore
	}
	warm := b.duration / 5
	found, err := measure(ctx, core, generatorEcho, load{
		Address: to.address, served: to.served(),
		Command: c.contender.command, Beside: c.contender.beside,
		Clients: c.Shape.Clients, Outstanding: c.Shape.Outstanding,
		Warm: warm, Duration: b.duration,
	}, warm+b.duration)
	if err != nil {
		return err
	}
	c.Samples = append(c.Samples, found)
	b.progress("round %d/%d, %s, %s: %.0f/s, p99 %s", len(c.Samples), b.rounds, c.Shape, c.Contender,
		found.Rate, found.P99.Round(time.Microsecond))
	return nil
}

// startServers starts a server of each role on the server's core; profile
// begins the names of the profiles.
func (b *bench) startServers(ctx context.Context, profile string, roles ...string) (servers map[string]*server, stop func(), err error) {
	servers = make(map[string]*server)
	stop = func() {
		for role, s := range servers {
			if err := s.stop(); err != nil {
				b.progress("%s did not end well: %v", role, err)
			}
		}
	}
	for _, role := range roles {
		s, err := startServer(b.serverCore, self(ctx, b.roleArgs(profile, role)...))
		if err != nil {
			stop()
			return nil, nil, err
		}
		servers[role] = s
	}
	return servers, stop, nil
}
