package meshtest

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// exposure is an entry of any of the lists that say what clients can reach.
type exposure struct {
	Pattern       string `json:"pattern"`
	Guard         string `json:"guard"`
	Publish       bool   `json:"publish"`
	PublishGuard  string `json:"publishGuard"`
	History       int    `json:"history"`
	HistoryTTL    string `json:"historyTtl"`
	TTL           string `json:"ttl"`
	SlowConsumer  string `json:"slowConsumer"`
	MetadataGuard string `json:"metadataGuard"`
	Writable      bool   `json:"writable"`
	WriteGuard    string `json:"writeGuard"`

	Handler uint32   `json:"handler"`
	Records []string `json:"records"`
	Shared  bool     `json:"shared"`
	Limit   int      `json:"limit"`

	pattern pattern
	records patterns
}

// match returns the first exposure whose pattern matches a name.
func match(list []exposure, name string) (exposure, bool) {
	return matchOf(list, name, func(exposure) bool { return true })
}

// matchOf is match among those that have a say.
func matchOf(list []exposure, name string, has func(exposure) bool) (exposure, bool) {
	for _, e := range list {
		if has(e) && e.pattern.matches(name) {
			return e, true
		}
	}
	return exposure{}, false
}

func (r *registration) checkExposures() error {
	errs := []error{r.checkGuard("metadataGuard", r.Metadata)}
	for kind, list := range map[string][]exposure{
		"channels": r.Channels, "presence": r.Presence, "rooms": r.Rooms, "records": r.Records, "collections": r.Collections,
	} {
		for i := range list {
			e := &list[i]
			where := fmt.Sprintf("%s %q", kind, e.Pattern)
			errs = append(errs, e.check(where),
				r.checkGuard(where, e.Guard), r.checkGuard(where, e.PublishGuard), r.checkGuard(where, e.MetadataGuard), r.checkGuard(where, e.WriteGuard))
		}
	}
	return errors.Join(errs...)
}

func (r *registration) checkGuard(where, name string) error {
	if _, ok := find(r.Guards, name); !ok && name != "" {
		return fmt.Errorf("%s: guard %q is not registered", where, name)
	}
	return nil
}

// check reads the patterns and looks at the rest.
func (e *exposure) check(where string) error {
	var err error
	if e.pattern, err = parsePattern(e.Pattern); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	if e.records, err = parsePatterns(e.Records); err != nil {
		return fmt.Errorf("%s: records: %w", where, err)
	}
	if e.Limit < 0 || e.Limit > maxCollection {
		return fmt.Errorf("%s: limit must be 0 to %d", where, maxCollection)
	}
	if e.History < 0 || e.History > maxHistory {
		return fmt.Errorf("%s: history must be 0 to %d", where, maxHistory)
	}
	if d, err := parseDuration(e.HistoryTTL); err != nil || d < 0 {
		return fmt.Errorf("%s: historyTtl %q is no duration", where, e.HistoryTTL)
	}
	if d, err := parseDuration(e.TTL); err != nil || d != 0 && d < time.Second {
		return fmt.Errorf("%s: ttl %q is no duration of at least a second", where, e.TTL)
	}
	if !slices.Contains([]string{"", "disconnect", "drop", "conflate"}, e.SlowConsumer) {
		return fmt.Errorf("%s: slowConsumer %q is none of disconnect, drop and conflate", where, e.SlowConsumer)
	}
	return nil
}

func parseDuration(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}
