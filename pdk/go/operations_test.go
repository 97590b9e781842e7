//go:build !wasm

package mesh

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/mesh-host/mesh-host/pdk/go/internal/env"
	"github.com/mesh-host/mesh-host/pdk/go/internal/vectors"
)

// arguments are the members of a vector's request, by name.
type arguments map[string]json.RawMessage

func (a arguments) text(name string) string { return string(a.raw(name)) }

func (a arguments) raw(name string) JSON {
	var v vectors.Bytes
	a.into(name, &v)
	return JSON(v)
}

func (a arguments) int(name string) int64 {
	var v vectors.Int
	a.into(name, &v)
	return int64(v)
}

func (a arguments) bool(name string) (v bool) {
	a.into(name, &v)
	return v
}

func (a arguments) list(name string) (v []string) {
	a.into(name, &v)
	return v
}

// number is a version, written as a number or, in a request, as its text.
func (a arguments) number(name string) (v int64, ok bool) {
	if text := a[name]; text != nil && string(text) != "null" {
		a.into(name, (*vectors.Int)(&v))
		return v, true
	}
	return 0, false
}

// into leaves the zero value where the member is not there.
func (a arguments) into(name string, v any) {
	if text := a[name]; text != nil {
		if err := json.Unmarshal(text, v); err != nil {
			panic(err)
		}
	}
}

// results are the members of a response as the kit returns them.
type results map[string]any

