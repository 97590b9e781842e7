package mesh

import (
	"errors"
	"unsafe"
)

// Plugin is what a plugin registers: its name and its handlers. It is filled
// by the set-up function and must not be used after it has returned.
//
// Handlers are numbered in the order of their registration, and every instance
// of the plugin runs the set-up function anew: it must register the same things
// in the same order each time. It may read Config, and keep what it has read
// in variables, which belong to the one instance.
type Plugin struct {
	document document
	handlers []handler
	errs     []error

	memory  memory
	current Call
}

// handler is a command, or something else that encodes its own response.
type handler struct {
	command func(*Call) (JSON, error)
	other   func(*Call) []byte
}

// Name sets the plugin's name: letters, digits, '-' and '_', at most 64 bytes.
// Without one it is that of its file, less a language suffix.
func (p *Plugin) Name(name string) { p.document.name = name }

// Version sets the version that the host shows; it means nothing to it.
func (p *Plugin) Version(version string) { p.document.version = version }

// Order sorts this plugin's global middleware and authenticate hooks among
// those of all plugins, where they state no order of their own, and its
// exposures: lower comes first, equal ones by file name. Default 0.
func (p *Plugin) Order(order int) { p.document.order = order }

// ConfigSchema describes the plugin's settings to its operator, as a JSON
// Schema.
func (p *Plugin) ConfigSchema(schema JSON) { p.document.schema = schema }

// Capability says that the plugin uses a capability or a family of them, such
// as "kv" or "records.write:score:*", and what for. Host calls beyond all that
// it says are denied. Its operator reads the reason.
func (p *Plugin) Capability(name, reason string) {
	p.document.capabilities = append(p.document.capabilities, Object().Text("name", name).Text("reason", reason))
}

// Command registers a command. The handler's JSON is the reply's payload, nil:
// null; its error is the client's error.
func (p *Plugin) Command(name string, fn func(*Call) (JSON, error), options ...CommandOption) {
	o := Object().Text("name", name).Int("handler", p.add("command", name, fn == nil, handler{command: fn}))
	for _, option := range options {
		option.command(o)
	}
	p.document.commands = append(p.document.commands, o)
}

// Middleware registers a middleware: a Global one runs before every command of
// every plugin and before the built-in ones; another one runs before the
// commands that name it with Using.
func (p *Plugin) Middleware(name string, fn func(*MiddlewareCall) error, options ...MiddlewareOption) {
	call := new(MiddlewareCall) // an instance runs one call at a time
	number := p.add("middleware", name, fn == nil, handler{other: func(c *Call) []byte {
		*call = MiddlewareCall{Call: c}
		if err := fn(call); err != nil {
			return c.memory.failure(statusError, err)
		}
		return call.response()
	}})
	o := Object().Text("name", name).Int("handler", number)
	for _, option := range options {
		option.middleware(o)
	}
	p.document.middleware = append(p.document.middleware, o)
}

// add appends a handler and returns its number.
func (p *Plugin) add(kind, name string, missing bool, h handler) int64 {
	if missing {
		p.errs = append(p.errs, errors.New(kind+` "`+name+`" has no handler`))
	}
	p.handlers = append(p.handlers, h)
	return int64(len(p.handlers) - 1)
}

// register runs the set-up function and returns the registration document.
func (p *Plugin) register(setup func(*Plugin) error) []byte {
	p.current.memory = &p.memory
	if setup == nil {
		return Object().Text("error", "the plugin has not called mesh.Main").JSON()
	}
	if err := setup(p); err != nil {
		p.errs = append(p.errs, err)
	}
	if err := errors.Join(p.errs...); err != nil {
		return Object().Text("error", err.Error()).JSON()
	}
	return p.document.JSON()
}

// call answers the request at base, behind which are slack bytes of room. The
// response is valid until the next call.
func (p *Plugin) call(number uint32, base unsafe.Pointer, size uint32) []byte {
	c := &p.current
	c.request.base, c.request.size = base, uint64(size)
	c.request.clear()
	p.memory.used = 0
	if number >= uint32(len(p.handlers)) {
		return p.memory.failure(statusError, NewError(CodePlugin, "the plugin has no such handler"))
	}
	h := &p.handlers[number]
	if h.command == nil {
		return h.other(c)
	}
	body, err := h.command(c)
	if err != nil {
		return p.memory.failure(statusError, err)
	}
	return c.reply(body)
}
