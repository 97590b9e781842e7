package mesh

// Fields reads an object's members by name and type, and remembers the first
// thing wrong with it as an EPAYLOAD error that names the member:
//
//	in := c.Fields()
//	a, b := in.Int("a"), in.Int("b")
//	if err := in.Err(); err != nil {
//		return nil, err
//	}
//
// After a failure every method returns its type's zero value.
type Fields struct {
	object JSON
	err    *Error
}

// Fields starts reading the value as an object.
func (j JSON) Fields() *Fields { return &Fields{object: j} }

// Err returns the first failure, an *Error with code EPAYLOAD, or nil.
func (f *Fields) Err() error {
	if f.err == nil {
		return nil
	}
	return f.err
}

// Has tells whether the member is there and not null; optional members are
// read after asking.
func (f *Fields) Has(name string) bool { return !f.object.Get(name).IsNull() }

// Value returns a member of any type, null included.
func (f *Fields) Value(name string) JSON {
	if f.err != nil {
		return nil
	}
	v := f.object.Get(name)
	if v == nil {
		f.miss(name)
	}
	return v
}

func (f *Fields) miss(name string) {
	if f.object.IsObject() {
		f.err = BadPayload(name, "is missing")
	} else {
		f.err = BadPayload("", "must be an object")
	}
}

// Text returns a string, unescaped.
func (f *Fields) Text(name string) string {
	v, ok := f.Value(name).AsText()
	f.check(ok, name, "must be text")
	return v
}

// Int returns an integer of 64 bits.
func (f *Fields) Int(name string) int64 {
	v, ok := f.Value(name).AsInt()
	f.check(ok, name, "must be an integer")
	return v
}

// Float returns a number.
func (f *Fields) Float(name string) float64 {
	v, ok := f.Value(name).AsFloat()
	f.check(ok, name, "must be a number")
	return v
}

// Bool returns a boolean.
func (f *Fields) Bool(name string) bool {
	v, ok := f.Value(name).AsBool()
	f.check(ok, name, "must be true or false")
	return v
}

// Texts returns an array of strings.
func (f *Fields) Texts(name string) []string {
	v, ok := f.Value(name).AsTexts()
	f.check(ok, name, "must be a list of text")
	return v
}

// Object returns a member that is an object.
func (f *Fields) Object(name string) JSON {
	v := f.Value(name)
	f.check(v.IsObject(), name, "must be an object")
	return v
}

// check records a failure, unless an earlier one explains it.
func (f *Fields) check(ok bool, name, problem string) {
	if !ok {
		f.fail(name, problem)
	}
}

func (f *Fields) fail(name, problem string) {
	if f.err == nil {
		f.err = BadPayload(name, problem)
	}
}
