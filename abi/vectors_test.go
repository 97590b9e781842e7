package abi_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/abi"
)

// vector is an entry of a file in testdata/vectors; the README there says what
// its members mean.
type vector struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Operation  string          `json:"operation"`
	Message    string          `json:"message"`
	Value      json.RawMessage `json:"value"`
	Hex        string          `json:"hex"`
	DecodeOnly bool            `json:"decodeOnly"`
	Error      string          `json:"error"`
}

func readVectors(tb testing.TB, file string) []vector {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "vectors", file))
	if err != nil {
		tb.Fatal(err)
	}
	var list []vector
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
	return list
}

func (v vector) bytes(tb testing.TB) []byte {
	tb.Helper()
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// failure is the error that the vector expects, nil where there is none.
func (v vector) failure() error {
	return map[string]error{"truncated": abi.ErrTruncated, "size": abi.ErrSize}[v.Error]
}

// message is what all messages of the ABI can do.
type message interface {
	Append(dst []byte) []byte
	Decode(message []byte) error
}

// newMessage makes an empty message of a vector's type.
func newMessage(tb testing.TB, v vector) message {
	tb.Helper()
	name := v.Type
	if name == "operation" {
		name = v.Operation + " " + v.Message
	}
	sample, ok := messages[name]
	if !ok {
		tb.Fatalf("there is no message %q", name)
	}
	return reflect.New(reflect.TypeOf(sample).Elem()).Interface().(message)
}

// messages are all messages of the ABI, by the names of the vectors.
var messages = map[string]message{
	"Request": &abi.Request{}, "Response": &abi.Response{}, "Error": &abi.Error{},
	"Handshake": &abi.Handshake{}, "Departure": &abi.Departure{}, "Access": &abi.Access{}, "RoomChange": &abi.RoomChange{},
	"RecordChange": &abi.RecordChange{},

	"log request": &abi.LogRequest{}, "log response": &abi.LogResponse{},
	"config.get request": &abi.ConfigGetRequest{}, "config.get response": &abi.ConfigGetResponse{},
	"kv.get request": &abi.KVGetRequest{}, "kv.get response": &abi.KVGetResponse{},
	"kv.set request": &abi.KVSetRequest{}, "kv.set response": &abi.KVSetResponse{},
	"kv.delete request": &abi.KVDeleteRequest{}, "kv.delete response": &abi.KVDeleteResponse{},
	"kv.increment request": &abi.KVIncrementRequest{}, "kv.increment response": &abi.KVIncrementResponse{},
	"kv.compareAndSet request": &abi.KVCompareAndSetRequest{}, "kv.compareAndSet response": &abi.KVCompareAndSetResponse{},
	"http.fetch request": &abi.HTTPFetchRequest{}, "http.fetch response": &abi.HTTPFetchResponse{},
	"connections.metadata.get request": &abi.ConnectionsMetadataGetRequest{}, "connections.metadata.get response": &abi.ConnectionsMetadataGetResponse{},
	"connections.metadata.set request": &abi.ConnectionsMetadataSetRequest{}, "connections.metadata.set response": &abi.ConnectionsMetadataSetResponse{},
	"connections.send request": &abi.ConnectionsSendRequest{}, "connections.send response": &abi.ConnectionsSendResponse{},
	"connections.disconnect request": &abi.ConnectionsDisconnectRequest{}, "connections.disconnect response": &abi.ConnectionsDisconnectResponse{},
	"connections.list request": &abi.ConnectionsListRequest{}, "connections.list response": &abi.ConnectionsListResponse{},
	"connections.metadata.list request": &abi.ConnectionsMetadataListRequest{}, "connections.metadata.list response": &abi.ConnectionsMetadataListResponse{},
	"broadcast request": &abi.BroadcastRequest{}, "broadcast response": &abi.BroadcastResponse{},
	"users.send request": &abi.UsersSendRequest{}, "users.send response": &abi.UsersSendResponse{},
	"users.disconnect request": &abi.UsersDisconnectRequest{}, "users.disconnect response": &abi.UsersDisconnectResponse{},
	"users.list request": &abi.UsersListRequest{}, "users.list response": &abi.UsersListResponse{},
	"users.connections request": &abi.UsersConnectionsRequest{}, "users.connections response": &abi.UsersConnectionsResponse{},
	"rooms.add request": &abi.RoomsAddRequest{}, "rooms.add response": &abi.RoomsAddResponse{},
	"rooms.remove request": &abi.RoomsRemoveRequest{}, "rooms.remove response": &abi.RoomsRemoveResponse{},
	"rooms.removeFromAll request": &abi.RoomsRemoveFromAllRequest{}, "rooms.removeFromAll response": &abi.RoomsRemoveFromAllResponse{},
	"rooms.has request": &abi.RoomsHasRequest{}, "rooms.has response": &abi.RoomsHasResponse{},
	"rooms.members request": &abi.RoomsMembersRequest{}, "rooms.members response": &abi.RoomsMembersResponse{},
	"rooms.list request": &abi.RoomsListRequest{}, "rooms.list response": &abi.RoomsListResponse{},
	"rooms.clear request": &abi.RoomsClearRequest{}, "rooms.clear response": &abi.RoomsClearResponse{},
	"rooms.send request": &abi.RoomsSendRequest{}, "rooms.send response": &abi.RoomsSendResponse{},
	"rooms.metadata.get request": &abi.RoomsMetadataGetRequest{}, "rooms.metadata.get response": &abi.RoomsMetadataGetResponse{},
	"rooms.metadata.set request": &abi.RoomsMetadataSetRequest{}, "rooms.metadata.set response": &abi.RoomsMetadataSetResponse{},
	"rooms.metadata.list request": &abi.RoomsMetadataListRequest{}, "rooms.metadata.list response": &abi.RoomsMetadataListResponse{},
	"channels.publish request": &abi.ChannelsPublishRequest{}, "channels.publish response": &abi.ChannelsPublishResponse{},
	"channels.history request": &abi.ChannelsHistoryRequest{}, "channels.history response": &abi.ChannelsHistoryResponse{},
	"channels.unsubscribe request": &abi.ChannelsUnsubscribeRequest{}, "channels.unsubscribe response": &abi.ChannelsUnsubscribeResponse{},
	"presence.list request": &abi.PresenceListRequest{}, "presence.list response": &abi.PresenceListResponse{},
	"presence.set request": &abi.PresenceSetRequest{}, "presence.set response": &abi.PresenceSetResponse{},
	"presence.clear request": &abi.PresenceClearRequest{}, "presence.clear response": &abi.PresenceClearResponse{},
	"presence.unsubscribe request": &abi.PresenceUnsubscribeRequest{}, "presence.unsubscribe response": &abi.PresenceUnsubscribeResponse{},
	"records.get request": &abi.RecordsGetRequest{}, "records.get response": &abi.RecordsGetResponse{},
	"records.set request": &abi.RecordsSetRequest{}, "records.set response": &abi.RecordsSetResponse{},
	"records.delete request": &abi.RecordsDeleteRequest{}, "records.delete response": &abi.RecordsDeleteResponse{},
	"records.list request": &abi.RecordsListRequest{}, "records.list response": &abi.RecordsListResponse{},
	"records.transaction request": &abi.RecordsTransactionRequest{}, "records.transaction response": &abi.RecordsTransactionResponse{},
	"records.unsubscribe request": &abi.RecordsUnsubscribeRequest{}, "records.unsubscribe response": &abi.RecordsUnsubscribeResponse{},
	"collections.unsubscribe request": &abi.CollectionsUnsubscribeRequest{}, "collections.unsubscribe response": &abi.CollectionsUnsubscribeResponse{},
	"exposures.list request": &abi.ExposuresListRequest{}, "exposures.list response": &abi.ExposuresListResponse{},
	"plugins.list request": &abi.PluginsListRequest{}, "plugins.list response": &abi.PluginsListResponse{},
	"plugins.reload request": &abi.PluginsReloadRequest{}, "plugins.reload response": &abi.PluginsReloadResponse{},
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"messages.json", "operations.json"} {
		for _, v := range readVectors(t, file) {
			t.Run(v.Name, func(t *testing.T) {
				t.Parallel()
				checkMessage(t, v)
			})
		}
	}
}

