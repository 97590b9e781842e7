package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// away is a node whose store cannot be reached at times.
type away struct {
	backplane.Node
	gate *gate
}

// gate lets calls through, or not.
type gate struct {
	shut    atomic.Bool
	refused atomic.Int64
}

func (g *gate) pass() error {
	if !g.shut.Load() {
		return nil
	}
	g.refused.Add(1)
	return fmt.Errorf("redis: dial: %w", backplane.ErrUnavailable)
}

// through calls what the gate lets through, and returns zero values else.
func through[T any](g *gate, call func() (T, error)) (T, error) {
	if err := g.pass(); err != nil {
		var none T
		return none, err
	}
	return call()
}

// The node's features. What is not here is not called by an engine.
func (n away) KV() backplane.KV             { return awayKV{n.Node.KV(), n.gate} }
func (n away) Channels() backplane.Channels { return awayChannels{n.Node.Channels(), n.gate} }
func (n away) Connections() backplane.Connections {
	return awayConnections{n.Node.Connections(), n.gate}
}
func (n away) Rooms() backplane.Rooms       { return awayRooms{n.Node.Rooms(), n.gate} }
func (n away) Presence() backplane.Presence { return awayPresence{n.Node.Presence(), n.gate} }
func (n away) RoomMetadata() backplane.RoomMetadata {
	return awayMetadata{n.Node.RoomMetadata(), n.gate}
}
func (n away) Records() backplane.Records { return awayRecords{n.Node.Records(), n.gate} }
func (n away) Bus() backplane.Bus         { return awayBus{n.Node.Bus(), n.gate} }

type awayKV struct {
	backplane.KV
	gate *gate
}

func (a awayKV) Get(ctx context.Context, ns, key string) ([]byte, error) {
	return through(a.gate, func() ([]byte, error) { return a.KV.Get(ctx, ns, key) })
}

func (a awayKV) Set(ctx context.Context, ns, key string, value []byte, w backplane.Write) error {
	if err := a.gate.pass(); err != nil {
		return err
	}
	return a.KV.Set(ctx, ns, key, value, w)
}

func (a awayKV) Delete(ctx context.Context, ns, key string) (bool, error) {
	return through(a.gate, func() (bool, error) { return a.KV.Delete(ctx, ns, key) })
}

func (a awayKV) Increment(ctx context.Context, ns, key string, by int64, w backplane.Write) (int64, error) {
	return through(a.gate, func() (int64, error) { return a.KV.Increment(ctx, ns, key, by, w) })
}

func (a awayKV) CompareAndSet(ctx context.Context, ns, key string, expected, value []byte, w backplane.Write) (bool, []byte, error) {
	if err := a.gate.pass(); err != nil {
		return false, nil, err
	}
	return a.KV.CompareAndSet(ctx, ns, key, expected, value, w)
}

type awayChannels struct {
	backplane.Channels
	gate *gate
}

func (a awayChannels) Publish(ctx context.Context, channel string, data []byte, keep backplane.Keep) (backplane.Position, error) {
	return through(a.gate, func() (backplane.Position, error) { return a.Channels.Publish(ctx, channel, data, keep) })
}

func (a awayChannels) Read(ctx context.Context, channel string, q backplane.Query) (backplane.Page, error) {
	return through(a.gate, func() (backplane.Page, error) { return a.Channels.Read(ctx, channel, q) })
}

type awayConnections struct {
	backplane.Connections
	gate *gate
}

func (a awayConnections) Add(ctx context.Context, c backplane.Connection) error {
	if err := a.gate.pass(); err != nil {
		return err
	}
	return a.Connections.Add(ctx, c)
}

func (a awayConnections) Remove(ctx context.Context, id, reason string) ([]string, bool, error) {
	if err := a.gate.pass(); err != nil {
		return nil, false, err
	}
	return a.Connections.Remove(ctx, id, reason)
}

func (a awayConnections) Get(ctx context.Context, id string) (backplane.Connection, error) {
	return through(a.gate, func() (backplane.Connection, error) { return a.Connections.Get(ctx, id) })
}

func (a awayConnections) List(ctx context.Context, cursor string, limit int) ([]backplane.Connection, string, error) {
	if err := a.gate.pass(); err != nil {
		return nil, "", err
	}
	return a.Connections.List(ctx, cursor, limit)
}

func (a awayConnections) OfUser(ctx context.Context, user string) ([]string, error) {
	return through(a.gate, func() ([]string, error) { return a.Connections.OfUser(ctx, user) })
}

func (a awayConnections) Users(ctx context.Context, cursor string, limit int) ([]string, string, error) {
	if err := a.gate.pass(); err != nil {
		return nil, "", err
	}
	return a.Connections.Users(ctx, cursor, limit)
}

func (a awayConnections) SwapMetadata(ctx context.Context, id string, expected, value []byte) (bool, []byte, error) {
	if err := a.gate.pass(); err != nil {
		return false, nil, err
	}
	return a.Connections.SwapMetadata(ctx, id, expected, value)
}

type awayRooms struct {
	backplane.Rooms
	gate *gate
}

func (a awayRooms) Join(ctx context.Context, room, connection string, present bool) (bool, error) {
	return through(a.gate, func() (bool, error) { return a.Rooms.Join(ctx, room, connection, present) })
}

