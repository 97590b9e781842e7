package record_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/mesh-host/mesh-host/host/record"
)

// board makes a document of about a size, like those of a whiteboard.
func board(size int) []byte {
	doc := []byte(`{"title":"a board","open":true,"shapes":[`)
	for i := 0; len(doc) < size-110; i++ {
		if i > 0 {
			doc = append(doc, ',')
		}
		doc = fmt.Appendf(doc, `{"id":"s-%d","x":%d,"y":%d,"fill":"#%06x","text":"a note, number %d","z":%d}`, i, i*37%1000, i*91%1000, i*977&0xffffff, i, i)
	}
	return append(doc, `],"version":12345678901234567890}`...)
}

// report counts a patch's operations and bytes.
func report(b *testing.B, patch []byte, want int) {
	b.Helper()
	b.ReportMetric(float64(len(patch)), "patch-B")
	if n := bytes.Count(patch, []byte(`{"op":`)); n != want {
		b.Errorf("%d operations, want %d: %.200s", n, want, patch)
	}
}

func benchmarkDiff(b *testing.B, from, to []byte, want int) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(to)))
	var patch []byte
	for b.Loop() {
		patch = record.Diff(from, to)
	}
	report(b, patch, want)
}

var sizes = []struct {
	name string
	size int
}{{"200B", 200}, {"10KB", 10 << 10}, {"1MB", 1 << 20}}

// BenchmarkDiffField is a document with one changed field.
func BenchmarkDiffField(b *testing.B) {
	for _, s := range sizes {
		from := board(s.size)
		for _, at := range []string{"first", "middle", "last"} {
			to := bytes.Clone(from)
			switch i := len(to) / 2; at {
			case "first":
				to[10] = 'A'
			case "middle":
				to[i+bytes.Index(to[i:], []byte(`"y":`))+4] = '9'
			default:
				to[len(to)-2] = '1'
			}
			b.Run(s.name+"/"+at, func(b *testing.B) { benchmarkDiff(b, from, to, 1) })
		}
	}
}

// BenchmarkDiffSpelt is a document that somebody else has written: with one
// changed field, other white space, and the keys of the root reordered.
func BenchmarkDiffSpelt(b *testing.B) {
	from := board(1 << 20)
	to := bytes.ReplaceAll(from, []byte(`,"`), []byte(`, "`))
	to = bytes.Replace(to, []byte(`{"title":"a board", "open":true`), []byte(`{"open": false, "title":"a board"`), 1)
	benchmarkDiff(b, from, to, 1)
}

// list makes an array of n objects, 1 MB for 10,000.
func list(first, n int) []byte {
	l := []byte{'['}
	for i := first; i < first+n; i++ {
		if i > first {
			l = append(l, ',')
		}
		l = fmt.Appendf(l, `{"id":"item-%06d","done":%v,"text":"something that has to be done by %d","tags":["a","b"],"n":%d}`, i, i%3 == 0, i, i)
	}
	return append(l, ']')
}

// BenchmarkDiffList is an array of 10,000 objects: one more in front; and one
// less in front, one more behind.
func BenchmarkDiffList(b *testing.B) {
	b.Run("insert", func(b *testing.B) { benchmarkDiff(b, list(1, 10_000), list(0, 10_001), 1) })
	b.Run("slide", func(b *testing.B) { benchmarkDiff(b, list(0, 10_000), list(1, 10_000), 2) })
}

// BenchmarkDiffAll is two documents of 1 MB that have nothing in common but
// their form, or not even that.
func BenchmarkDiffAll(b *testing.B) {
	from, to := list(0, 10_000), list(1_000_000, 10_000)
	b.Run("lists", func(b *testing.B) { benchmarkDiff(b, from, to, 1) })
	b.Run("objects", func(b *testing.B) { benchmarkDiff(b, members("a", 10_000), members("b", 10_000), 1) })
}

// members makes an object of n members, 1 MB for 10,000.
func members(prefix string, n int) []byte {
	o := []byte{'{'}
	for i := range n {
		if i > 0 {
			o = append(o, ',')
		}
		o = fmt.Appendf(o, `"%s-%06d":{"done":%v,"text":"something that has to be done by %s-%d","tags":["a","b"],"n":%d}`, prefix, i, i%3 == 0, prefix, i, i)
	}
	return append(o, '}')
}

// BenchmarkEqual is two documents that are equal, spelt alike or differently,
// and two that are not, in the middle.
func BenchmarkEqual(b *testing.B) {
	for _, s := range sizes {
		doc := board(s.size)
		spelt := bytes.ReplaceAll(doc, []byte(`,"`), []byte(`, "`))
		other := bytes.Clone(doc)
		i := len(other) / 2
		other[i+bytes.Index(other[i:], []byte(`"y":`))+4] = '9'
		for name, to := range map[string][]byte{"alike": bytes.Clone(doc), "spelt": spelt, "other": other} {
			b.Run(s.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(doc)))
				for b.Loop() {
					if record.Equal(doc, to) != (name != "other") {
						b.Fatal("it is not so")
					}
				}
			})
		}
	}
}
