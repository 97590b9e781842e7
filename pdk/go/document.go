package mesh

// document is the registration document as it grows; the entries are written
// at once, in the order of their registration, so that every instance returns
// the same bytes.
type document struct {
	name, version string
	order         int
	schema        JSON
	commands      []*ObjectBuilder
	middleware    []*ObjectBuilder
	guards        []*ObjectBuilder
	channels      []*ObjectBuilder
	presence      []*ObjectBuilder
	rooms         []*ObjectBuilder
	records       []*ObjectBuilder
	collections   []*ObjectBuilder
	metadataGuard string
	hooks         []*ObjectBuilder
	schedules     []*ObjectBuilder
	capabilities  []*ObjectBuilder
}

// JSON returns the document; what is not set is left out.
func (d *document) JSON() JSON {
	o := Object()
	if d.name != "" {
		o.Text("name", d.name)
	}
	if d.version != "" {
		o.Text("version", d.version)
	}
	if d.order != 0 {
		o.Int("order", int64(d.order))
	}
	addEntries(o, "commands", d.commands)
	addEntries(o, "middleware", d.middleware)
	addEntries(o, "guards", d.guards)
	addEntries(o, "channels", d.channels)
	addEntries(o, "presence", d.presence)
	addEntries(o, "rooms", d.rooms)
	addEntries(o, "records", d.records)
	addEntries(o, "collections", d.collections)
	if d.metadataGuard != "" {
		o.Text("metadataGuard", d.metadataGuard)
	}
	addEntries(o, "hooks", d.hooks)
	addEntries(o, "schedules", d.schedules)
	addEntries(o, "capabilities", d.capabilities)
	if d.schema != nil {
		o.Raw("configSchema", d.schema)
	}
	return o.JSON()
}

func addEntries(o *ObjectBuilder, name string, entries []*ObjectBuilder) {
	if len(entries) == 0 {
		return
	}
	a := Array()
	for _, entry := range entries {
		a.Raw(entry.JSON())
	}
	o.Raw(name, a.JSON())
}