// The kit's functions of each operation, called with the members of a request
// and giving those of the response.
var operations = map[string]func(q arguments) (results, error){
	"log": func(q arguments) (results, error) {
		Log(q.text("level"), q.text("message"))
		return results{}, nil
	},
	"config.get": func(arguments) (results, error) {
		v, err := Config()
		return results{"config": v}, err
	},
	"kv.get": func(q arguments) (results, error) {
		v, err := KV.Get(q.text("key"))
		return results{"value": v}, err
	},
	"kv.set": func(q arguments) (results, error) {
		return results{}, KV.Set(q.text("key"), q.raw("value"), Duration(q.int("ttl")))
	},
	"kv.delete": func(q arguments) (results, error) {
		v, err := KV.Delete(q.text("key"))
		return results{"deleted": v}, err
	},
	"kv.increment": func(q arguments) (results, error) {
		v, err := KV.Increment(q.text("key"), q.int("by"), Duration(q.int("ttl")))
		return results{"value": v}, err
	},
	"kv.compareAndSet": func(q arguments) (results, error) {
		swapped, current, err := KV.CompareAndSet(q.text("key"), q.raw("expected"), q.raw("value"), Duration(q.int("ttl")))
		return results{"swapped": swapped, "current": current}, err
	},
	"http.fetch": func(q arguments) (results, error) {
		r, err := HTTP.Fetch(HTTPRequest{
			URL: q.text("url"), Method: q.text("method"), Headers: q.list("headers"), Body: q.raw("body"), Timeout: Duration(q.int("timeout")),
		})
		return results{"status": int64(r.Status), "headers": r.Headers, "body": JSON(r.Body)}, err
	},
	"connections.metadata.get": func(q arguments) (results, error) {
		metadata, user, err := ConnectionMetadata(q.text("connectionId"))
		return results{"metadata": metadata, "user": user}, err
	},
	"connections.metadata.set": func(q arguments) (results, error) {
		v, err := SetConnectionMetadata(q.text("connectionId"), q.raw("metadata"), q.text("strategy"))
		return results{"metadata": v}, err
	},
	"connections.send": func(q arguments) (results, error) {
		v, err := Send(q.list("to"), q.text("command"), q.raw("payload"), q.list("exclude")...)
		return results{"sent": v}, err
	},
	"connections.disconnect": func(q arguments) (results, error) {
		v, err := Disconnect(q.text("connectionId"), int(q.int("code")), q.text("reason"))
		return results{"disconnected": v}, err
	},
	"connections.list": func(q arguments) (results, error) {
		page, next, err := Connections.List(q.text("user"), q.text("cursor"), int(q.int("limit")))
		return results{"connections": page, "cursor": next}, err
	},
	"connections.metadata.list": func(q arguments) (results, error) {
		page, next, err := Connections.ListMetadata(q.text("roomName"), q.text("cursor"), int(q.int("limit")))
		return results{"metadata": page, "cursor": next}, err
	},
	"broadcast": func(q arguments) (results, error) {
		v, err := Broadcast(q.text("command"), q.raw("payload"), q.list("exclude")...)
		return results{"sent": v}, err
	},
	"users.send": func(q arguments) (results, error) {
		v, err := Users.Send(q.list("to"), q.text("command"), q.raw("payload"), q.list("exclude")...)
		return results{"sent": v}, err
	},
	"users.disconnect": func(q arguments) (results, error) {
		v, err := Users.Disconnect(q.text("user"), int(q.int("code")), q.text("reason"))
		return results{"disconnected": v}, err
	},
	"users.list": func(q arguments) (results, error) {
		users, next, err := Users.List(q.text("cursor"), int(q.int("limit")))
		return results{"users": users, "cursor": next}, err
	},
	"users.connections": func(q arguments) (results, error) {
		v, err := Users.Connections(q.text("user"))
		return results{"connections": v}, err
	},
	"rooms.add": func(q arguments) (results, error) {
		v, err := Rooms.Add(q.text("roomName"), q.text("connectionId"))
		return results{"joined": v}, err
	},
	"rooms.remove": func(q arguments) (results, error) {
		v, err := Rooms.Remove(q.text("roomName"), q.text("connectionId"))
		return results{"left": v}, err
	},
	"rooms.removeFromAll": func(q arguments) (results, error) {
		v, err := Rooms.RemoveFromAll(q.text("connectionId"))
		return results{"rooms": v}, err
	},
	"rooms.has": func(q arguments) (results, error) {
		v, err := Rooms.Has(q.text("roomName"), q.text("connectionId"))
		return results{"member": v}, err
	},
	"rooms.members": func(q arguments) (results, error) {
		v, err := Rooms.Members(q.text("roomName"))
		return results{"members": v}, err
	},
	"rooms.list": func(q arguments) (results, error) {
		if id := q.text("connectionId"); id != "" {
			v, err := Rooms.Of(id)
			return results{"rooms": v}, err
		}
		rooms, next, err := Rooms.List(q.text("cursor"), int(q.int("limit")))
		return results{"rooms": rooms, "cursor": next}, err
	},
	"rooms.clear": func(q arguments) (results, error) {
		v, err := Rooms.Clear(q.text("roomName"))
		return results{"removed": v}, err
	},
	"rooms.send": func(q arguments) (results, error) {
		v, err := Rooms.Send(q.text("roomName"), q.text("command"), q.raw("payload"), q.list("exclude")...)
		return results{"sent": v}, err
	},
	"rooms.metadata.get": func(q arguments) (results, error) {
		v, err := Rooms.Metadata(q.text("roomName"))
		return results{"metadata": v}, err
	},
	"rooms.metadata.set": func(q arguments) (results, error) {
		v, err := Rooms.SetMetadata(q.text("roomName"), q.raw("metadata"), q.text("strategy"))
		return results{"metadata": v}, err
	},
	"rooms.metadata.list": func(q arguments) (results, error) {
		page, next, err := Rooms.ListMetadata(q.text("cursor"), int(q.int("limit")))
		return results{"metadata": page, "cursor": next}, err
	},
	"channels.publish": func(q arguments) (results, error) {
		at, err := Channels.PublishKeeping(q.text("channel"), q.raw("message"), int(q.int("history")))
		return results{"offset": at.Offset, "epoch": at.Epoch}, err
	},
	"channels.history": func(q arguments) (results, error) {
		page, err := Channels.History(q.text("channel"), HistoryQuery{int(q.int("limit")), q.int("since"), q.int("sinceTime")})
		return results{"history": page.List, "offset": page.Offset, "epoch": page.Epoch}, err
	},
	"channels.unsubscribe": func(q arguments) (results, error) {
		v, err := Channels.Unsubscribe(q.text("channel"), q.text("connectionId"), q.text("reason"))
		return results{"unsubscribed": v}, err
	},
	"presence.list": func(q arguments) (results, error) {
		present, states, err := Presence.List(q.text("roomName"))
		return results{"present": present, "states": states}, err
	},
	"presence.set": func(q arguments) (results, error) {
		set := Presence.Set
		if q.bool("silent") {
			set = Presence.SetSilently
		}
		v, err := set(q.text("roomName"), q.text("connectionId"), q.raw("state"), Duration(q.int("expireAfter")))
		return results{"success": v}, err
	},
	"presence.clear": func(q arguments) (results, error) {
		v, err := Presence.Clear(q.text("roomName"), q.text("connectionId"))
		return results{"success": v}, err
	},
	"presence.unsubscribe": func(q arguments) (results, error) {
		v, err := Presence.Unsubscribe(q.text("roomName"), q.text("connectionId"), q.text("reason"))
		return results{"unsubscribed": v}, err
	},
	"records.get": func(q arguments) (results, error) {
		r, err := Records.Get(q.text("recordId"))
		return results{"value": r.Value, "version": r.Version, "epoch": r.Epoch}, err
	},
	"records.set": func(q arguments) (results, error) {
		w, err := Records.Set(q.text("recordId"), q.raw("value"), writeOptions(q)...)
		return results{"version": w.Version, "epoch": w.Epoch, "changed": w.Changed}, err
	},
	"records.delete": func(q arguments) (results, error) {
		deleted, version, err := Records.Delete(q.text("recordId"), deleteOptions(q)...)
		return results{"deleted": deleted, "version": version}, err
	},
	"records.list": func(q arguments) (results, error) {
		page, err := Records.List(RecordQuery{q.text("pattern"), q.bool("values"), q.text("cursor"), int(q.int("limit"))})
		return results{"records": page.List, "cursor": page.Next}, err
	},
	"records.transaction": func(q arguments) (results, error) {
		done, err := transaction(q.raw("operations")).Commit()
		return results{"results": done.List}, err
	},
	"records.unsubscribe": func(q arguments) (results, error) {
		v, err := Records.Unsubscribe(q.text("recordId"), q.text("connectionId"), q.text("reason"))
		return results{"unsubscribed": v}, err
	},
	"collections.unsubscribe": func(q arguments) (results, error) {
		v, err := Collections.Unsubscribe(q.text("collectionId"), q.text("connectionId"), q.text("reason"))
		return results{"unsubscribed": v}, err
	},
}

