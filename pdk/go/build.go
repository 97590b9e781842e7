package mesh

import "strconv"

// ObjectBuilder writes a JSON object member by member:
//
//	mesh.Object().Int("n", n).Text("user", user).JSON()
//
// It does not look for members written twice. It must not be used after JSON.
type ObjectBuilder struct{ text []byte }

// Object starts a JSON object; see also Call.Object.
func Object() *ObjectBuilder { return &ObjectBuilder{text: append(make([]byte, 0, 64), '{')} }

// Int adds an integer.
func (o *ObjectBuilder) Int(name string, v int64) *ObjectBuilder {
	o.text = strconv.AppendInt(o.name(name), v, 10)
	return o
}

// Float adds a number, as the function Float writes it.
func (o *ObjectBuilder) Float(name string, v float64) *ObjectBuilder {
	o.text = appendFloat(o.name(name), v)
	return o
}

// Text adds a string.
func (o *ObjectBuilder) Text(name, v string) *ObjectBuilder {
	o.text = appendQuoted(o.name(name), v)
	return o
}

// Bool adds a boolean.
func (o *ObjectBuilder) Bool(name string, v bool) *ObjectBuilder {
	o.text = strconv.AppendBool(o.name(name), v)
	return o
}

// Texts adds an array of strings.
func (o *ObjectBuilder) Texts(name string, v []string) *ObjectBuilder {
	o.text = appendTexts(o.name(name), v)
	return o
}

// Raw adds a JSON value as it is, nil as null.
func (o *ObjectBuilder) Raw(name string, v JSON) *ObjectBuilder {
	o.text = appendRaw(o.name(name), v)
	return o
}

// JSON ends the object and returns it.
func (o *ObjectBuilder) JSON() JSON { return append(o.text, '}') }

func (o *ObjectBuilder) name(name string) []byte {
	if len(o.text) > 1 {
		o.text = append(o.text, ',')
	}
	return append(appendQuoted(o.text, name), ':')
}

// ArrayBuilder writes a JSON array item by item, like ObjectBuilder.
type ArrayBuilder struct{ text []byte }

// Array starts a JSON array.
func Array() *ArrayBuilder { return &ArrayBuilder{text: append(make([]byte, 0, 64), '[')} }

// Int adds an integer.
func (a *ArrayBuilder) Int(v int64) *ArrayBuilder {
	a.text = strconv.AppendInt(a.comma(), v, 10)
	return a
}

// Float adds a number, as the function Float writes it.
func (a *ArrayBuilder) Float(v float64) *ArrayBuilder {
	a.text = appendFloat(a.comma(), v)
	return a
}

// Text adds a string.
func (a *ArrayBuilder) Text(v string) *ArrayBuilder {
	a.text = appendQuoted(a.comma(), v)
	return a
}

// Bool adds a boolean.
func (a *ArrayBuilder) Bool(v bool) *ArrayBuilder {
	a.text = strconv.AppendBool(a.comma(), v)
	return a
}

// Raw adds a JSON value as it is, nil as null.
func (a *ArrayBuilder) Raw(v JSON) *ArrayBuilder {
	a.text = appendRaw(a.comma(), v)
	return a
}

// JSON ends the array and returns it.
func (a *ArrayBuilder) JSON() JSON { return append(a.text, ']') }

func (a *ArrayBuilder) comma() []byte {
	if len(a.text) > 1 {
		return append(a.text, ',')
	}
	return a.text
}

func appendRaw(dst []byte, v JSON) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	return append(dst, v...)
}

func appendTexts(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, s)
	}
	return append(dst, ']')
}
