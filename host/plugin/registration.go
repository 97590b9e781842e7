package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// maxEntries bounds what one plugin registers: each entry has an instance in
// reserve.
const maxEntries = 1024

// parseRegistration reads a registration document and refuses all that is not
// exactly as the ABI says, so that a mistake shows at load and not in a call.
func parseRegistration(document []byte) (*abi.Registration, error) {
	if len(document) > guest.MaxDocument {
		return nil, fmt.Errorf("the registration document has %d bytes, over the limit of %d", len(document), guest.MaxDocument)
	}
	if !protocol.Valid(document) {
		return nil, errors.New("the registration document is not JSON")
	}
	if !protocol.IsObject(document) {
		return nil, errors.New("the registration document is not a JSON object")
	}
	r := new(abi.Registration)
	if err := decodeStrictly(document, r); err != nil {
		return nil, fmt.Errorf("the registration document is wrong: %w", err)
	}
	if r.Error != "" {
		return nil, brief(fmt.Errorf("the plugin says: %s", r.Error))
	}
	if err := checkRegistration(r, document); err != nil {
		return nil, err
	}
	return r, nil
}

// brief cuts an error whose text may hold any part of a guest's document.
func brief(err error) error {
	if text := err.Error(); len(text) > maxLogged {
		return errors.New(protocol.CutText(text, maxLogged))
	}
	return err
}

// decodeStrictly reads one JSON value and nothing else, with no unknown
// members.
func decodeStrictly(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after it")
	}
	return nil
}

