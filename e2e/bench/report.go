//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is all that a run has found.
type report struct {
	Date     time.Time     `json:"date"`
	Machine  machine       `json:"machine"`
	Rounds   int           `json:"rounds"`
	Duration time.Duration `json:"duration"` // of one echo measurement, in nanoseconds
	// Others is how many cores other processes, and other tenants of the
	// machine, kept busy meanwhile.
	Others      float64           `json:"others"`
	Disk        *disk             `json:"disk,omitempty"`
	Echo        []*echoCase       `json:"echo,omitempty"`
	Fan         []*fanCase        `json:"fan,omitempty"`
	Churn       []*churnCase      `json:"churn,omitempty"`
	Records     []*recordCase     `json:"records,omitempty"`
	Writes      []*writeCase      `json:"writes,omitempty"`
	Collections []*collectionCase `json:"collections,omitempty"`
	Redis       *redisReport      `json:"redis,omitempty"`
	Capacity    []*capacityCase   `json:"capacity,omitempty"`
	Memory      *memoryCase       `json:"memory,omitempty"`
	Subscribed  *subscribedCase   `json:"subscribed,omitempty"`
	Guest       []*guestCase      `json:"guest,omitempty"`
}

// median returns the middle of values, the mean of the two where their number
// is even; 0 of none.
func median[N int64 | float64 | time.Duration](values []N) N {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// medianOf returns the median of something about samples.
func medianOf[N int64 | float64 | time.Duration](samples []sample, of func(sample) N) N {
	values := make([]N, 0, len(samples))
	for _, s := range samples {
		values = append(values, of(s))
	}
	return median(values)
}

// What a sample says, for medianOf.

func rate(s sample) float64            { return s.Rate }
func busy(s sample) float64            { return s.Busy }
func p50(s sample) time.Duration       { return s.P50 }
func p99(s sample) time.Duration       { return s.P99 }
func p999(s sample) time.Duration      { return s.P999 }
func bytesRate(s sample) float64       { return s.Bytes }
func redisCPU(s sample) time.Duration  { return s.Redis }
func serverCPU(s sample) time.Duration { return s.CPU }

// find returns the case of a contender in a shape, nil where there is none.
func (r *report) find(name string, s shape) *echoCase {
	for _, c := range r.Echo {
		if c.Contender == name && c.Shape == s {
			return c
		}
	}
	return nil
}

// ratio returns the median over the rounds of the ratio of two contenders'
// throughput: within a round both ran at nearly the same time.
func (r *report) ratio(name, to string, s shape) float64 {
	a, b := r.find(name, s), r.find(to, s)
	if a == nil || b == nil {
		return 0
	}
	return ratioOf(a.Samples, b.Samples)
}

// ratioOf returns the median of the ratios of two series of samples.
func ratioOf(a, b []sample) float64 {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		ratios = append(ratios, a[i].Rate/b[i].Rate)
	}
	return median(ratios)
}

// table returns the report as text, in Markdown's tables.
func (r *report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores, %.0f GiB, %s with %s, %s; %s UTC.\n", r.Machine.Processor, r.Machine.Cores,
		float64(r.Machine.Memory)/(1<<30), r.Machine.Kernel, r.Machine.Congestion, r.Machine.Go, r.Date.Format("2006-01-02 15:04"))
	fmt.Fprintf(&b, "Medians of %d rounds, %s for each echo measurement. Load average before: %.2f; other processes kept %.2f cores busy meanwhile.\n",
		r.Rounds, r.Duration, r.Machine.Load, r.Others)
	if r.Disk != nil {
		b.WriteString(r.Disk.line())
	}
	for _, part := range []func() string{
		r.echoTable, r.fanTable, r.churnTable, r.recordTable, r.writeTable, r.collectionTable, r.besideTable,
		r.redisTable, r.capacityTable,
		r.memoryTable, r.subscribedTable, r.guestTable, r.aimTable,
	} {
		if text := part(); text != "" {
			fmt.Fprintf(&b, "\n%s", text)
		}
	}
	return b.String()
}

func (r *report) echoTable() string {
	if len(r.Echo) == 0 {
		return ""
	}
	rows := [][]string{{"clients × outstanding", "server", "echo/s", "p50", "p99", "server CPU/echo", "generator busy", "to native", "to floor"}}
	for _, c := range r.Echo {
		rows = append(rows, []string{
			c.Shape.String(), c.Contender,
			thousands(medianOf(c.Samples, rate)),
			short(medianOf(c.Samples, p50)),
			short(medianOf(c.Samples, p99)),
			short(medianOf(c.Samples, serverCPU)),
			fmt.Sprintf("%.0f%%", 100*medianOf(c.Samples, busy)),
			fraction(r.ratio(c.Contender, nativeEcho, c.Shape)),
			fraction(r.ratio(c.Contender, floorEcho, c.Shape)),
		})
	}
	return markdown(rows)
}

func (r *report) memoryTable() string {
	m := r.Memory
	if m == nil {
		return ""
	}
	size := func(bytes int64) string { return fmt.Sprintf("%.1f KiB", kib(bytes)) }
	return markdown([][]string{
		{"connections", "host before", "each, just connected", "each, idle", "each, idle after one echo"},
		{fmt.Sprint(m.Connections), fmt.Sprintf("%.1f MiB", kib(m.Base)/1024), size(m.Connected), size(m.Idle), size(m.Echoed)},
	})
}

func (r *report) guestTable() string {
	if len(r.Guest) == 0 {
		return ""
	}
	rows := [][]string{{"guest", "its file", "payload", "call, not metered", "allocations", "call, metered", "allocations"}}
	for _, c := range r.Guest {
		plain, metered := r.call(c, false), r.call(c, true)
		if c.Metered && plain != nil {
			continue
		}
		row := []string{c.Guest, "", c.Payload, "", "", "", ""}
		if c.Size > 0 {
			row[1] = thousands(float64(c.Size)) + " B"
		}
		if plain != nil {
			row[3], row[4] = nanos(median(plain.Nanos)), allocated(plain)
		}
		if metered != nil {
			row[5], row[6] = nanos(median(metered.Nanos)), allocated(metered)
		}
		rows = append(rows, row)
	}
	return markdown(rows)
}

// call finds the call that is c's, metered or not, nil where it was not measured.
func (r *report) call(c *guestCase, metered bool) *guestCase {
	for _, other := range r.Guest {
		if other.Metered == metered && other.Guest == c.Guest && other.Payload == c.Payload {
			return other
		}
	}
	return nil
}

func allocated(c *guestCase) string {
	if c.Allocations == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%d B)", c.Allocations, c.Bytes)
}

func nanos(v float64) string { return fmt.Sprintf("%.0f ns", v) }

// short writes a duration with three digits or so.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d >= 10*time.Microsecond:
		return d.Round(100 * time.Nanosecond).String()
	}
	return d.Round(10 * time.Nanosecond).String()
}

func fraction(f float64) string {
	if f == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", f)
}

// thousands writes a number with separators.
func thousands(f float64) string {
	digits := fmt.Sprintf("%.0f", f)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// markdown lays rows out as a table that is legible as it is; the first row is
// the head.
func markdown(rows [][]string) string {
	rule := make([]string, len(rows[0]))
	for i := range rule {
		rule[i] = "---"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
	for _, row := range slices.Insert(slices.Clone(rows), 1, rule) {
		_, _ = fmt.Fprintf(w, "| %s\t|\n", strings.Join(row, "\t| "))
	}
	_ = w.Flush()
	return b.String()
}