func checkMessage(t *testing.T, v vector) {
	t.Helper()
	got := newMessage(t, v)
	if err := got.Decode(v.bytes(t)); !errors.Is(err, v.failure()) {
		t.Fatalf("decoding: got %v, want %v", err, v.failure())
	}
	if v.Error != "" {
		return
	}
	want := newMessage(t, v)
	fill(t, want, v.Value)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("decoded as %+v, want %+v", got, want)
	}
	if encoded := want.Append([]byte("before")); !v.DecodeOnly && "before"+string(v.bytes(t)) != string(encoded) {
		t.Errorf("encoded as %x, want %s", encoded[len("before"):], v.Hex)
	}
}

// fill sets a message's fields from the members of a vector's value.
func fill(t *testing.T, m message, value json.RawMessage) {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(value, &members); err != nil {
		t.Fatal(err)
	}
	s := reflect.ValueOf(m).Elem()
	for i := range s.NumField() {
		name := s.Type().Field(i).Name
		found := false
		for member, text := range members {
			if strings.EqualFold(member, name) {
				setField(t, s.Field(i), text)
				found = true
			}
		}
		if !found {
			t.Errorf("the vector lacks the member %s", name)
		}
	}
	if len(members) != s.NumField() {
		t.Errorf("the vector has %d members, the message %d fields", len(members), s.NumField())
	}
}

