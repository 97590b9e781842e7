package record

import (
	"hash/maphash"

	"github.com/mesh-host/mesh-host/host/protocol"
)

var seed = maphash.MakeSeed()

// hashes returns a hash of each element. Those that are Equal have the same hash, save for
// objects in which a member is there twice and exponents of billions. Others
// may have: it is a guess at what belongs together.
func (t *text) hashes(elements []span) []uint64 {
	h := make([]uint64, len(elements))
	for i, e := range elements {
		h[i], _ = t.hash(e.start)
	}
	return h
}

// hash hashes the value at i, which has been skipped before and so is JSON, and
// returns its end.
func (t *text) hash(i int) (h uint64, end int) {
	switch t.at(i) {
	case '{':
		return t.hashObject(i)
	case '[':
		return t.hashArray(i)
	}
	end = t.skip(i)
	switch value := t.b[i:end]; {
	case value[0] == '"':
		return hashString(value[1 : len(value)-1]), end
	case isNumber(value[0]):
		return hashNumber(value), end
	default:
		return uint64(value[0]), end
	}
}

func (t *text) hashArray(i int) (h uint64, end int) {
	h = '['
	for i = t.open(i); !t.closed(i); i = t.next(end) {
		var element uint64
		element, end = t.hash(i)
		h = mix(h, element)
	}
	return h, t.close(i)
}

// hashObject adds its members up: their order does not matter.
func (t *text) hashObject(i int) (h uint64, end int) {
	h = '{'
	for i = t.open(i); !t.closed(i); i = t.next(end) {
		var value uint64
		key, j := t.key(i)
		value, end = t.hash(j)
		h += mix(hashString(key), value)
	}
	return h, t.close(i)
}

func hashString(s []byte) uint64 { return maphash.Bytes(seed, protocol.Unescape(s)) }

// hashNumber hashes a number's significant digits, and where the point is, save
// for exponents of billions.
func hashNumber(value []byte) uint64 {
	n := parseNumber(value)
	if len(n.digits) == 0 {
		return '0'
	}
	var h uint64
	for _, c := range n.digits {
		if c != '.' {
			h = h*31 + uint64(c)
		}
	}
	magnitude, ok := n.exponent.small()
	if !ok {
		return h
	}
	return mix(h, uint64(magnitude+n.shift))
}

// mix makes one hash of two, in their order (the finalizer of MurmurHash3).
func mix(h, k uint64) uint64 {
	h = h*31 + k
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
