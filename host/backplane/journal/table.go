package journal

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// A table is a bucket. bbolt writes leaves as a whole, with up to four values
// however large they are, so that one of 1 MiB would be written with three of its
// neighbours. A large value is therefore alone in a bucket of its own, below its
// key.
const large = 2048

var alone = []byte("value")

func bucketName(t memory.Table) []byte { return []byte(t.String()) }

// fill is how full a page is left when it is split. Messages and patches come in
// the order of keys, so that few others come in between later.
func fill(t memory.Table) float64 {
	if t == memory.MessageTable || t == memory.PatchTable {
		return 0.9
	}
	return bolt.DefaultFillPercent
}

// writeTable writes sealed entries of a table.
func writeTable(tx *bolt.Tx, t memory.Table, entries []entry) error {
	bucket, err := tx.CreateBucketIfNotExists(bucketName(t))
	if err != nil {
		return err
	}
	bucket.FillPercent = fill(t)
	total, err := readTotal(tx, t)
	if err != nil {
		return err
	}
	cursor := bucket.Cursor()
	for i := range entries {
		e := &entries[i]
		had := find(bucket, cursor, e.Key)
		if had.sealed != nil {
			total.subtract(had.sealed)
		}
		if e.Value != nil {
			total.add(e.Value)
		}
		if err := had.replace(bucket, e.Key, e.Value); err != nil {
			return fmt.Errorf("entry %q of %s: %w", e.Key, t, err)
		}
	}
	return total.write(tx, t)
}

// place is where a key has its value.
type place struct {
	sealed []byte       // nil where there is none
	bucket *bolt.Bucket // nil unless it is alone
}

func find(in *bolt.Bucket, cursor *bolt.Cursor, key []byte) place {
	found, sealed := cursor.Seek(key)
	switch {
	case !bytes.Equal(found, key):
		return place{}
	case sealed != nil:
		return place{sealed: sealed}
	}
	bucket := in.Bucket(key)
	return place{bucket.Get(alone), bucket}
}

// replace puts a value in place of the one that is there, nil for none.
func (p place) replace(in *bolt.Bucket, key, sealed []byte) error {
	stays := p.bucket != nil && len(sealed) > large
	switch {
	case p.bucket != nil && !stays:
		if err := in.DeleteBucket(key); err != nil {
			return err
		}
	case p.bucket == nil && p.sealed != nil && (sealed == nil || len(sealed) > large):
		if err := in.Delete(key); err != nil {
			return err
		}
	}
	switch {
	case sealed == nil:
		return nil
	case len(sealed) <= large:
		return in.Put(key, sealed)
	case !stays:
		var err error
		if p.bucket, err = in.CreateBucket(key); err != nil {
			return err
		}
	}
	return p.bucket.Put(alone, sealed)
}

// loadTable calls fn with copies of the entries of a table, and fails unless
// they are what was written, and all of it.
func loadTable(tx *bolt.Tx, t memory.Table, fn func(key, value []byte) error) error {
	written, err := readTotal(tx, t)
	if err != nil {
		return err
	}
	var found total
	if bucket := tx.Bucket(bucketName(t)); bucket != nil {
		err = bucket.ForEach(func(key, sealed []byte) error {
			if sealed == nil {
				sealed = bucket.Bucket(key).Get(alone)
			}
			value, ok := unseal(t, key, sealed)
			if !ok {
				return fmt.Errorf("entry %q of %s is not what was written", key, t)
			}
			found.add(sealed)
			return fn(bytes.Clone(key), bytes.Clone(value))
		})
	}
	if err == nil && found != written {
		return fmt.Errorf("%s has %d entries, which are not the %d that were written", t, found.entries, written.entries)
	}
	return err
}
