package admin

import (
	"strconv"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

var (
	loaded      = describePlugin("loaded", "Whether a version of the plugin serves; 0 with a file that does not load.", "file", "version")
	failing     = describePlugin("file_failing", "Whether the file's present content does not load.", "file")
	info        = describePlugin("info", "The version that serves, and what the plugin calls it; always 1.", "file", "version", "label")
	instances   = describePlugin("instances", "Instances that exist.")
	running     = describePlugin("instances_running", "Instances that run a call.")
	memory      = describePlugin("memory_bytes", "Bytes of the memory of all instances.")
	suspensions = describePlugin("handlers_suspended", "Commands, guards and hooks that are suspended, since they failed again and again.")
	errorCount  = describePlugin("errors_total", "Calls that did not end well, by cause: error is the plugin's own answer.", "cause")
	codes       = describePlugin("error_codes_total", "Calls that the plugin answered with an error, by its code; other stands for all codes of its own.", "code")
	durations   = describePlugin("call_seconds", "How long calls took, host calls included.")
)

// counted are the counters that are as they are.
var counted = []struct {
	desc *prometheus.Desc
	read func(c *guest.Counts) uint64
}{
	{describePlugin("calls_total", "Calls that were given an instance."), func(c *guest.Counts) uint64 { return c.Calls }},
	{describePlugin("fuel_total", "What calls have executed, in units of about one instruction."), func(c *guest.Counts) uint64 { return c.Fuel }},
	{describePlugin("instances_discarded_total", "Instances thrown away after a fault, a timeout or without fuel."), func(c *guest.Counts) uint64 { return c.Discarded }},
	{describePlugin("log_lines_dropped_total", "Log lines beyond the plugin's log rate."), func(c *guest.Counts) uint64 { return c.DroppedLines }},
	{describePlugin("host_calls_total", "Host calls, but for those that need no capability."), func(c *guest.Counts) uint64 { return c.HostCalls }},
	{describePlugin("host_calls_limited_total", "Host calls beyond the plugin's rate of them."), func(c *guest.Counts) uint64 { return c.HostCallsLimited }},
	{describePlugin("host_calls_denied_total", "Host calls beyond the plugin's capabilities and origins."), func(c *guest.Counts) uint64 { return c.HostCallsDenied }},
	{describePlugin("loads_total", "Versions that came to serve."), func(c *guest.Counts) uint64 { return c.Loads }},
	{describePlugin("loads_failed_total", "Contents of files that did not load."), func(c *guest.Counts) uint64 { return c.FailedLoads }},
}

// causes are the labels of errors_total: what keeps a call from ending well.
var causes = []struct {
	name string
	read func(c *guest.Counts) uint64
}{
	{"error", func(c *guest.Counts) uint64 { return c.Errors }},
	{"fault", func(c *guest.Counts) uint64 { return c.Faults }},
	{"timeout", func(c *guest.Counts) uint64 { return c.Timeouts }},
	{"fuel", func(c *guest.Counts) uint64 { return c.OutOfFuel }},
	{"busy", func(c *guest.Counts) uint64 { return c.Busy }},
	{"suspended", func(c *guest.Counts) uint64 { return c.Suspended }},
}

// pluginMetrics are all of them.
var pluginMetrics = func() []*prometheus.Desc {
	all := []*prometheus.Desc{loaded, failing, info, instances, running, memory, suspensions, errorCount, codes, durations}
	for _, c := range counted {
		all = append(all, c.desc)
	}
	return all
}()

func describePlugin(name, help string, labels ...string) *prometheus.Desc {
	return describe("plugin_"+name, help, append([]string{"plugin"}, labels...)...)
}

func (s scrape) plugins(all []plugin.Status) {
	seen := make(map[string]bool) // two files may claim one name
	for i := range all {
		p := &all[i]
		name, file := label(p.Name), label(p.File)
		s.gauge(loaded, truth(p.Loaded), name, file, p.Version)
		s.gauge(failing, truth(p.Error != ""), name, file)
		if p.Loaded {
			s.gauge(info, 1, name, file, p.Version, label(protocol.CutText(p.Label, maxLabel)))
		}
		if !seen[p.Name] {
			seen[p.Name] = true
			s.plugin(name, p)
		}
	}
}

// plugin writes what is counted under a plugin's name.
func (s scrape) plugin(name string, p *plugin.Status) {
	s.gauge(instances, float64(p.Instances), name)
	s.gauge(running, float64(p.Running), name)
	s.gauge(memory, float64(p.Memory), name)
	s.gauge(suspensions, float64(len(p.Suspended)), name)
	for _, c := range counted {
		s.counter(c.desc, c.read(&p.Counts), name)
	}
	for _, c := range causes {
		s.counter(errorCount, c.read(&p.Counts), name, c.name)
	}
	for code, n := range p.Counts.Codes {
		s.counter(codes, n, name, code)
	}
	s.histogram(durations, &p.Counts.Durations, name)
}

func (s scrape) histogram(d *prometheus.Desc, of *guest.Durations, labels ...string) {
	buckets, total := make(map[float64]uint64, len(guest.Bounds)), uint64(0)
	for i, n := range of.Counts {
		total += n
		if i < len(guest.Bounds) {
			buckets[guest.Bounds[i].Seconds()] = total
		}
	}
	s <- prometheus.MustNewConstHistogram(d, total, of.Sum.Seconds(), buckets, labels...)
}

// maxLabel bounds a text that a plugin chose, in bytes.
const maxLabel = 128

// label makes a name that a file system allows one that a label may hold.
func label(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	return strconv.QuoteToASCII(name)
}