func (a awayRooms) Leave(ctx context.Context, room, connection, reason string) (bool, error) {
	return through(a.gate, func() (bool, error) { return a.Rooms.Leave(ctx, room, connection, reason) })
}

func (a awayRooms) Clear(ctx context.Context, room, reason string) ([]string, error) {
	return through(a.gate, func() ([]string, error) { return a.Rooms.Clear(ctx, room, reason) })
}

func (a awayRooms) Has(ctx context.Context, room, connection string) (bool, error) {
	return through(a.gate, func() (bool, error) { return a.Rooms.Has(ctx, room, connection) })
}

func (a awayRooms) Members(ctx context.Context, room string) ([]string, error) {
	return through(a.gate, func() ([]string, error) { return a.Rooms.Members(ctx, room) })
}

func (a awayRooms) Of(ctx context.Context, connection string) ([]string, error) {
	return through(a.gate, func() ([]string, error) { return a.Rooms.Of(ctx, connection) })
}

func (a awayRooms) List(ctx context.Context, cursor string, limit int) ([]string, string, error) {
	if err := a.gate.pass(); err != nil {
		return nil, "", err
	}
	return a.Rooms.List(ctx, cursor, limit)
}

type awayPresence struct {
	backplane.Presence
	gate *gate
}

func (a awayPresence) Enter(ctx context.Context, room, connection string) (bool, error) {
	return through(a.gate, func() (bool, error) { return a.Presence.Enter(ctx, room, connection) })
}

func (a awayPresence) Exit(ctx context.Context, room, connection string) (bool, error) {
	return through(a.gate, func() (bool, error) { return a.Presence.Exit(ctx, room, connection) })
}

func (a awayPresence) SetState(ctx context.Context, room, connection string, state []byte, expireAfter time.Duration, silent bool) (bool, error) {
	return through(a.gate, func() (bool, error) { return a.Presence.SetState(ctx, room, connection, state, expireAfter, silent) })
}

func (a awayPresence) Snapshot(ctx context.Context, room string) (backplane.Snapshot, error) {
	return through(a.gate, func() (backplane.Snapshot, error) { return a.Presence.Snapshot(ctx, room) })
}

type awayMetadata struct {
	backplane.RoomMetadata
	gate *gate
}

func (a awayMetadata) Get(ctx context.Context, room string) ([]byte, error) {
	return through(a.gate, func() ([]byte, error) { return a.RoomMetadata.Get(ctx, room) })
}

func (a awayMetadata) Swap(ctx context.Context, room string, expected, value []byte, limit int64) (bool, []byte, error) {
	if err := a.gate.pass(); err != nil {
		return false, nil, err
	}
	return a.RoomMetadata.Swap(ctx, room, expected, value, limit)
}

func (a awayMetadata) List(ctx context.Context, cursor string, limit int) ([]backplane.RoomValue, string, error) {
	if err := a.gate.pass(); err != nil {
		return nil, "", err
	}
	return a.RoomMetadata.List(ctx, cursor, limit)
}

type awayRecords struct {
	backplane.Records
	gate *gate
}

func (a awayRecords) Get(ctx context.Context, id string) (backplane.Record, error) {
	return through(a.gate, func() (backplane.Record, error) { return a.Records.Get(ctx, id) })
}

func (a awayRecords) Since(ctx context.Context, id string, from backplane.Version) (backplane.Record, []backplane.RecordPatch, bool, error) {
	if err := a.gate.pass(); err != nil {
		return backplane.Record{}, nil, false, err
	}
	return a.Records.Since(ctx, id, from)
}

func (a awayRecords) Commit(ctx context.Context, writes []backplane.RecordWrite, limit int64) ([]backplane.Version, []backplane.Record, error) {
	if err := a.gate.pass(); err != nil {
		return nil, nil, err
	}
	return a.Records.Commit(ctx, writes, limit)
}

func (a awayRecords) Submit(ctx context.Context, writes []backplane.RecordWrite, limit int64) ([]backplane.Version, []backplane.Record, func(context.Context) error, error) {
	if err := a.gate.pass(); err != nil {
		return nil, nil, nil, err
	}
	return a.Records.Submit(ctx, writes, limit)
}

func (a awayRecords) List(ctx context.Context, q backplane.RecordQuery) ([]backplane.Record, string, error) {
	if err := a.gate.pass(); err != nil {
		return nil, "", err
	}
	return a.Records.List(ctx, q)
}

type awayBus struct {
	backplane.Bus
	gate *gate
}

func (a awayBus) Subscribe(ctx context.Context, t backplane.Topic) error {
	if err := a.gate.pass(); err != nil {
		return err
	}
	return a.Bus.Subscribe(ctx, t)
}

func (a awayBus) Unsubscribe(ctx context.Context, t backplane.Topic) error {
	if err := a.gate.pass(); err != nil {
		return err
	}
	return a.Bus.Unsubscribe(ctx, t)
}

func (a awayBus) Instruct(ctx context.Context, to backplane.Audience, what backplane.Instruction) (int, error) {
	return through(a.gate, func() (int, error) { return a.Bus.Instruct(ctx, to, what) })
}