func checkRegistration(r *abi.Registration, document []byte) error {
	entries := len(r.Commands) + len(r.Middleware) + len(r.Guards) + len(r.Hooks) + len(r.Schedules) +
		len(r.Channels) + len(r.Presence) + len(r.Rooms) + len(r.Records) + len(r.Collections)
	switch {
	case entries == 0:
		return errors.New("registers nothing")
	case entries > maxEntries:
		return fmt.Errorf("registers %d entries, over the limit of %d", entries, maxEntries)
	}
	if r.Name != "" {
		if err := checkPluginName(r.Name); err != nil {
			return fmt.Errorf("registers the name %q: %w", protocol.CutText(r.Name, maxPluginName), err)
		}
	}
	for _, check := range []func() error{
		func() error { return checkHandlers(document) },
		func() error { return checkCommands(r) },
		func() error { return checkMiddleware(r) },
		func() error { return checkGuards(r) },
		func() error { return checkHooks(r) },
		func() error { return checkSchedules(r) },
		func() error { _, err := exposuresOf(r, r.Name); return err },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkHandlers finds entries without a handler, which abi.Registration cannot
// tell from those with handler 0.
func checkHandlers(document []byte) error {
	type entry struct {
		Handler *json.RawMessage `json:"handler"`
	}
	var kinds struct {
		Commands    []entry `json:"commands"`
		Middleware  []entry `json:"middleware"`
		Guards      []entry `json:"guards"`
		Hooks       []entry `json:"hooks"`
		Schedules   []entry `json:"schedules"`
		Collections []entry `json:"collections"`
	}
	if err := json.Unmarshal(document, &kinds); err != nil {
		return err
	}
	for _, kind := range []struct {
		name    string
		entries []entry
	}{
		{"commands", kinds.Commands}, {"middleware", kinds.Middleware}, {"guards", kinds.Guards},
		{"hooks", kinds.Hooks}, {"schedules", kinds.Schedules},
		{"collections", kinds.Collections},
	} {
		for i, e := range kind.entries {
			if e.Handler == nil {
				return fmt.Errorf("%s[%d] has no handler", kind.name, i)
			}
		}
	}
	return nil
}

// names finds what is registered twice.
type names map[string]bool

func (n names) add(kind, name string) error {
	if n[name] {
		return fmt.Errorf("registers %s %q twice", kind, name)
	}
	n[name] = true
	return nil
}

func checkCommands(r *abi.Registration) error {
	own := make(names)
	for _, m := range r.Middleware {
		own[m.Name] = true
	}
	seen := make(names)
	for _, c := range r.Commands {
		if err := protocol.CheckApplicationName(c.Name); err != nil {
			return fmt.Errorf("command %q: %w", protocol.CutText(c.Name, protocol.MaxName), err)
		}
		if err := seen.add("command", c.Name); err != nil {
			return err
		}
		used := make(names)
		for _, m := range c.Middleware {
			if !own[m] {
				return fmt.Errorf("command %q names middleware %q, which the plugin does not register", c.Name, protocol.CutText(m, protocol.MaxName))
			}
			if used[m] {
				return fmt.Errorf("command %q names middleware %q twice", c.Name, m)
			}
			used[m] = true
		}
	}
	return nil
}

func checkMiddleware(r *abi.Registration) error {
	seen := make(names)
	for _, m := range r.Middleware {
		if err := checkEntry(seen, "middleware", m.Name); err != nil {
			return err
		}
	}
	return nil
}

func checkGuards(r *abi.Registration) error {
	seen := make(names)
	for _, g := range r.Guards {
		if err := checkEntry(seen, "guard", g.Name); err != nil {
			return err
		}
	}
	return nil
}

func checkEntry(seen names, kind, name string) error {
	if err := protocol.CheckName(name); err != nil {
		return fmt.Errorf("%s %q: %w", kind, protocol.CutText(name, protocol.MaxName), err)
	}
	return seen.add(kind, name)
}

// The events of hooks.
const (
	eventAuthenticate = "authenticate"
	eventConnect      = "connect"
	eventDisconnect   = "disconnect"
	eventJoin         = "join"
	eventLeave        = "leave"
	eventUpdate       = "recordUpdate"
	eventRemoved      = "recordRemoved"
)

func checkHooks(r *abi.Registration) error {
	seen := make(names)
	for _, h := range r.Hooks {
		switch h.Event {
		case eventAuthenticate, eventConnect, eventDisconnect, eventJoin, eventLeave:
			if len(h.Records) > 0 {
				return fmt.Errorf("the hook for %q names records, which mean nothing to it", h.Event)
			}
		case eventUpdate, eventRemoved:
			if _, err := patternsOf(h.Records); err != nil {
				return fmt.Errorf("the hook for %q: %w", h.Event, err)
			}
		default:
			return fmt.Errorf("hook for the unknown event %q", protocol.CutText(h.Event, protocol.MaxName))
		}
		if err := seen.add("a hook for", h.Event); err != nil {
			return err
		}
	}
	return nil
}

// The scopes of schedules.
const (
	scopeNode    = "node"
	scopeCluster = "cluster"
)

func checkSchedules(r *abi.Registration) error {
	seen := make(names)
	for _, s := range r.Schedules {
		if err := checkEntry(seen, "schedule", s.Name); err != nil {
			return err
		}
		if s.Scope != "" && s.Scope != scopeNode && s.Scope != scopeCluster {
			return fmt.Errorf("schedule %q: the scope is %q, neither %q nor %q", s.Name, protocol.CutText(s.Scope, protocol.MaxName), scopeNode, scopeCluster)
		}
		if _, err := parseTiming(s); err != nil {
			return fmt.Errorf("schedule %q: %w", s.Name, err)
		}
	}
	return nil
}

// timing says when a schedule runs next.
type timing interface {
	// Next returns the first time after now.
	Next(now time.Time) time.Time
}

// minEvery is the shortest interval of a schedule.
const minEvery = 10 * time.Millisecond

type every time.Duration

// Next implements timing.
func (e every) Next(now time.Time) time.Time { return now.Add(time.Duration(e)) }

// beat is an interval by the clock: all nodes find the same times.
type beat time.Duration

// Next implements timing.
func (b beat) Next(now time.Time) time.Time {
	return now.Truncate(time.Duration(b)).Add(time.Duration(b))
}

var fiveFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

func parseTiming(s abi.ScheduleRegistration) (timing, error) {
	switch {
	case (s.Every == "") == (s.Cron == ""):
		return nil, errors.New("it needs either every or cron")
	case s.Every != "":
		d, err := time.ParseDuration(s.Every)
		if err != nil {
			return nil, fmt.Errorf("every: %w", err)
		}
		if d < minEvery {
			return nil, fmt.Errorf("every is %s, less than %s", d, minEvery)
		}
		if s.Scope == scopeCluster {
			return beat(d), nil
		}
		return every(d), nil
	case strings.Contains(s.Cron, "TZ="): // an extension of the parser; the times are UTC
		return nil, errors.New("cron: a time zone cannot be set")
	}
	c, err := fiveFields.Parse(s.Cron)
	if err != nil {
		return nil, fmt.Errorf("cron: %w", err)
	}
	if c.Next(time.Now().UTC()).IsZero() {
		return nil, fmt.Errorf("cron: %q never comes", s.Cron)
	}
	return c, nil
}
