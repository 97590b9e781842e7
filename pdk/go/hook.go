package mesh

import "github.com/mesh-host/mesh-host/pdk/go/internal/codec"

// Departure is a connection that has ended. Its metadata is the last it had.
type Departure struct {
	*Call
	// Code is the close code; 1006 where the peer vanished without one.
	Code int
	// Reason is the close reason.
	Reason string
}

// RoomChange is a membership that has begun or ended. Of a connection that has
// ended, the metadata is the last it had.
type RoomChange struct {
	*Call
	// Room is the room's name.
	Room string
	// Reason is one of the Left constants, "" for a join.
	Reason string
}

// Why a member has left a room, as RoomChange.Reason says.
const (
	// LeftByRequest: the client asked to.
	LeftByRequest = "leave"
	// LeftByDisconnect: its connection has ended.
	LeftByDisconnect = "disconnect"
	// LeftByRemoval: a plugin or an operator took it out of the room.
	LeftByRemoval = "removed"
	// LeftByClear: the room was cleared.
	LeftByClear = "cleared"
)

// A plugin registers at most one hook for each event.

// Authenticate registers the hook that says who a client is before it may
// connect. It returns an identity, nil where it has nothing to say (the client
// stays anonymous unless another hook knows it), or an error, which refuses
// the handshake: with the status and text of Refuse, or with 401 and the
// error's text.
func (p *Plugin) Authenticate(fn func(*Handshake) (*Identity, error), options ...HookOption) {
	p.hook("authenticate", fn == nil, func(c *Call) []byte {
		identity, err := fn(decodeHandshake(c.request.detail()))
		if err != nil {
			return c.memory.failure(statusRefuse, err)
		}
		return c.identify(identity)
	}, options)
}

// OnConnect registers the hook that runs after a connection has been made. An
// error is logged.
func (p *Plugin) OnConnect(fn func(*Call) error, options ...HookOption) {
	p.hook("connect", fn == nil, func(c *Call) []byte {
		return c.memory.outcome(statusError, fn(c))
	}, options)
}

// OnDisconnect registers the hook that runs after a connection has ended. An
// error is logged.
func (p *Plugin) OnDisconnect(fn func(*Departure) error, options ...HookOption) {
	p.hook("disconnect", fn == nil, func(c *Call) []byte {
		f := codec.Decode(c.request.detail())
		code, _ := f.Int()
		return c.memory.outcome(statusError, fn(&Departure{Call: c, Code: int(code), Reason: f.String()}))
	}, options)
}

// OnJoin registers the hook that runs after a connection has become a member of
// a room, whoever made it one. An error is logged.
func (p *Plugin) OnJoin(fn func(*RoomChange) error, options ...HookOption) {
	p.onRoom("join", fn, options)
}

// OnLeave registers the hook that runs after a connection has ceased to be a
// member of a room, for whatever reason. An error is logged.
func (p *Plugin) OnLeave(fn func(*RoomChange) error, options ...HookOption) {
	p.onRoom("leave", fn, options)
}

func (p *Plugin) onRoom(event string, fn func(*RoomChange) error, options []HookOption) {
	change := new(RoomChange) // an instance runs one call at a time
	p.hook(event, fn == nil, func(c *Call) []byte {
		detail := c.request.detail()
		*change = RoomChange{c, c.memory.text(codec.Skip(detail, 0)), c.memory.text(codec.Skip(detail, 1))}
		return c.memory.outcome(statusError, fn(change))
	}, options)
}

// Every registers a function that runs at an interval such as "30s", at least
// "10ms". An error is logged.
func (p *Plugin) Every(interval, name string, fn func(*Call) error, options ...ScheduleOption) {
	p.schedule("every", interval, name, fn, options)
}

// Cron registers a function that runs at the times of a cron expression of
// five fields, in UTC. An error is logged.
func (p *Plugin) Cron(expression, name string, fn func(*Call) error, options ...ScheduleOption) {
	p.schedule("cron", expression, name, fn, options)
}

func (p *Plugin) hook(event string, missing bool, fn func(*Call) []byte, options []HookOption) {
	o := Object().Text("event", event).Int("handler", p.add("hook", event, missing, handler{other: fn}))
	for _, option := range options {
		option.hook(o)
	}
	p.document.hooks = append(p.document.hooks, o)
}

func (p *Plugin) schedule(kind, when, name string, fn func(*Call) error, options []ScheduleOption) {
	number := p.add("schedule", name, fn == nil, handler{other: func(c *Call) []byte {
		return c.memory.outcome(statusError, fn(c))
	}})
	o := Object().Text("name", name).Int("handler", number).Text(kind, when)
	for _, option := range options {
		option.schedule(o)
	}
	p.document.schedules = append(p.document.schedules, o)
}
