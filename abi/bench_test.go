package abi_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

func BenchmarkRequestAppend(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 10 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			r := abi.Request{
				Kind: abi.KindCommand, Name: "echo", ConnectionID: strings.Repeat("c", 22), User: "ann",
				Metadata: []byte(`{"user":"ann"}`), Payload: []byte(strings.Repeat("x", size)),
			}
			dst := make([]byte, 0, r.Size())
			b.ReportAllocs()
			b.SetBytes(int64(r.Size()))
			for b.Loop() {
				dst = r.Append(dst[:0])
			}
		})
	}
}

func BenchmarkResponseDecode(b *testing.B) {
	message := (&abi.Response{Status: abi.StatusReply, Body: make([]byte, 100)}).Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		var r abi.Response
		if err := r.Decode(message); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSendDecode(b *testing.B) {
	message := (&abi.ConnectionsSendRequest{
		To: []string{"c1", "c2", "c3", "c4"}, Command: "news", Payload: []byte(`{"n":1}`),
	}).Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		var r abi.ConnectionsSendRequest
		if err := r.Decode(message); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkErrorAppend(b *testing.B) {
	e := abi.Error{Code: abi.CodeDenied, Name: "DeniedError", Message: "not you"}
	dst := make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		dst = e.Append(dst[:0])
	}
}
