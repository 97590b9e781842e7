package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/operation"
)

func (e *Engine) defineExposures(t operation.Table) {
	operation.Define(t, abi.OpExposuresList, func(context.Context, operation.Caller, *abi.ExposuresListRequest) (a abi.ExposuresListResponse, err error) {
		x := e.rules.Exposed()
		if a.Channels, err = describeAll(x.Channels, describeChannel); err != nil {
			return a, err
		}
		if a.Presence, err = describeAll(x.Presence, describePresence); err != nil {
			return a, err
		}
		if a.Rooms, err = describeAll(x.Rooms, describeRoom); err != nil {
			return a, err
		}
		if a.Records, err = describeAll(x.Records, describeRecord); err != nil {
			return a, err
		}
		a.Collections, err = describeAll(x.Collections, describeCollection)
		return a, err
	})
}

func describeAll[T, D any](all []T, describe func(*T) D) (json.RawMessage, error) {
	described := make([]D, len(all))
	for i := range all {
		described[i] = describe(&all[i])
	}
	return json.Marshal(described)
}

type exposedChannel struct {
	Pattern      string `json:"pattern"`
	Guard        string `json:"guard,omitempty"`
	Publish      bool   `json:"publish"`
	PublishGuard string `json:"publishGuard,omitempty"`
	History      int    `json:"history"`
	HistoryTTL   string `json:"historyTtl,omitempty"`
	SlowConsumer string `json:"slowConsumer"`
	Source       string `json:"source"`
}

func describeChannel(c *exposure.Channel) exposedChannel {
	d := exposedChannel{
		Pattern: c.Pattern.String(), Guard: c.Guard, Publish: c.Publish, PublishGuard: c.PublishGuard,
		History: c.History, SlowConsumer: c.SlowConsumer.String(), Source: c.Source,
	}
	if c.History > 0 {
		d.HistoryTTL = orForever(c.HistoryTTL)
	}
	return d
}

type exposedPresence struct {
	Pattern      string `json:"pattern"`
	TTL          string `json:"ttl,omitempty"`
	Guard        string `json:"guard,omitempty"`
	SlowConsumer string `json:"slowConsumer"`
	Source       string `json:"source"`
}

func describePresence(p *exposure.Presence) exposedPresence {
	return exposedPresence{
		Pattern: p.Pattern.String(), TTL: orForever(p.TTL), Guard: p.Guard,
		SlowConsumer: p.SlowConsumer.String(), Source: p.Source,
	}
}

func orForever(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

type exposedRoom struct {
	Pattern       string `json:"pattern"`
	Guard         string `json:"guard,omitempty"`
	MetadataGuard string `json:"metadataGuard,omitempty"`
	Source        string `json:"source"`
}

func describeRoom(r *exposure.Room) exposedRoom {
	return exposedRoom{Pattern: r.Pattern.String(), Guard: r.Guard, MetadataGuard: r.MetadataGuard, Source: r.Source}
}

type exposedRecord struct {
	Pattern      string `json:"pattern"`
	Guard        string `json:"guard,omitempty"`
	Writable     bool   `json:"writable"`
	WriteGuard   string `json:"writeGuard,omitempty"`
	TTL          string `json:"ttl,omitempty"`
	SlowConsumer string `json:"slowConsumer"`
	Source       string `json:"source"`
}

func describeRecord(r *exposure.Record) exposedRecord {
	return exposedRecord{
		Pattern: r.Pattern.String(), Guard: r.Guard, Writable: r.Writable, WriteGuard: r.WriteGuard,
		TTL: orForever(r.TTL), SlowConsumer: r.SlowConsumer.String(), Source: r.Source,
	}
}

type exposedCollection struct {
	Pattern  string                       `json:"pattern"`
	Guard    string                       `json:"guard,omitempty"`
	Resolver string                       `json:"resolver,omitempty"`
	Shared   bool                         `json:"shared,omitempty"`
	Records  []string                     `json:"records,omitempty"`
	Filter   map[string][]json.RawMessage `json:"filter,omitempty"`
	Sort     string                       `json:"sort,omitempty"`
	Limit    int                          `json:"limit"`
	Source   string                       `json:"source"`
}

func describeCollection(c *exposure.Collection) exposedCollection {
	d := exposedCollection{
		Pattern: c.Pattern.String(), Guard: c.Guard, Resolver: c.Resolver, Shared: c.Shared,
		Sort: c.Sort.String(), Limit: c.Limit, Source: c.Source,
	}
	for _, p := range c.Records {
		d.Records = append(d.Records, p.String())
	}
	for _, f := range c.Filter {
		if d.Filter == nil {
			d.Filter = make(map[string][]json.RawMessage)
		}
		for _, v := range f.Values {
			d.Filter[f.String()] = append(d.Filter[f.String()], v)
		}
	}
	return d
}
