package meter

import "fmt"

// reader reads the binary format within a part of a module. Numbers are read
// as strictly as the format states them: what is written out again in another
// form must not have been malformed before. After the first error it stands at
// its end and returns zeros.
type reader struct {
	module []byte
	pos    int // in the module
	end    int
	where  string // names the part, for errors
	err    error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s, offset %#x: %s", r.where, r.pos, fmt.Sprintf(format, args...))
	}
	r.pos = r.end
}

func (r *reader) done() bool { return r.pos >= r.end }

func (r *reader) byte() byte {
	if r.pos >= r.end {
		r.fail("unexpected end")
		return 0
	}
	b := r.module[r.pos]
	r.pos++
	return b
}

// skip passes over n bytes.
func (r *reader) skip(n int) {
	if n > r.end-r.pos {
		r.fail("unexpected end")
		return
	}
	r.pos += n
}

func (r *reader) u32() uint32 {
	if r.pos < r.end {
		if b := r.module[r.pos]; b < 0x80 {
			r.pos++
			return uint32(b)
		}
	}
	return r.longU32()
}

// vectorOpcode reads what follows the prefix of vector instructions, written as
// short as it can be. The format allows it to be longer, but the compiler looks at
// the first byte only, and would find other instructions than are counted here.
func (r *reader) vectorOpcode() uint32 {
	from := r.pos
	op := r.u32()
	if length := r.pos - from; r.err == nil && length > 1 && op>>(7*(length-1)) == 0 {
		r.fail("a vector opcode is longer than it need be")
		return 0
	}
	return op
}

// peek returns the number that u32 reads next, -1 where there is none.
func (r *reader) peek() int {
	ahead := *r
	if n := ahead.u32(); ahead.err == nil {
		return int(n)
	}
	return -1
}

func (r *reader) longU32() uint32 {
	var v uint32
	for shift := 0; ; shift += 7 {
		b := r.byte()
		if shift == 28 && b > 0x0F {
			r.fail("a number is longer than 32 bits")
			return 0
		}
		v |= uint32(b&0x7F) << shift
		if b < 0x80 {
			return v
		}
	}
}

// skipSigned passes over a signed number of that many bits.
func (r *reader) skipSigned(bits int) { r.signed(bits) }

func (r *reader) signed(bits int) int64 {
	var v int64
	for shift := 0; ; shift += 7 {
		b := r.byte()
		v |= int64(b&0x7F) << shift
		if left := bits - shift; left < 7 {
			// The unused bits repeat the sign.
			if rest := int8(b<<1) >> left; b >= 0x80 || rest != 0 && rest != -1 {
				r.fail("a number is longer than %d bits", bits)
				return 0
			}
		}
		if b < 0x80 {
			if s := 64 - shift - 7; s > 0 {
				v = v << s >> s
			}
			return v
		}
	}
}

// count reads how many items follow. Each takes a byte at least, so a count
// is never out of proportion to the module.
func (r *reader) count(limit int, what string) int {
	n := r.u32()
	switch {
	case r.err != nil:
		return 0
	case int64(n) > int64(limit):
		r.fail("%d %s, over the limit of %d", n, what, limit)
		return 0
	case int64(n) > int64(r.end-r.pos):
		r.fail("%d %s do not fit", n, what)
		return 0
	}
	return int(n)
}

// index reads an index that must be below n.
func (r *reader) index(n int, what string) uint32 {
	i := r.u32()
	if r.err == nil && int64(i) >= int64(n) {
		r.fail("there is no %s %d", what, i)
		return 0
	}
	return i
}

// name reads a name, whose encoding the compiler checks.
func (r *reader) name() string {
	start := r.count(maxModule, "bytes of a name")
	from := r.pos
	r.skip(start)
	if r.err != nil {
		return ""
	}
	return string(r.module[from:r.pos])
}

// part is a reader of the next n bytes, which this one passes over.
func (r *reader) part(n int, where string) reader {
	sub := reader{module: r.module, pos: r.pos, where: where, err: r.err}
	r.skip(n)
	sub.end = r.pos
	if r.err != nil {
		sub.err, sub.pos = r.err, sub.end
	}
	return sub
}
