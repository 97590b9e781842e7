package main

import mesh "github.com/mesh-host/mesh-host/pdk/go"

// exposeRecords opens records and collections.
func exposeRecords(p *mesh.Plugin) {
	p.Guard("owners", owners)
	p.Guard("values", values)
	p.Guard("merges", merges)

	p.Record("/^record:.+$/")
	p.Record("/^shared:.+$/", mesh.Writable())
	p.Record("/^hooked:.+$/", mesh.Writable())
	p.Record("/^brief:.+$/", mesh.Writable(), mesh.TTL(mesh.Second))
	p.Record("/^drop:.+$/", mesh.Writable(), mesh.SlowDrop)
	p.Record("/^conflate:.+$/", mesh.Writable(), mesh.SlowConflate)
	p.Record("/^own:.+$/", mesh.WritableBy("owners"))
	p.Record("/^checked:.+$/", mesh.WritableBy("values"))
	p.Record("/^merged:.+$/", mesh.WritableBy("merges"))
	p.Record("/^private:.+$/", mesh.GuardedBy("users"), mesh.WritableBy("users"))
	p.Record("bad:trap", mesh.GuardedBy("trapping"), mesh.WritableBy("trapping"))
	p.Record("bad:spin", mesh.GuardedBy("spinning"), mesh.WritableBy("spinning"))
	p.Record("bad:rubbish", mesh.GuardedBy("rubbish"), mesh.WritableBy("rubbish"))

	lists := mesh.DependsOn("/^list:.+$/")
	p.Collection("/^list:.+$/", listed, lists)
	p.Collection("/^few:.+$/", listed, lists, mesh.Limit(2))
	p.Collection("/^users:.+$/", listed, lists, mesh.GuardedBy("users"))
	p.Collection("/^one:.+$/", listed, lists, mesh.Shared())
	p.Collection("records", all, mesh.DependsOn("/^record:.+$/"), mesh.Shared(), mesh.Limit(1000))
	p.Collection("mine", mine)
}

// owners allows writing to the user that the record is named after.
func owners(c *mesh.GuardCall) error {
	if c.User() == "" || c.Name() != "own:"+c.User() {
		return mesh.Denied("This is not yours.")
	}
	return nil
}

// values allows writing what says {"ok": true} of itself, and no deletion. It
// tells the others what it was asked.
func values(c *mesh.GuardCall) error {
	if ok, _ := c.Value().Get("ok").AsBool(); ok && c.Action() == mesh.ActionWrite {
		return nil
	}
	return mesh.Denied("Not this: " + c.Topic() + " " + c.Action() + " " + c.Value().String() + ".")
}

// merges allows laying members over those of a record, which keeps the others. It
// tells what it was asked.
func merges(c *mesh.GuardCall) error {
	switch c.Strategy() {
	case mesh.Merge, mesh.DeepMerge:
		if c.Value().IsObject() { // what is none replaces
			return nil
		}
	}
	return mesh.Denied("Not so: " + c.Action() + " " + c.Strategy() + " " + c.Value().String() + ".")
}

// listed resolves "<kind>:<name>" to the ids in the record "list:<name>", an
// array. What is none there has it do what it says: "trap", "spin", or answer
// "rubbish", names that cannot be; otherwise it fails.
func listed(c *mesh.Call) ([]string, error) {
	if err := resolving(c); err != nil {
		return nil, err
	}
	r, err := mesh.Records.Get("list:" + afterColon(c.Name()))
	if err != nil {
		return nil, err
	}
	if ids, ok := r.Value.AsTexts(); ok || r.Value.IsNull() {
		return ids, nil
	}
	switch what, _ := r.Value.AsText(); what {
	case "trap":
		_, err = trap(c)
	case "spin":
		_, err = spin(c)
	case "rubbish":
		return []string{"record:a", "", "\n"}, nil
	default:
		err = mesh.NewError("ELIST", "The list is none: "+r.Value.String())
	}
	return nil, err
}

// all resolves to all records under record:, by their ids.
func all(c *mesh.Call) (ids []string, err error) {
	if err := resolving(c); err != nil {
		return nil, err
	}
	page, err := mesh.Records.List(mesh.RecordQuery{Pattern: "/^record:.+$/", Limit: 1000})
	for r := range page.Records() {
		ids = append(ids, r.ID)
	}
	return ids, err
}

// mine resolves to what belongs to a user, some of which others may not read. It
// depends on every record.
func mine(c *mesh.Call) ([]string, error) {
	if err := resolving(c); err != nil {
		return nil, err
	}
	return []string{"own:" + c.User(), "private:" + c.User(), "private:all", "secret", "record:mine"}, nil
}

// resolving counts the calls of a resolver as those of a hook are counted.
func resolving(c *mesh.Call) error { return record("resolve", c.Name(), seen(c)) }

func afterColon(s string) string {
	for i := range len(s) {
		if s[i] == ':' {
			return s[i+1:]
		}
	}
	return s
}
