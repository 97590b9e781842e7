package admin

import (
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mesh-host/mesh-host/host/plugin"
)

// Sources are where Metrics reads; its functions are called for every scrape.
type Sources struct {
	Sessions func() int
	Traffic  func() Traffic
	Plugins  func() []plugin.Status
	// Held is what the store holds: for a shared one, all nodes' together.
	Held func() Held
	// Hooks is how many events wait for their hooks.
	Hooks func() int
	// Slow counts what became of slow consumers.
	Slow func() Slow
}

// Held is what is kept for clients.
type Held struct {
	Rooms, Members, Present, Streams, Subscriptions int
	// History and RoomMetadata are in bytes.
	History, RoomMetadata int64
}

// Slow counts, since the start, the sessions that were disconnected for reading
// too slowly, and the pushes that were dropped or replaced for others.
type Slow struct{ Disconnected, Dropped uint64 }

// Traffic is what the clients' side has counted since the start.
type Traffic struct {
	// Refused handshakes, and BadFrames that were no command.
	Refused, BadFrames uint64
}

// Metrics serves the server's state in the Prometheus text format. Nothing is
// kept for it: the parts count for themselves and are read when asked.
func Metrics(s Sources) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

var (
	sessions   = describe("sessions", "Sessions that are connected.")
	refused    = describe("handshakes_refused_total", "Handshakes that were refused.")
	badFrames  = describe("bad_frames_total", "Frames that were no command.")
	rooms      = describe("rooms", "Rooms that have members or metadata.")
	members    = describe("room_members", "Memberships in rooms.")
	present    = describe("present", "Members that are present in rooms whose presence is tracked.")
	streams    = describe("channel_streams", "Channels of which messages are kept.")
	history    = describe("channel_history_bytes", "Bytes of messages that are kept.")
	metadata   = describe("room_metadata_bytes", "Bytes of the metadata of rooms.")
	topics     = describe("topics", "Channels and presences that this node's sessions subscribe to.")
	hooks      = describe("hooks_waiting", "Joins and leaves that wait for their hooks.")
	slow       = describe("slow_consumers_total", "Sessions that were closed for reading too slowly.")
	skipped    = describe("pushes_dropped_total", "Pushes dropped or replaced for sessions that read too slowly.")
	loaded     = describe("plugin_loaded", "Whether a version of the plugin serves; 0 with a file that does not load.", "plugin", "file", "version")
	failing    = describe("plugin_file_failing", "Whether the file's present content does not load.", "plugin", "file")
	instances  = describe("plugin_instances", "Instances that exist.", "plugin")
	running    = describe("plugin_instances_running", "Instances that run a call.", "plugin")
	calls      = describe("plugin_calls_total", "Calls that were given an instance.", "plugin")
	errorCount = describe("plugin_errors_total", "Calls that did not end well, by cause: error is the plugin's own answer.", "plugin", "cause")
	discarded  = describe("plugin_instances_discarded_total", "Instances thrown away after a fault or a timeout.", "plugin")
	dropped    = describe("plugin_log_lines_dropped_total", "Log lines beyond the plugin's log rate.", "plugin")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("mesh_host_"+name, help, labels, nil)
}

type collector struct{ sources Sources }

var _ prometheus.Collector = collector{}

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		sessions, refused, badFrames,
		rooms, members, present, streams, history, metadata, topics, hooks, slow, skipped,
		loaded, failing, instances, running, calls, errorCount, discarded, dropped,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(sessions, float64(c.sources.Sessions()))
	traffic := c.sources.Traffic()
	counter(refused, traffic.Refused)
	counter(badFrames, traffic.BadFrames)
	c.collectHeld(gauge)
	gauge(hooks, float64(c.sources.Hooks()))
	readers := c.sources.Slow()
	counter(slow, readers.Disconnected)
	counter(skipped, readers.Dropped)
	counted := make(map[string]bool) // two files may claim one name
	for _, p := range c.sources.Plugins() {
		p.Name, p.File = label(p.Name), label(p.File)
		gauge(loaded, truth(p.Loaded), p.Name, p.File, p.Version)
		gauge(failing, truth(p.Error != ""), p.Name, p.File)
		if counted[p.Name] {
			continue
		}
		counted[p.Name] = true
		gauge(instances, float64(p.Instances), p.Name)
		gauge(running, float64(p.Running), p.Name)
		counter(calls, p.Counts.Calls, p.Name)
		counter(errorCount, p.Counts.Errors, p.Name, "error")
		counter(errorCount, p.Counts.Faults, p.Name, "fault")
		counter(errorCount, p.Counts.Timeouts, p.Name, "timeout")
		counter(errorCount, p.Counts.Busy, p.Name, "busy")
		counter(discarded, p.Counts.Discarded, p.Name)
		counter(dropped, p.Counts.DroppedLines, p.Name)
	}
}

func (c collector) collectHeld(gauge func(*prometheus.Desc, float64, ...string)) {
	held := c.sources.Held()
	gauge(rooms, float64(held.Rooms))
	gauge(members, float64(held.Members))
	gauge(present, float64(held.Present))
	gauge(streams, float64(held.Streams))
	gauge(history, float64(held.History))
	gauge(metadata, float64(held.RoomMetadata))
	gauge(topics, float64(held.Subscriptions))
}

// label makes a name that a file system allows one that a label may hold.
func label(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	return strconv.QuoteToASCII(name)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
