package redis

import "strconv"

// reply is what a script has returned: an integer, text, nothing, or a list of
// such. What is of another kind than is asked for reads as missing.
type reply struct{ value any }

// list returns the replies of a list, with as many more that are nothing as it
// takes to have at least so many.
func (r reply) list(least int) []reply {
	values, _ := r.value.([]any)
	all := make([]reply, max(least, len(values)))
	for i, value := range values {
		all[i].value = value
	}
	return all
}

// number returns an integer, also one that came as text.
func (r reply) number() int64 {
	switch value := r.value.(type) {
	case int64:
		return value
	case string:
		n, _ := strconv.ParseInt(value, 10, 64)
		return n
	}
	return 0
}

// yes reports whether it is a number other than 0.
func (r reply) yes() bool { return r.number() != 0 }

// there reports whether it is anything.
func (r reply) there() bool { return r.value != nil }

func (r reply) text() string {
	text, _ := r.value.(string)
	return text
}

// bytes returns text as bytes, nil of nothing.
func (r reply) bytes() []byte {
	text, ok := r.value.(string)
	if !ok {
		return nil
	}
	return append([]byte{}, text...)
}

// texts returns the texts of a list, nil of an empty one.
func (r reply) texts() []string {
	values, _ := r.value.([]any)
	var all []string
	for _, value := range values {
		if text, ok := value.(string); ok {
			all = append(all, text)
		}
	}
	return all
}