func setField(t *testing.T, f reflect.Value, text json.RawMessage) {
	t.Helper()
	if string(text) == "null" {
		return
	}
	switch f.Kind() {
	case reflect.Int64:
		f.SetInt(intValue(t, text))
	case reflect.String:
		f.SetString(string(bytesValue(t, text)))
	case reflect.Slice:
		if f.Type().Elem().Kind() == reflect.Uint8 {
			f.SetBytes(bytesValue(t, text))
			return
		}
		fallthrough
	default:
		if err := json.Unmarshal(text, f.Addr().Interface()); err != nil {
			t.Fatal(err)
		}
	}
}

func intValue(t *testing.T, text json.RawMessage) (v int64) {
	t.Helper()
	if err := json.Unmarshal(bytes.Trim(text, `"`), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func bytesValue(t *testing.T, text json.RawMessage) []byte {
	t.Helper()
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	digits, ok := strings.CutPrefix(s, "hex:")
	if !ok {
		return []byte(s)
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryMessageHasVectors(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, v := range readVectors(t, "messages.json") {
		seen[v.Type] = true
	}
	for _, v := range readVectors(t, "operations.json") {
		seen[v.Operation+" "+v.Message] = true
	}
	for name := range messages {
		if !seen[name] {
			t.Errorf("there is no vector for %s", name)
		}
	}
	for _, o := range abi.Operations {
		if messages[o.Name+" request"] == nil || messages[o.Name+" response"] == nil {
			t.Errorf("the messages of %s are not tested", o.Name)
		}
	}
}

func TestRequestSize(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t, "messages.json") {
		if v.Type != "Request" || v.DecodeOnly || v.Error != "" {
			continue
		}
		var r abi.Request
		if err := r.Decode(v.bytes(t)); err != nil {
			t.Fatal(err)
		}
		if got, want := r.Size(), len(v.bytes(t)); got != want {
			t.Errorf("%s: Size is %d, the message has %d bytes", v.Name, got, want)
		}
	}
}
