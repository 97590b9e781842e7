package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/meshtest"
)

// TestOperations asks one after another, of c1 (user ann), c2 and c3 (user bob).
func TestOperations(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	if err := host.Connect(meshtest.Connection{ID: "c3", User: "bob"}); err != nil {
		t.Fatal(err)
	}
	_, recordErr := host.SubscribeRecord("c2", "record:a")
	_, collectionErr := host.SubscribeCollection("c2", "records")
	if err := errors.Join(host.Subscribe("c2", "open:a"), host.SubscribePresence("c2", "room:a"), recordErr, collectionErr); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ command, payload, want string }{
		{"config.get", ``, `{"config":{}}`},
		{"kv.get", `{"key":"k"}`, `{}`},
		{"kv.set", `{"key":"k","value":{"a":1},"ttl":60000}`, `null`},
		{"kv.get", `{"key":"k"}`, `{"value":{"a":1}}`},
		{"kv.compareAndSet", `{"key":"k","expected":1,"value":2}`, `{"swapped":false,"current":{"a":1}}`},
		{"kv.compareAndSet", `{"key":"k","expected":{"a":1}}`, `{"swapped":true}`},
		{"kv.increment", `{"key":"k","by":5}`, `{"value":5}`},
		{"kv.delete", `{"key":"k"}`, `{"deleted":true}`},

		{"connections.metadata.set", `{"connectionId":"c2","metadata":{"b":2},"strategy":"merge"}`, `{"metadata":{"b":2}}`},
		{"connections.metadata.get", `{"connectionId":"c1"}`, `{"metadata":{"user":"ann"},"user":"ann"}`},
		{"connections.metadata.get", `{"connectionId":"c2"}`, `{"metadata":{"b":2}}`},
		{"connections.metadata.list", `{"limit":2}`, `{"metadata":[{"c1":{"user":"ann"}},{"c2":{"b":2}}],"cursor":"c2"}`},
		{"connections.metadata.list", `{"cursor":"c2"}`, `{"metadata":[{"c3":null}]}`},
		{"connections.send", `{"to":["c2"],"command":"x"}`, `{"sent":1}`},
		{"users.send", `{"to":["ann","bob"],"command":"x","exclude":["c1"]}`, `{"sent":1}`},
		{"users.list", `{"limit":1}`, `{"users":["ann"],"cursor":"ann"}`},
		{"users.list", `{"cursor":"ann"}`, `{"users":["bob"]}`},
		{"users.connections", `{"user":"bob"}`, `{"connections":["c3"]}`},

		{"rooms.add", `{"roomName":"room:a","connectionId":"c1"}`, `{"joined":true}`},
		{"rooms.add", `{"roomName":"room:a","connectionId":"c3"}`, `{"joined":true}`},
		{"rooms.add", `{"roomName":"other","connectionId":"c1"}`, `{"joined":true}`},
		{"rooms.has", `{"roomName":"room:a","connectionId":"c2"}`, `{"member":false}`},
		{"rooms.members", `{"roomName":"room:a"}`, `{"members":["c1","c3"]}`},
		{"rooms.list", `{}`, `{"rooms":["other","room:a"]}`},
		{"rooms.list", `{"limit":1}`, `{"rooms":["other"],"cursor":"other"}`},
		{"rooms.list", `{"connectionId":"c3"}`, `{"rooms":["room:a"]}`},
		{"rooms.send", `{"roomName":"room:a","command":"x","payload":1,"exclude":["c1"]}`, `{"sent":1}`},
		{"rooms.metadata.set", `{"roomName":"room:a","metadata":{"topic":"tea"}}`, `{"metadata":{"topic":"tea"}}`},
		{"rooms.metadata.get", `{"roomName":"room:a"}`, `{"metadata":{"topic":"tea"}}`},
		{"rooms.metadata.list", `{}`, `{"metadata":{"room:a":{"topic":"tea"}}}`},

		{"presence.list", `{"roomName":"room:a"}`, `{"present":["c1","c3"],"states":{}}`},
		{"presence.set", `{"roomName":"room:a","connectionId":"c1","state":"busy"}`, `{"success":true}`},
		{"presence.set", `{"roomName":"room:a","connectionId":"c3","state":1,"expireAfter":60000,"silent":true}`, `{"success":true}`},
		{"presence.list", `{"roomName":"room:a"}`, `{"present":["c1","c3"],"states":{"c1":"busy","c3":1}}`},
		{"presence.clear", `{"roomName":"room:a","connectionId":"c2"}`, `{"success":false}`},
		{"presence.unsubscribe", `{"roomName":"room:a","connectionId":"c2","reason":"enough"}`, `{"unsubscribed":true}`},

		{"channels.publish", `{"channel":"plain:a","message":"hi"}`, `{}`},
		{"channels.publish", `{"channel":"open:a","message":{"n":1}}`, `{"offset":1,"epoch":"test"}`},
		{"channels.publish", `{"channel":"open:a","message":"hi","history":500}`, `{"offset":2,"epoch":"test"}`},
		{"channels.history", `{"channel":"plain:a","limit":5,"since":0,"sinceTime":1}`, `{"history":[],"offset":0}`},
		{"channels.unsubscribe", `{"channel":"open:a","connectionId":"c2"}`, `{"unsubscribed":true}`},

		{"records.get", `{"recordId":"hooked:a"}`, `{"value":null,"version":0}`},
		{"records.set", `{"recordId":"hooked:a","value":{"n":1},"expectVersion":0}`, `{"version":1,"epoch":"test","changed":true}`},
		{"records.set", `{"recordId":"hooked:a","value":{"n":1.0},"ttl":60000}`, `{"version":1,"epoch":"test","changed":false}`},
		{"records.set", `{"recordId":"hooked:a","value":{"m":2},"strategy":"merge","expectVersion":1}`, `{"version":2,"epoch":"test","changed":true}`},
		{"records.get", `{"recordId":"hooked:a"}`, `{"value":{"n":1,"m":2},"version":2,"epoch":"test"}`},
		{"records.list", `{"pattern":"/^hooked:.+$/"}`, `{"records":[{"recordId":"hooked:a","version":2,"epoch":"test"}]}`},
		{"records.list", `{"values":true,"limit":1}`, `{"records":[{"recordId":"hooked:a","version":2,"epoch":"test","value":{"n":1,"m":2}}]}`},
		{"records.transaction", `{"operations":[{"op":"delete","recordId":"hooked:a","options":{"expectVersion":2}},{"op":"write","recordId":"list:a","value":["record:b"],"options":{"strategy":"replace","expectVersion":0,"ttl":5}}]}`,
			`{"results":[{"op":"delete","recordId":"hooked:a","success":true,"version":3},{"op":"write","recordId":"list:a","success":true,"version":1}]}`},
		{"records.delete", `{"recordId":"hooked:a"}`, `{"deleted":false,"version":3}`},
		{"records.delete", `{"recordId":"list:a","expectVersion":1}`, `{"deleted":true,"version":2}`},
		{"records.unsubscribe", `{"recordId":"record:a","connectionId":"c2","reason":"enough"}`, `{"unsubscribed":true}`},
		{"collections.unsubscribe", `{"collectionId":"records","connectionId":"c2"}`, `{"unsubscribed":true}`},
		{"hooks", `{"event":"recordUpdate","recordId":"hooked:a"}`,
			`{"count":2,"last":{"connectionId":"","user":"","metadata":null,"recordId":"hooked:a","value":{"n":1,"m":2},"version":2,"epoch":"test","reason":""}}`},
		{"hooks", `{"event":"recordRemoved","recordId":"hooked:a"}`,
			`{"count":1,"last":{"connectionId":"","user":"","metadata":null,"recordId":"hooked:a","value":{"n":1,"m":2},"version":3,"epoch":"test","reason":"deleted"}}`},
		{"kv.get", `{"key":"versions:hooked:a"}`, `{"value":[1,2,3]}`},

		{"rooms.remove", `{"roomName":"room:a","connectionId":"c3"}`, `{"left":true}`},
		{"rooms.removeFromAll", `{"connectionId":"c1"}`, `{"rooms":["other","room:a"]}`},
		{"rooms.clear", `{"roomName":"room:a"}`, `{"removed":0}`},
		{"connections.disconnect", `{"connectionId":"c2","reason":"bye"}`, `{"disconnected":true}`},
		{"users.disconnect", `{"user":"bob","code":4001}`, `{"disconnected":1}`},
		{"hooks", `{"event":"leave","roomName":"room:a"}`, `{"count":2,"last":{"connectionId":"c1","user":"ann","metadata":{"user":"ann"},"roomName":"room:a","reason":"removed"}}`},
		{"hooks", `{"event":"disconnect"}`, `{"count":2,"last":{"connectionId":"c3","user":"bob","metadata":null,"code":4001,"reason":""}}`},
	} {
		if reply, err := host.Call("c1", step.command, step.payload); err != nil || string(reply) != step.want {
			t.Errorf("%s %s: got %s, %v, want %s", step.command, step.payload, reply, err, step.want)
		}
	}
	if reply, err := host.Call("c1", "channels.history", `{"channel":"open:a","limit":1}`); err != nil || !strings.HasPrefix(string(reply), `{"history":[{"offset":2,"message":"hi","time":`) {
		t.Errorf("the history is %s, %v", reply, err)
	}
	if reply, err := host.Call("c1", "connections.list", `{"user":"ann"}`); err != nil || !strings.HasPrefix(string(reply), `{"connections":[{"connectionId":"c1","user":"ann",`) {
		t.Errorf("the connections are %s, %v", reply, err)
	}
	if got := fmt.Sprint(host.Closed()); got != `[{c2 4003 bye} {c3 4001 }]` {
		t.Errorf("closed are %s", got)
	}
	if failures := host.Failures(); failures != nil {
		t.Errorf("hooks failed: %v", failures)
	}
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	for command, want := range map[string]string{
		"kv.set": "key", "kv.increment": "key", "kv.get": "key", "kv.compareAndSet": "key", "kv.delete": "key",
		"connections.metadata.get": "connectionId", "connections.metadata.set": "connectionId", "connections.disconnect": "connectionId",
		"users.send": "to", "users.disconnect": "user", "users.connections": "user",
		"rooms.add": "roomName", "rooms.members": "roomName", "rooms.removeFromAll": "connectionId", "rooms.send": "roomName",
		"channels.publish": "channel", "channels.history": "channel", "channels.unsubscribe": "channel",
		"presence.list": "roomName", "presence.set": "roomName", "hooks": "event",
		"records.get": "recordId", "records.set": "recordId", "records.delete": "recordId", "records.transaction": "operations",
		"records.unsubscribe": "recordId", "collections.unsubscribe": "collectionId",
	} {
		_, err := host.Call("c1", command, `{}`)
		if want := `field "` + want + `" is missing`; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", command, err, want)
		}
	}
	for command, member := range map[string]string{"rooms.list": "limit", "users.list": "cursor", "connections.list": "user", "records.list": "pattern"} {
		_, err := host.Call("c1", command, `{"`+member+`":[]}`)
		if err == nil || !strings.HasPrefix(err.Error(), `field "`+member+`" must be`) {
			t.Errorf("%s: got %v", command, err)
		}
	}
}

