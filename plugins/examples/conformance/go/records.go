package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

// The operations on records and collections.

func records(p *mesh.Plugin) {
	p.Capability("records.read", "records.get and list, and the resolvers of collections")
	p.Capability("records.write", "records.set, delete and transaction")
	p.Capability("records.unsubscribe", "records.unsubscribe")
	p.Capability("collections.unsubscribe", "collections.unsubscribe")
	p.Command("records.get", withText("recordId", recordsGet))
	p.Command("records.set", recordsSet)
	p.Command("records.delete", recordsDelete)
	p.Command("records.list", recordsList)
	p.Command("records.transaction", recordsTransaction)
	p.Command("records.unsubscribe", unsubscribe("recordId", mesh.Records.Unsubscribe))
	p.Command("collections.unsubscribe", unsubscribe("collectionId", mesh.Collections.Unsubscribe))
}

func recordsGet(c *mesh.Call, id string) (mesh.JSON, error) {
	r, err := mesh.Records.Get(id)
	if err != nil {
		return nil, err
	}
	o := c.Object().Raw("value", r.Value).Int("version", r.Version)
	if r.Epoch != "" {
		o.Text("epoch", r.Epoch)
	}
	return o.JSON(), nil
}

func recordsSet(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	id, v, options := in.Text("recordId"), in.Value("value"), writeOptions(in)
	if err := in.Err(); err != nil {
		return nil, err
	}
	w, err := mesh.Records.Set(id, v, options...)
	if err != nil {
		return nil, err
	}
	return c.Object().Int("version", w.Version).Text("epoch", w.Epoch).Bool("changed", w.Changed).JSON(), nil
}

func recordsDelete(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	id, options := in.Text("recordId"), deleteOptions(in)
	if err := in.Err(); err != nil {
		return nil, err
	}
	deleted, version, err := mesh.Records.Delete(id, options...)
	if err != nil {
		return nil, err
	}
	return c.Object().Bool("deleted", deleted).Int("version", version).JSON(), nil
}

func recordsList(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	q := mesh.RecordQuery{Pattern: text(in, "pattern"), Cursor: text(in, "cursor"), Limit: int(number(in, "limit"))}
	q.Values = in.Has("values") && in.Bool("values")
	if err := in.Err(); err != nil {
		return nil, err
	}
	page, err := mesh.Records.List(q)
	if err != nil {
		return nil, err
	}
	return withCursor(c.Object().Raw("records", page.List), page.Next), nil
}

func recordsTransaction(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	operations := in.Value("operations")
	if err := in.Err(); err != nil {
		return nil, err
	}
	tx := mesh.Records.Transaction()
	for item := range operations.Items() {
		if err := addTo(tx, item.Fields()); err != nil {
			return nil, err
		}
	}
	done, err := tx.Commit()
	if err != nil {
		return nil, err
	}
	return c.Object().Raw("results", done.List).JSON(), nil
}

// addTo adds an operation, {"op", "recordId", "value", "options"?}.
func addTo(tx *mesh.Transaction, in *mesh.Fields) error {
	op, id, options := in.Text("op"), in.Text("recordId"), raw(in, "options").Fields()
	switch op {
	case "write":
		tx.Set(id, in.Value("value"), writeOptions(options)...)
	case "delete":
		tx.Delete(id, deleteOptions(options)...)
	default:
		if in.Err() == nil {
			return mesh.BadPayload("op", "must be write or delete")
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	return options.Err()
}

// writeOptions and deleteOptions read members that may be missing.

func writeOptions(in *mesh.Fields) (options []mesh.WriteOption) {
	if in.Has("strategy") {
		options = append(options, mesh.Strategy(in.Text("strategy")))
	}
	if in.Has("expectVersion") {
		options = append(options, mesh.ExpectVersion(in.Int("expectVersion")))
	}
	return append(options, mesh.TTL(number(in, "ttl")))
}

func deleteOptions(in *mesh.Fields) []mesh.DeleteOption {
	if !in.Has("expectVersion") {
		return nil
	}
	return []mesh.DeleteOption{mesh.ExpectVersion(in.Int("expectVersion"))}
}
