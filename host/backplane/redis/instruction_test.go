package redis_test

import (
	"reflect"
	"testing"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
)

var instructions = []struct {
	to   backplane.Audience
	what backplane.Instruction
}{
	{backplane.Audience{Scope: backplane.Everyone}, push("x", nil)},
	{backplane.Audience{Scope: backplane.Listed, Names: []string{"", "\x00\xff"}, Except: []string{"1"}}, push("", []byte{})},
	{backplane.Audience{Scope: backplane.InRoom, Names: []string{"r"}}, backplane.Instruction{Close: &backplane.Close{Code: 4003, Reason: "kicked"}}},
	{backplane.Audience{Scope: backplane.OfUser, Except: []string{"1", "2"}}, backplane.Instruction{Unsubscribe: &backplane.Unsubscribe{
		Topic: backplane.Topic{Kind: backplane.RecordOf, Name: "r"}, Reason: "gone",
	}}},
}

func TestInstructionsAreRead(t *testing.T) {
	t.Parallel()
	for _, i := range instructions {
		text := string(redis.AppendInstruction(nil, i.to, i.what))
		to, what, ok := redis.ReadInstruction(text)
		if !ok || !reflect.DeepEqual(to, i.to) || !reflect.DeepEqual(what, i.what) {
			t.Errorf("%+v %+v is read as %+v %+v: %v", i.to, i.what, to, what, ok)
		}
		for n := range text {
			if _, _, ok := redis.ReadInstruction(text[:n]); ok && n < len(text)-4 {
				t.Errorf("%q is taken for an instruction", text[:n])
			}
		}
	}
}

func FuzzInstruction(f *testing.F) {
	for _, i := range instructions {
		f.Add(string(redis.AppendInstruction(nil, i.to, i.what)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		to, what, ok := redis.ReadInstruction(text)
		if !ok {
			return
		}
		again, sameWhat, ok := redis.ReadInstruction(string(redis.AppendInstruction(nil, to, what)))
		if !ok || !reflect.DeepEqual(to, again) || !reflect.DeepEqual(what, sameWhat) {
			t.Errorf("%q is %+v %+v, and then %+v %+v", text, to, what, again, sameWhat)
		}
	})
}
