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
