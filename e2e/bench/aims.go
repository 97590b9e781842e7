//go:build linux

package main

import "fmt"

// aim is what the project wants of one figure.
type aim struct {
	what  string
	bound float64
	most  bool // the bound is the most, not the least
	found func(*report) float64
}

var aims = []aim{
	{
		what: "wasm to native, 50 × 1, metered", bound: 0.8,
		found: func(r *report) float64 { return r.ratio(wasmEcho, nativeEcho, shapes[0]) },
	},
	{
		what: "native to floor, 100 × 8", bound: 0.5,
		found: func(r *report) float64 { return r.ratio(nativeEcho, floorEcho, shapes[1]) },
	},
	{what: "deliveries/s, 100 × 16", bound: 2.5e6, found: func(r *report) float64 { return r.fanRate(fanShapes[0]) }},
	{what: "deliveries/s, 1000 × 16", bound: 2.5e6, found: func(r *report) float64 { return r.fanRate(fanShapes[1]) }},
	{what: "deliveries/s, 1000 × 1", bound: 270e3, found: func(r *report) float64 { return r.fanRate(fanShapes[3]) }},
	{what: "deliveries/s, a record, 100 × 1", bound: 250e3, found: func(r *report) float64 { return r.recordRate(peerShapes[0]) }},
	{what: "deliveries/s, a record, 100 × 16", bound: 1e6, found: func(r *report) float64 { return r.recordRate(peerShapes[1]) }},
	{
		what: "server CPU/change, 10000 collections beside to none", bound: 1.2, most: true,
		found: func(r *report) float64 { return r.besideRatio(besideShapes[len(besideShapes)-2]) },
	},
	{
		what: "lives/s, from connect to disconnect", bound: 20e3,
		found: func(r *report) float64 {
			for _, c := range r.Churn {
				if c.Server == hostChurn {
					return medianOf(c.Samples, rate)
				}
			}
			return 0
		},
	},
	onRedis("deliveries/s with Redis, 100 × 16", 1.5e6, redisPlain, fanShapes[0].String()),
	onRedis("deliveries/s with Redis, 1000 × 16", 2e6, redisPlain, fanShapes[1].String()),
	onRedis("deliveries/s with Redis, 1000 × 1", 250e3, redisPlain, fanShapes[3].String()),
	onRedis("deliveries/s with Redis, a record, 100 × 1", 150e3, redisRecord, "100 × 1"),
	onRedis("deliveries/s with Redis, a record, 100 × 16", 700e3, redisRecord, "100 × 16"),
	onRedis("lives/s with Redis, from connect to disconnect", 8e3, redisLives, fmt.Sprintf("%d at a time", churnClients)),
	{
		what: "KiB per idle connection", bound: 8, most: true,
		found: func(r *report) float64 {
			if r.Memory == nil {
				return 0
			}
			return kib(r.Memory.Idle)
		},
	},
	{
		what: "KiB per connection that has echoed once", bound: 8, most: true,
		found: func(r *report) float64 {
			if r.Memory == nil {
				return 0
			}
			return kib(r.Memory.Echoed)
		},
	},
	{
		what: "guest call of 100 B in ns, not metered", bound: 100, most: true,
		found: func(r *report) float64 {
			if c := r.smallCall(); c != nil {
				return median(c.Nanos)
			}
			return 0
		},
	},
}

// onRedis is an aim of one node with Redis behind it.
func onRedis(what string, bound float64, done, shape string) aim {
	return aim{what: what, bound: bound, found: func(r *report) float64 { return r.redisRate(done, shape, oneNode) }}
}

// fanRate returns the deliveries a second of a channel in a shape, 0 where they
// were not measured.
func (r *report) fanRate(s fanShape) float64 {
	if c := r.findFan(channelFan, s); c != nil {
		return medianOf(c.Samples, rate)
	}
	return 0
}

// smallCall is the call that the aims are about: the cheapest guest, the
// smallest payload, no check.
func (r *report) smallCall() *guestCase {
	for _, c := range r.Guest {
		if c.Guest == fixtureGuest && !c.Metered && c.Payload == "100B" {
			return c
		}
	}
	return nil
}

func (r *report) aimTable() string {
	rows := [][]string{{"aim", "bound", "found", ""}}
	for _, a := range aims {
		found := a.found(r)
		if found == 0 {
			continue // not measured
		}
		bound, met := "≥ "+figure(a.bound), found >= a.bound
		if a.most {
			bound, met = "≤ "+figure(a.bound), found <= a.bound
		}
		rows = append(rows, []string{a.what, bound, figure(found), verdict(met)})
	}
	if c := r.smallCall(); c != nil {
		rows = append(rows, []string{"allocations in such a call", "0", fmt.Sprint(c.Allocations), verdict(c.Allocations == 0)})
	}
	if len(rows) == 1 {
		return ""
	}
	return markdown(rows)
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}

func figure(f float64) string {
	if f >= 1000 {
		return thousands(f)
	}
	return fmt.Sprintf("%.3g", f)
}
