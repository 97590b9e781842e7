package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	client "github.com/mesh-host/mesh-host/client/go"
)

const subscribeRecord = "mesh/subscribe-record"

func (p *peer) update(member, value string, version int, epoch string) {
	p.send(`{"command":"mesh/record-update","payload":{"recordId":"r",%q:%s,"version":%d,"epoch":%q}}`, member, value, version, epoch)
}

func TestRecord(t *testing.T) {
	t.Parallel()
	changes := make(heard, 100)
	c := dial(t, client.Options{}, serve(t, func(p *peer) {
		p.greet()
		switch p.n {
		case 1: // comes back
			p.answer(subscribeRecord, `{"epoch":"b","mode":"patch","recordId":"r","version":3}`,
				`{"success":true,"version":5,"epoch":"b","recovered":true,"patches":[{"version":4,"patch":[{"op":"add","path":"/b","value":4}]},{"version":5,"patch":[{"op":"replace","path":"/b","value":5}]}]}`)
			p.update("patch", `[{"op":"remove","path":"/a"}]`, 6, "b")
			p.expect("cut", "")
			return
		case 2: // patches that do not fit
			p.answer(subscribeRecord, `{"epoch":"b","mode":"patch","recordId":"r","version":6}`,
				`{"success":true,"version":7,"epoch":"b","recovered":true,"patches":[{"version":7,"patch":[{"op":"remove","path":"/nothing"}]}]}`)
			p.answer(subscribeRecord, `{"mode":"patch","recordId":"r"}`, `{"success":true,"record":{"n":7.0},"version":7,"epoch":"b"}`)
			p.update("full", `null`, 8, "b")
			p.echo()
		}
		f := p.expect(subscribeRecord, `{"mode":"patch","recordId":"r"}`)
		p.update("full", `"early"`, 9, "a")
		p.reply(f, `{"success":true,"record":{"a":1,"big":12345678901234567890},"version":1,"epoch":"a"}`)
		p.update("patch", `[{"op":"replace","path":"/a","value":2}]`, 2, "a")
		p.update("patch", `[{"op":"replace","path":"/a","value":0}]`, 2, "a") // seen
		p.update("full", `{"a":0}`, 1, "a")                                   // stale
		p.update("full", `{"a":3}`, 3, "a")
		p.update("patch", `[{"op":"replace","path":"/x","value":0}]`, 4, "a") // does not apply
		p.update("patch", `[{"op":"replace","path":"/a","value":5}]`, 5, "a") // is in the answer
		p.answer(subscribeRecord, `{"mode":"patch","recordId":"r"}`, `{"success":true,"record":{"a":5},"version":5,"epoch":"a"}`)
		p.update("patch", `[{"op":"replace","path":"/a","value":7}]`, 7, "a") // one is missing
		p.answer(subscribeRecord, `{"mode":"patch","recordId":"r"}`, `{"success":true,"record":{"a":7},"version":7,"epoch":"a"}`)
		p.send(`{"command":"mesh/record-deleted","payload":{"recordId":"r","version":8,"epoch":"a"}}`)
		p.send(`{"command":"mesh/gap","payload":{"kind":"record","name":"r","epoch":"a","offset":9}}`)
		p.answer(subscribeRecord, `{"epoch":"a","mode":"patch","recordId":"r","version":8}`, `{"success":true,"record":{"a":1},"version":2,"epoch":"b","recovered":false}`)
		p.update("patch", `[{"op":"replace","path":"/a","value":[1, 2]}]`, 3, "b")
		p.expect("cut", "")
	}))
	s, err := c.SubscribeRecord(within(t), "r", client.RecordOptions{OnChange: func(r client.Record) {
		changes <- fmt.Sprint(r.Epoch, r.Version, " ", string(r.Value), r.Deleted)
	}})
	if err != nil {
		t.Fatal(err)
	}
	changes.expect(t, `a1 {"a":1,"big":12345678901234567890}false`, `a2 {"a":2,"big":12345678901234567890}false`, `a3 {"a":3}false`, `a5 {"a":5}false`,
		`a7 {"a":7}false`, `a8 nulltrue`, `b2 {"a":1}false`, `b3 {"a":[1, 2]}false`)
	_, _ = c.Command(within(t), "cut", nil)
	changes.expect(t, `b5 {"a":[1, 2],"b":5}false`, `b6 {"b":5}false`)
	_, _ = c.Command(within(t), "cut", nil)
	changes.expect(t, `b7 {"n":7.0}false`, `b8 nullfalse`)
	var v any = 1
	if err := s.Decode(&v); err != nil || v != nil || s.Record().Version != 8 {
		t.Error(err, v, s.Record())
	}
}

func TestWriteRecord(t *testing.T) {
	t.Parallel()
	c := dial(t, client.Options{}, serve(t, func(p *peer) {
		p.greet()
		p.answer("mesh/publish-record-update", `{"newValue":{"a":1},"options":{},"recordId":"r"}`, `{"success":true,"version":3,"epoch":"e"}`)
		p.answer("mesh/publish-record-update", `{"newValue":null,"options":{"expectVersion":0,"strategy":"merge"},"recordId":"r"}`,
			`{"error":"other","code":"ECONFLICT","name":"ConflictError","data":{"version":3}}`)
		p.answer("mesh/publish-channel", `{"channel":"c","message":"m"}`, `{"success":true,"offset":9}`)
		p.answer(subscribeRecord, `{"mode":"full","recordId":"no"}`, `{"success":false}`)
		p.wait()
	}))
	if v, err := c.WriteRecord(within(t), "r", map[string]int{"a": 1}, client.WriteOptions{}); v != 3 || err != nil {
		t.Error(v, err)
	}
	_, err := c.WriteRecord(within(t), "r", nil, client.WriteOptions{Strategy: "merge", ExpectVersion: new(int64)})
	var failed *client.Error
	if !errors.As(err, &failed) || failed.Code != "ECONFLICT" || string(failed.Data) != `{"version":3}` {
		t.Error(err)
	}
	if offset, err := c.Publish(within(t), "c", "m"); offset != 9 || err != nil {
		t.Error(offset, err)
	}
	if _, err := c.SubscribeRecord(within(t), "no", client.RecordOptions{Full: true}); !errors.Is(err, client.ErrRefused) {
		t.Error(err)
	}
	if _, err := c.WriteRecord(within(t), "r", json.RawMessage("{"), client.WriteOptions{}); err == nil {
		t.Error("rubbish is written")
	}
}
