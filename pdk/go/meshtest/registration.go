package meshtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
)

// registration is what the host reads in the registration document.
type registration struct {
	Error       string       `json:"error"`
	Name        string       `json:"name"`
	Version     string       `json:"version"`
	Order       int          `json:"order"`
	Commands    []registered `json:"commands"`
	Middleware  []registered `json:"middleware"`
	Guards      []registered `json:"guards"`
	Channels    []exposure   `json:"channels"`
	Presence    []exposure   `json:"presence"`
	Rooms       []exposure   `json:"rooms"`
	Records     []exposure   `json:"records"`
	Collections []exposure   `json:"collections"`
	Metadata    string       `json:"metadataGuard"`
	Hooks       []registered `json:"hooks"`
	Schedules   []registered `json:"schedules"`
	Asked       []any        `json:"capabilities"`
	Schema      any          `json:"configSchema"`
}

// registered is an entry of any of the lists.
type registered struct {
	Name       string   `json:"name"`
	Event      string   `json:"event"`
	Handler    uint32   `json:"handler"`
	Middleware []string `json:"middleware"`
	Concurrent bool     `json:"concurrent"`
	Global     bool     `json:"global"`
	Order      *int     `json:"order"`
	Every      string   `json:"every"`
	Cron       string   `json:"cron"`
	Scope      string   `json:"scope"`
	Records    []string `json:"records"`

	records patterns
}

func parseRegistration(document []byte) (registration, error) {
	var r registration
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("registration document: %w", err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, r.check()
}

func (r *registration) check() error {
	var errs []error
	for kind, list := range map[string][]registered{
		"command": r.Commands, "middleware": r.Middleware, "guard": r.Guards, "schedule": r.Schedules,
	} {
		seen := map[string]bool{}
		for _, e := range list {
			if e.Name == "" {
				errs = append(errs, fmt.Errorf("a %s has no name", kind))
			} else if seen[e.Name] {
				errs = append(errs, fmt.Errorf("%s %q is registered twice", kind, e.Name))
			}
			seen[e.Name] = true
		}
	}
	events := map[string]bool{}
	for i := range r.Hooks {
		hook := &r.Hooks[i]
		if events[hook.Event] {
			errs = append(errs, fmt.Errorf("a hook for %q is registered twice", hook.Event))
		}
		events[hook.Event] = true
		var err error
		if hook.records, err = parsePatterns(hook.Records); err != nil {
			errs = append(errs, fmt.Errorf("the hook for %q: %w", hook.Event, err))
		}
	}
	for _, c := range r.Commands {
		for _, name := range c.Middleware {
			if _, ok := find(r.Middleware, name); !ok {
				errs = append(errs, fmt.Errorf("command %q uses middleware %q, which is not registered", c.Name, name))
			}
		}
	}
	errs = append(errs, r.checkExposures())
	return errors.Join(errs...)
}

func find(list []registered, name string) (registered, bool) {
	for _, e := range list {
		if e.Name == name {
			return e, true
		}
	}
	return registered{}, false
}

// inOrder returns the entries that a test picks, by their order.
func (r *registration) inOrder(list []registered, pick func(registered) bool) []registered {
	var picked []registered
	for _, e := range list {
		if pick(e) {
			picked = append(picked, e)
		}
	}
	order := func(e registered) int {
		if e.Order != nil {
			return *e.Order
		}
		return r.Order
	}
	sort.SliceStable(picked, func(i, j int) bool { return order(picked[i]) < order(picked[j]) })
	return picked
}
