package abi_test

import (
	"encoding/hex"
	"reflect"
	"slices"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

func FuzzFields(f *testing.F) {
	kinds := []string{"int", "bool", "string", "bytes", "strings"}
	for _, v := range readVectors(f, "codec.json") {
		f.Add(v.bytes(f), []byte{0, 1, 2, 3, 4})
		f.Add(v.bytes(f), []byte{4, 3, 2, 1, 0})
	}
	f.Fuzz(func(t *testing.T, message, types []byte) {
		fields := abi.Decode(message)
		read := 0
		for _, kind := range types {
			switch v := readField(&fields, kinds[int(kind)%len(kinds)]).(type) {
			case []byte:
				read += len(v)
			case string:
				read += len(v)
			case []string:
				for _, s := range v {
					read += 4 + len(s)
				}
			}
		}
		if read > len(message) {
			t.Errorf("%d bytes were read of a message of %d", read, len(message))
		}
	})
}

// fuzzMessage checks that what decodes is the same after another round: nothing
// is lost, and nothing is read that would not be written.
func fuzzMessage(f *testing.F, names ...string) {
	f.Helper()
	for _, file := range []string{"messages.json", "operations.json"} {
		for _, v := range readVectors(f, file) {
			for i, name := range names {
				if name == v.Type || name == v.Operation+" "+v.Message {
					f.Add(byte(i), v.bytes(f))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, encoded []byte) {
		sample := reflect.TypeOf(messages[names[int(kind)%len(names)]]).Elem()
		first := reflect.New(sample).Interface().(message)
		if first.Decode(encoded) != nil {
			return
		}
		again := first.Append(nil)
		second := reflect.New(sample).Interface().(message)
		if err := second.Decode(again); err != nil {
			t.Fatalf("%s was written as %s: %v", hex.EncodeToString(encoded), hex.EncodeToString(again), err)
		}
		if !reflect.DeepEqual(first, second) {
			t.Errorf("%+v was read back as %+v", first, second)
		}
	})
}

func FuzzRequest(f *testing.F)      { fuzzMessage(f, "Request") }
func FuzzResponse(f *testing.F)     { fuzzMessage(f, "Response") }
func FuzzError(f *testing.F)        { fuzzMessage(f, "Error") }
func FuzzHandshake(f *testing.F)    { fuzzMessage(f, "Handshake") }
func FuzzDeparture(f *testing.F)    { fuzzMessage(f, "Departure") }
func FuzzAccess(f *testing.F)       { fuzzMessage(f, "Access") }
func FuzzRoomChange(f *testing.F)   { fuzzMessage(f, "RoomChange") }
func FuzzRecordChange(f *testing.F) { fuzzMessage(f, "RecordChange") }

func FuzzOperations(f *testing.F) {
	var names []string
	for _, o := range abi.Operations {
		names = append(names, o.Name+" request", o.Name+" response")
	}
	slices.Sort(names)
	fuzzMessage(f, names...)
}
