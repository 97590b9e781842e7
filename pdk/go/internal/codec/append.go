// Package codec is the guest's half of the flat codec in which the host and a
// plugin talk: abi/ABI.md fixes it with bytes, abi/testdata/vectors tests it.
//
// A message is its fields in a fixed order, each a length and its bytes, all
// numbers little-endian. The package needs neither reflect nor encoding/binary,
// which TinyGo would link in whole.
package codec

// absent is the length that marks a field as not there; 0 is an empty field.
const absent = 0xFFFFFFFF

// Each Append function adds one field to a message and returns the extended
// slice, as append does.

// AppendAbsent adds a field that is not there.
func AppendAbsent(dst []byte) []byte { return appendLength(dst, absent) }

// AppendBytes adds v; nil is absent, an empty slice is empty.
func AppendBytes(dst, v []byte) []byte {
	if v == nil {
		return AppendAbsent(dst)
	}
	return append(appendLength(dst, uint32(len(v))), v...)
}

// AppendString adds v; the empty string is empty, not absent.
func AppendString(dst []byte, v string) []byte {
	return append(appendLength(dst, uint32(len(v))), v...)
}

// AppendOptionalString adds v, the empty string as absent.
func AppendOptionalString(dst []byte, v string) []byte {
	if v == "" {
		return AppendAbsent(dst)
	}
	return AppendString(dst, v)
}

// AppendInt adds v as 8 bytes, two's complement.
func AppendInt(dst []byte, v int64) []byte {
	return append(dst, 8, 0, 0, 0,
		byte(v), byte(v>>8), byte(v>>16), byte(v>>24),
		byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
}

// AppendOptionalInt adds v, 0 as absent.
func AppendOptionalInt(dst []byte, v int64) []byte {
	if v == 0 {
		return AppendAbsent(dst)
	}
	return AppendInt(dst, v)
}

// AppendBool adds v as 1 byte, 0 or 1.
func AppendBool(dst []byte, v bool) []byte {
	b := byte(0)
	if v {
		b = 1
	}
	return append(dst, 1, 0, 0, 0, b)
}

// AppendStrings adds a list; nil is absent.
func AppendStrings(dst []byte, v []string) []byte {
	if v == nil {
		return AppendAbsent(dst)
	}
	dst, mark := Begin(dst)
	dst = appendLength(dst, uint32(len(v)))
	for _, s := range v {
		dst = AppendString(dst, s)
	}
	return End(dst, mark)
}

// Begin opens a field whose length is not known yet; End closes it.
func Begin(dst []byte) (extended []byte, mark int) {
	return append(dst, 0, 0, 0, 0), len(dst)
}

// End writes the length of the field opened at mark.
func End(dst []byte, mark int) []byte {
	n := uint32(len(dst) - mark - 4)
	head := dst[mark : mark+4]
	head[0], head[1], head[2], head[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	return dst
}

func appendLength(dst []byte, n uint32) []byte {
	return append(dst, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}