// writeOptions reads the options of a write from a request, or from an operation
// of a transaction.
func writeOptions(q arguments) (options []WriteOption) {
	if s := q.text("strategy"); s != "" {
		options = append(options, Strategy(s))
	}
	if version, ok := q.number("expectVersion"); ok {
		options = append(options, ExpectVersion(version))
	}
	return append(options, TTL(q.int("ttl")))
}

func deleteOptions(q arguments) []DeleteOption {
	if version, ok := q.number("expectVersion"); ok {
		return []DeleteOption{ExpectVersion(version)}
	}
	return nil
}

// transaction builds what a list of operations says.
func transaction(list JSON) *Transaction {
	t := Records.Transaction()
	for item := range list.Items() {
		op, _ := item.Get("op").AsText()
		id, _ := item.Get("recordId").AsText()
		options := arguments{}
		for name, value := range item.Get("options").Members() {
			options[name] = json.RawMessage(value)
		}
		if op == "delete" {
			t.Delete(id, deleteOptions(options)...)
		} else {
			t.Set(id, item.Get("value"), writeOptions(options)...)
		}
	}
	return t
}

// operatorsOnly are the operations that no plugin can call.
var operatorsOnly = map[string]bool{"exposures.list": true, "plugins.list": true, "plugins.reload": true}

// TestOperationVectors is not parallel: it stands in for the host.
func TestOperationVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "operations.json") {
		if operatorsOnly[v.Operation] {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			run := operations[v.Operation]
			if run == nil {
				t.Fatalf("the kit has no function for %s", v.Operation)
			}
			var called string
			var asked, result []byte
			env.Host = func(operation string, given []byte) (uint32, []byte) {
				called, asked = operation, bytes.Clone(given)
				return 0, result
			}
			defer func() { env.Host = nil }()
			var members arguments
			v.Into(t, &members)
			if v.Message == "response" {
				result = v.Bytes(t)
				got, err := run(nil)
				if err != nil {
					t.Error(err)
				}
				checkResults(t, got, members)
				return
			}
			if _, err := run(members); err != nil {
				t.Error(err)
			}
			if called != v.Operation || !bytes.Equal(asked, v.Bytes(t)) {
				t.Errorf("called %s with %x, want %s", called, asked, v.Hex)
			}
		})
	}
}

// checkResults compares each member by the type that the kit gives it.
func checkResults(t *testing.T, got results, want arguments) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("got %d members, want %d", len(got), len(want))
	}
	for name, v := range got {
		var expected any
		switch v.(type) {
		case string:
			expected = want.text(name)
		case JSON:
			expected = want.raw(name)
		case int64:
			expected = want.int(name)
		case bool:
			expected = want.bool(name)
		case []string:
			expected = want.list(name)
		}
		if !reflect.DeepEqual(v, expected) {
			t.Errorf("%s is %#v, want %#v", name, v, expected)
		}
	}
}

// TestEveryOperationHasVectors is the reminder to add some.
func TestEveryOperationHasVectors(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, v := range vectors.Read(t, "operations.json") {
		seen[v.Operation] |= map[string]int{"request": 1, "response": 2}[v.Message]
	}
	for name := range operations {
		if seen[name] != 3 {
			t.Errorf("%s lacks a vector of its request or its response", name)
		}
	}
}

func TestRoomsOfNobody(t *testing.T) {
	t.Parallel()
	if rooms, err := Rooms.Of(""); rooms != nil || err == nil {
		t.Errorf("got %q, %v", rooms, err)
	}
}

func TestMessagesOfAHistory(t *testing.T) {
	t.Parallel()
	page := HistoryPage{List: JSON(`[{"offset":2,"message":"{\"n\":1}","time":1735786800000},{"offset":1,"message":"hi","time":5}]`)}
	var got []Message
	for m := range page.Messages() {
		got = append(got, m)
	}
	want := []Message{{2, `{"n":1}`, 1735786800000}, {1, "hi", 5}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for range page.Messages() {
		break // the range function must stop
	}
}
