package wasm_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

// costly is a module that is small, valid, and takes the compiler seconds: one
// function of so many branches that each change a local.
func costly(branches int) []byte {
	const i32, empty = 0x7F, 0x40
	locals := []byte{1, 100, i32}
	branch := []byte{0x20, 0, 0x04, empty, 0x20, 1, 0x21, 2, 0x0B} // if (local 0) local 2 = local 1
	body := append(append(locals, bytes.Repeat(branch, branches)...), 0x0B)
	code := append(binary.AppendUvarint([]byte{1}, uint64(len(body))), body...)
	m := []byte("\x00asm\x01\x00\x00\x00")
	m = append(m, 1, 4, 1, 0x60, 0, 0) // type () -> ()
	m = append(m, 3, 2, 1, 0)          // a function of it
	m = append(m, 5, 3, 1, 0, 1)       // a memory
	return append(binary.AppendUvarint(append(m, 10), uint64(len(code))), code...)
}

// A module made to keep the compiler busy fails to load when its time is up, and
// holds up neither other modules nor, meanwhile, the same one.
func TestCompilationIsBounded(t *testing.T) {
	h := newHostWith(t, "{}", true) // the meter would refuse it
	module := costly(8000)
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := h.Compile(ctx, module, 0)
		if took := time.Since(start); err == nil || took > 2*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		t.Log(err)
	}
	m, err := h.Compile(t.Context(), plugintest.Fixture(t, "echo"), 0)
	if err != nil {
		t.Fatalf("another module: %v", err)
	}
	_ = m.Close()
	end := time.After(time.Minute)
	for tick := time.NewTicker(10 * time.Millisecond); h.Compiling() > 0; {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("the compiler never ends")
		}
	}
}

func TestCompilationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the host stops")
	cancel(stop)
	if _, err := newHost(t, "{}").Compile(ctx, plugintest.Fixture(t, "echo"), 0); err == nil {
		t.Error("compiles")
	}
}
