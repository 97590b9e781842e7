package engine

import (
	"context"
	"strconv"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
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