func TestExposures(t *testing.T) {
	t.Parallel()
	host := newHost(t) // c1 is the user ann, c2 nobody
	if err := host.Connect(meshtest.Connection{ID: "root", User: "root", Metadata: mesh.JSON(`{"admin":true}`)}); err != nil {
		t.Fatal(err)
	}
	metadata := meshtest.Access{Topic: mesh.TopicConnection, Action: mesh.ActionMetadata, Name: "c2"}
	for _, step := range []struct {
		name string
		err  error
		want string
	}{
		{"an open channel", host.Subscribe("c2", "open:a"), ""},
		{"publishing on it", host.Publish("c2", "open:a", `1`), ""},
		{"what is not exposed", host.Subscribe("c1", "secret"), mesh.CodeDenied},
		{"a guarded channel, from outside", host.Subscribe("c2", "guarded:a"), mesh.CodeDenied},
		{"its room", host.Join("c2", "guarded:a"), ""},
		{"a guarded channel, from inside", host.Subscribe("c2", "guarded:a"), ""},
		{"publishing there, as nobody", host.Publish("c2", "guarded:a", `1`), mesh.CodeDenied},
		{"publishing there, as a user", host.Publish("c1", "guarded:a", `1`), ""},
		{"a closed room, as nobody", host.Join("c2", "closed:a"), mesh.CodeDenied},
		{"a closed room, as a user", host.Join("c1", "closed:a"), ""},
		{"private presence, as nobody", host.SubscribePresence("c2", "private:a"), mesh.CodeDenied},
		{"private presence, as a user", host.SubscribePresence("c1", "private:a"), ""},
		{"a private room, as nobody", host.Join("c2", "private:a"), ""},
		{"presence with a TTL", host.SubscribePresence("c2", "ttl:a"), ""},
		{"rubbish", host.Subscribe("c1", "bad:rubbish"), mesh.CodePlugin},
		{"another's metadata", host.Guard("admins", "c1", metadata), mesh.CodeDenied},
		{"another's metadata, as an administrator", host.Guard("admins", "root", metadata), ""},
	} {
		var e *mesh.Error
		if errors.As(step.err, &e) != (step.want != "") || e != nil && e.Code != step.want {
			t.Errorf("%s: got %v, want %q", step.name, step.err, step.want)
		}
	}
	if got := fmt.Sprint(host.Members("private:a"), host.Present("private:a")); got != "[c2] []" {
		t.Errorf("in the private room are %s", got)
	}
	if got := fmt.Sprint(host.KV("hook:join:guarded:a"), host.KV("hook:connect"), host.Failures()); got != "1 3 []" {
		t.Errorf("the hooks counted %s", got)
	}
}

// TestLongRoomsAreNotCounted: their names would not fit a key.
func TestLongRoomsAreNotCounted(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	if err := host.Join("c1", strings.Repeat("x", 256)); err != nil || host.Failures() != nil {
		t.Errorf("got %v, %v", err, host.Failures())
	}
}
