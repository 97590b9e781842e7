package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	bolt "go.etcd.io/bbolt"
)

// bbolt follows the pages of its file wherever they point, and where one is
// damaged it panics, also on goroutines on which no one can recover. So what it
// is going to follow is checked before: the pages of each tree, in the format of
// bbolt's internal/common/page.go, with numbers in the machine's order of bytes.
//
//	page     id 8, flags 2, count 2, overflow 4, elements
//	element  of a branch: position of the key 4, its size 4, page 8
//	         of a leaf: flags 4, position of the key 4, its size 4, that of the
//	         value, which follows it, 4
//	bucket   as a value: page of its tree 8, sequence 8; where the page is 0 the
//	         tree is one leaf, which follows
const (
	pageHeader   = 16
	elementSize  = 16
	bucketHeader = 16
	branchFlag   = 1
	leafFlag     = 2
	bucketFlag   = 1

	maxDepth  = 64      // of a tree; one with so many levels has no end
	maxInline = 1 << 20 // bytes of a tree in a value
)

// checker checks the trees of a file.
type checker struct {
	file     io.ReaderAt
	pageSize int64
	pages    uint64   // ids are below
	used     []uint64 // a bit for each page
	page     []byte
}

// node is a page of a tree, with those that it overflows into.
type node struct {
	io.ReaderAt
	size   int64
	head   []byte // its beginning, good until the next node is read
	branch bool
	count  int
}

// item is an element of a node.
type item struct {
	key  []byte
	page uint64 // below a branch; in a leaf that of a bucket
	// bucket is for a leaf: whether the value is a bucket. inline is its tree
	// where it has no page.
	bucket bool
	inline []byte
}

var errPage = errors.New("a page is not what was written")

// check checks all that a transaction can see of a file.
func check(file *os.File, tx *bolt.Tx) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := readAhead(file); err != nil {
		return err
	}
	size := int64(tx.DB().Info().PageSize)
	pages := min(tx.Size(), info.Size()) / size
	c := checker{
		file: file, pageSize: size, pages: uint64(pages),
		used: make([]uint64, pages/64+1), page: make([]byte, size),
	}
	return c.tree(uint64(tx.Cursor().Bucket().Root()), ofBuckets)
}

