package mesh

// The levels of Log.
const (
	Debug = "debug"
	Info  = "info"
	Warn  = "warn"
	Fault = "error"
)

// Log writes one line, of which 4096 bytes are kept, to the host's log under
// the plugin's name. The host drops the lines beyond its rate limit and counts
// them. What the plugin prints to its standard output and error ends up there
// as well.
func Log(level, message string) {
	_ = callLog(level, message) // there is nowhere to report it
}

// Config returns the plugin's own settings, [plugins.<name>.config] in the
// host's file, as a JSON object of its own, {} where there are none. It may be
// called from the set-up function on.
func Config() (JSON, error) { return callConfigGet() }
