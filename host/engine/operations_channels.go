package engine

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/operation"
)

func (e *Engine) defineChannels(t operation.Table) {
	operation.Define(t, abi.OpChannelsPublish, func(ctx context.Context, _ operation.Caller, q *abi.ChannelsPublishRequest) (abi.ChannelsPublishResponse, error) {
		p, err := e.Publish(ctx, q.Channel, q.Message, q.History)
		return abi.ChannelsPublishResponse{Offset: p.Offset, Epoch: p.Epoch}, err
	})
	operation.Define(t, abi.OpChannelsHistory, func(ctx context.Context, _ operation.Caller, q *abi.ChannelsHistoryRequest) (a abi.ChannelsHistoryResponse, err error) {
		page, err := e.History(ctx, q.Channel, q.Limit, q.Since, q.SinceTime)
		a.Offset, a.Epoch, a.History = page.Offset, page.Epoch, appendHistory(nil, page.Messages)
		return a, err
	})
	operation.Define(t, abi.OpChannelsUnsubscribe, func(ctx context.Context, _ operation.Caller, q *abi.ChannelsUnsubscribeRequest) (a abi.ChannelsUnsubscribeResponse, err error) {
		a.Unsubscribed, err = e.EndChannel(ctx, q.Channel, q.ConnectionID, q.Reason)
		return a, err
	})
}

func appendHistory(dst []byte, messages []backplane.Message) []byte {
	dst = append(dst, '[')
	for i := len(messages) - 1; i >= 0; i-- {
		if i < len(messages)-1 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, `{"offset":`...), messages[i].Offset, 10)
		dst = append(append(dst, `,"message":`...), messages[i].Data...)
		dst = strconv.AppendInt(append(dst, `,"time":`...), messages[i].Time, 10)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func (e *Engine) defineExposures(t operation.Table) {
	operation.Define(t, abi.OpExposuresList, func(context.Context, operation.Caller, *abi.ExposuresListRequest) (a abi.ExposuresListResponse, err error) {
		x := e.rules.Exposed()
		if a.Channels, err = describeAll(x.Channels, describeChannel); err != nil {
			return a, err
		}
		if a.Presence, err = describeAll(x.Presence, describePresence); err != nil {
			return a, err
		}
		a.Rooms, err = describeAll(x.Rooms, describeRoom)
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
