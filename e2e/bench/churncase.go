//go:build linux

package main

import (
	"context"
	"fmt"
)

// churnClients is how many clients come and go at a time.
const churnClients = 50

// churnCase is what one server did, a sample per round.
type churnCase struct {
	Server  string   `json:"server"`
	Samples []sample `json:"samples"`

	role string
}

// churns measures clients that come and go.
func (b *bench) churns(ctx context.Context) ([]*churnCase, error) {
	servers, stop, err := b.startServers(ctx, "churn-", roleFloor, roleBare)
	if err != nil {
		return nil, err
	}
	defer stop()
	cases := []*churnCase{{Server: floorChurn, role: roleFloor}, {Server: hostChurn, role: roleBare}}
	for round := range b.rounds {
		for i := range cases {
			c := cases[(i+round)%len(cases)]
			to, warm, duration := servers[c.role], b.duration/5, b.duration/2
			found, err := measure(ctx, b.clientCore, generatorChurn, churnLoad{
				Address: to.address, served: to.served(), Assigned: c.role != roleFloor, Clients: churnClients,
				Warm: warm, Duration: duration,
			}, warm+duration)
			if err != nil {
				return nil, fmt.Errorf("clients that come and go, %s: %w", c.Server, err)
			}
			c.Samples = append(c.Samples, found)
			b.progress("round %d/%d, clients that come and go, %s: %.0f/s", len(c.Samples), b.rounds, c.Server, found.Rate)
		}
	}
	return cases, nil
}

// The rows of the table.
const (
	floorChurn = "floor: bare gobwas"
	hostChurn  = "mesh-host, without plugins"
)

func (r *report) churnTable() string {
	if len(r.Churn) == 0 {
		return ""
	}
	rows := [][]string{{"clients at a time", "server", "lives/s", "p50", "p99", "server CPU/life", "generator busy", "to floor"}}
	for _, c := range r.Churn {
		rows = append(rows, []string{
			fmt.Sprint(churnClients), c.Server,
			thousands(medianOf(c.Samples, rate)),
			short(medianOf(c.Samples, p50)),
			short(medianOf(c.Samples, p99)),
			short(medianOf(c.Samples, serverCPU)),
			fmt.Sprintf("%.0f%%", 100*medianOf(c.Samples, busy)),
			fraction(ratioOf(c.Samples, r.Churn[0].Samples)),
		})
	}
	return markdown(rows)
}
