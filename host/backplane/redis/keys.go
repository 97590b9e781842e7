package redis

import "strconv"

// slots is how many hash slots a Cluster has.
const slots = 1 << 14

// spreadShards is how many shards channels and key-value stores are spread over
// on a Cluster, by their names' hash slots, and lanes how many lanes carry them
// where one server has them all.
const (
	spreadShards = 32
	spreadLanes  = 2
)

// shard is what changes together: on a Cluster the keys of one hash slot.
type shard struct {
	// base begins all its keys and channels: the prefix, and on a Cluster the
	// shard's tag.
	base string
	lane *lane
	link *link
}

// channel is what is published about something: what kind of thing, and which.
func (s *shard) channel(kind, name string) string { return s.base + kind + ":" + name }

// spread returns the shard of a channel or a namespace.
func (n *Node) spread(name string) *shard {
	return n.shards[hashSlot(name)*len(n.shards)/slots]
}

// tagFor finds the hash tag of a shard of the spread: the first number, in
// decimal, whose hash slot lies in the shard's part of all slots. With parts of
// equal size, each master of a Cluster has about as many shards.
func tagFor(i, of int) string {
	for k := 0; ; k++ {
		if tag := strconv.Itoa(k); hashSlot(tag)*of/slots == i {
			return tag
		}
	}
}

// hashSlot is the hash slot of a key (CLUSTER KEYSLOT), by the tag in it if it
// has one.
func hashSlot(key string) int {
	return int(crc16(hashTag(key))) % slots
}

// hashTag is what of a key is hashed: what is between its first '{' and the '}'
// that follows, unless that is nothing.
func hashTag(key string) string {
	for i := range len(key) {
		if key[i] != '{' {
			continue
		}
		for j := i + 1; j < len(key); j++ {
			if key[j] == '}' && j > i+1 {
				return key[i+1 : j]
			} else if key[j] == '}' {
				return key
			}
		}
		return key
	}
	return key
}

// crc16 is CRC16-CCITT (XMODEM), as the Redis Cluster specification has it.
func crc16(text string) uint16 {
	var crc uint16
	for i := range len(text) {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^text[i]]
	}
	return crc
}

var crcTable = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}()
