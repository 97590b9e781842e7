package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/engine"
)

// BenchmarkWrite is a record's next version, without hooks and subscribers: one
// field of a value changes.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{200, 10 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			e, _ := newEngine(engine.Limits{RecordSize: 2 << 20})
			values := [2][]byte{}
			for i := range values {
				values[i] = valueOf(size, i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := e.Write(ctx, engine.Write{Record: "r", Value: values[i%2]}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// valueOf makes a value of about so many bytes, in members of 50.
func valueOf(size, n int) []byte {
	b := fmt.Appendf(nil, `{"n":%d`, n)
	for i := 0; len(b) < size-50; i++ {
		b = fmt.Appendf(b, `,"member-%06d":%q`, i, strings.Repeat("x", 30))
	}
	return append(b, '}')
}
