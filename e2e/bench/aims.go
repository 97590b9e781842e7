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
		what: "wasm to native, 50 × 1, deadlines enforced", bound: 0.8,
		found: func(r *report) float64 { return r.ratio(wasmEcho, nativeEcho, shapes[0]) },
	},
	{
		what: "native to floor, 100 × 8", bound: 0.5,
		found: func(r *report) float64 { return r.ratio(nativeEcho, floorEcho, shapes[1]) },
	},
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
		what: "guest call of 100 B in ns, no deadline check", bound: 100, most: true,
		found: func(r *report) float64 {
			if c := r.smallCall(); c != nil {
				return median(c.Nanos)
			}
			return 0
		},
	},
}

// smallCall is the call that the aims are about: the cheapest guest, the
// smallest payload, no check.
func (r *report) smallCall() *guestCase {
	for _, c := range r.Guest {
		if c.Guest == fixtureGuest && !c.Checked && c.Payload == "100B" {
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

func figure(f float64) string { return fmt.Sprintf("%.3g", f) }