// readAhead reads a file from its beginning to its end, as a disk reads it
// fastest: what belongs together is all over the place.
func readAhead(file *os.File) error {
	buffer := make([]byte, 1<<20)
	for {
		if _, err := file.Read(buffer); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// level is what a tree holds: the root's holds buckets, those hold values and
// buckets of large ones, and these hold values.
type level int

const (
	ofBuckets level = iota
	ofBoth
	ofValues
)

func (l level) holds(buckets bool) bool {
	return l == ofBoth || buckets == (l == ofBuckets)
}

// tree checks a tree by its page.
func (c *checker) tree(root uint64, l level) error {
	_, err := c.subtree(root, l, nil, nil, 0)
	return err
}

// subtree checks a part of a tree, whose keys are not before least and before
// below; nil is no bound. It returns the last of them.
func (c *checker) subtree(id uint64, l level, least, below []byte, depth int) (last []byte, err error) {
	n, err := c.node(id)
	if err != nil {
		return nil, err
	}
	items, err := n.items()
	switch {
	case err != nil:
		return nil, fmt.Errorf("page %d: %w", id, err)
	case depth == maxDepth, n.branch && len(items) == 0:
		return nil, fmt.Errorf("page %d: %w", id, errPage)
	}
	last = least
	for i, at := range items {
		// The first key may be the bound; others are after the one before.
		if order := bytes.Compare(last, at.key); order > 0 || order == 0 && i > 0 || below != nil && bytes.Compare(at.key, below) >= 0 {
			return nil, fmt.Errorf("page %d: its keys are not in order", id)
		}
		last = at.key
		switch {
		case n.branch:
			end := below
			if i+1 < len(items) {
				end = items[i+1].key
			}
			last, err = c.subtree(at.page, l, at.key, end, depth+1)
		case !l.holds(at.bucket):
			err = fmt.Errorf("page %d: %w", id, errPage)
		case at.bucket && at.page != 0:
			err = c.tree(at.page, l+1)
		case at.bucket:
			err = checkInline(at.inline)
		}
		if err != nil {
			return nil, err
		}
	}
	return last, nil
}

// checkInline checks a tree that is in a value.
func checkInline(leaf []byte) error {
	n, err := parseNode(leaf)
	if err != nil || n.branch {
		return errPage
	}
	n.ReaderAt, n.size = bytes.NewReader(leaf), int64(len(leaf))
	items, err := n.items()
	if err != nil {
		return err
	}
	for i, at := range items {
		if at.bucket || i > 0 && bytes.Compare(items[i-1].key, at.key) >= 0 {
			return errPage
		}
	}
	return nil
}

// node reads the beginning of a page, which nothing else may use.
func (c *checker) node(id uint64) (node, error) {
	wrong := fmt.Errorf("page %d: %w", id, errPage)
	if id < 2 || id >= c.pages {
		return node{}, wrong
	}
	if _, err := c.file.ReadAt(c.page, int64(id)*c.pageSize); err != nil {
		return node{}, err
	}
	n, err := parseNode(c.page)
	more := uint64(binary.NativeEndian.Uint32(c.page[12:]))
	if err != nil || binary.NativeEndian.Uint64(c.page) != id || id+more >= c.pages {
		return node{}, wrong
	}
	for page := id; page <= id+more; page++ {
		bit := uint64(1) << (page % 64)
		if c.used[page/64]&bit != 0 {
			return node{}, fmt.Errorf("page %d is used twice", page)
		}
		c.used[page/64] |= bit
	}
	n.size = int64(1+more) * c.pageSize
	n.ReaderAt = io.NewSectionReader(c.file, int64(id)*c.pageSize, n.size)
	return n, nil
}

func parseNode(head []byte) (node, error) {
	if len(head) < pageHeader {
		return node{}, errPage
	}
	flags := binary.NativeEndian.Uint16(head[8:])
	if flags != branchFlag && flags != leafFlag {
		return node{}, errPage
	}
	return node{head: head, branch: flags == branchFlag, count: int(binary.NativeEndian.Uint16(head[10:]))}, nil
}

// items reads the elements of a node.
func (n *node) items() ([]item, error) {
	items := make([]item, n.count)
	for i := range items {
		at := int64(pageHeader + i*elementSize)
		e, err := n.read(at, elementSize)
		if err != nil {
			return nil, err
		}
		if n.branch {
			err = n.below(&items[i], e, at)
		} else {
			err = n.entry(&items[i], e, at)
		}
		if err != nil {
			return nil, err
		}
	}
	return items, nil
}

// below reads an element of a branch, which stands somewhere.
func (n *node) below(to *item, e []byte, at int64) error {
	number := binary.NativeEndian.Uint32
	pos, size := int64(number(e)), int64(number(e[4:]))
	to.page = binary.NativeEndian.Uint64(e[8:])
	return n.key(to, at+pos, size)
}

// entry reads an element of a leaf, which stands somewhere, and its value if that
// is a bucket.
func (n *node) entry(to *item, e []byte, at int64) error {
	number := binary.NativeEndian.Uint32
	flags, pos, size, value := number(e), int64(number(e[4:])), int64(number(e[8:])), int64(number(e[12:]))
	from := at + pos + size
	if flags > bucketFlag || from+value > n.size {
		return errPage
	}
	if err := n.key(to, at+pos, size); err != nil || flags == 0 {
		return err
	}
	to.bucket = true
	bucket, err := n.read(from, min(value, maxInline))
	if err != nil || len(bucket) < bucketHeader {
		return errPage
	}
	to.page = binary.NativeEndian.Uint64(bucket)
	to.inline = bytes.Clone(bucket[bucketHeader:])
	return nil
}

func (n *node) key(to *item, at, size int64) error {
	if size == 0 || size > bolt.MaxKeySize {
		return errPage
	}
	key, err := n.read(at, size)
	to.key = bytes.Clone(key)
	return err
}

// read reads a piece of a node, good until the next node is read.
func (n *node) read(at, size int64) ([]byte, error) {
	switch {
	case at+size > n.size:
		return nil, errPage
	case at+size <= int64(len(n.head)):
		return n.head[at : at+size], nil
	}
	piece := make([]byte, size)
	_, err := n.ReadAt(piece, at)
	return piece, err
}
