package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"

	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// bbolt has no sums of what it keeps. So each value is sealed: a sum of its table,
// its key and itself is in front of it. And for each table there is a total, so
// that entries which have gone, or come back from an earlier time because a page
// points to a wrong one, are found out as well.

const sumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(t memory.Table, key, value []byte) uint32 {
	return crc32.Update(crc32.Update(uint32(t), castagnoli, key), castagnoli, value)
}

func appendSealed(b []byte, t memory.Table, key, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, sum(t, key, value)), value...)
}

// unseal returns the value in a sealed one, and whether it is what was written.
func unseal(t memory.Table, key, sealed []byte) (value []byte, ok bool) {
	if len(sealed) < sumSize {
		return nil, false
	}
	value = sealed[sumSize:]
	return value, binary.BigEndian.Uint32(sealed) == sum(t, key, value)
}

// total is how many entries a table has, and the sum of their sums.
type total struct{ entries, sums uint64 }

const totalSize = 16

func (t *total) add(sealed []byte) {
	t.entries++
	t.sums += uint64(binary.BigEndian.Uint32(sealed))
}

func (t *total) subtract(sealed []byte) {
	t.entries--
	t.sums -= uint64(binary.BigEndian.Uint32(sealed))
}

func totalKey(t memory.Table) []byte { return []byte("total of " + t.String()) }

// readTotal returns the total of a table, zero for one that was never written.
func readTotal(tx *bolt.Tx, t memory.Table) (total, error) {
	stored := tx.Bucket(metaBucket).Get(totalKey(t))
	switch len(stored) {
	case 0:
		return total{}, nil
	case totalSize:
		return total{binary.BigEndian.Uint64(stored), binary.BigEndian.Uint64(stored[8:])}, nil
	}
	return total{}, fmt.Errorf("the total of %s is not what was written", t)
}

func (t total) write(tx *bolt.Tx, of memory.Table) error {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, totalSize), t.entries)
	return tx.Bucket(metaBucket).Put(totalKey(of), binary.BigEndian.AppendUint64(b, t.sums))
}
