package mesh

// WriteOption is ExpectVersion, TTL or Strategy.
type WriteOption interface{ write(*terms) }

// DeleteOption is ExpectVersion.
type DeleteOption interface{ deletion(*terms) }

// terms are what options say of a write; the zero value: replace whatever is
// there, and live as the record's pattern says.
type terms struct {
	strategy string
	// expect is a number, since 0 is another thing than none.
	expect JSON
	ttl    int64
}

func termsOf(strategy string, options []WriteOption) terms {
	t := terms{strategy: strategy}
	for _, option := range options {
		option.write(&t)
	}
	return t
}

// ExpectVersion lets a write of a record take place only at that version of it,
// as mesh.ExpectVersion(r.Version), and otherwise fail with ECONFLICT; 0: only
// where there is no value.
type ExpectVersion int64

func (v ExpectVersion) write(t *terms)    { t.expect = Int(int64(v)) }
func (v ExpectVersion) deletion(t *terms) { t.expect = Int(int64(v)) }

// Strategy is how a value is written over the one that is there, as
// mesh.Strategy(mesh.DeepMerge): Replace, Merge or DeepMerge.
type Strategy string

func (v Strategy) write(t *terms) { t.strategy = string(v) }

// Conflict is what a write with ExpectVersion has met.
type Conflict struct {
	// Version is the record's version now.
	Version int64
	// RecordID is the record, "" where the write was of one alone.
	RecordID string
}

// AsConflict reads an error of a write: ok tells whether it is that the version
// was not the expected one.
func AsConflict(err error) (c Conflict, ok bool) {
	e := find(err)
	if e == nil || e.Code != CodeConflict {
		return c, false
	}
	c.Version, ok = e.Data.Get("version").AsInt()
	c.RecordID, _ = e.Data.Get("recordId").AsText()
	return c, ok
}
