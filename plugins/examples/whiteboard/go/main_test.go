package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/meshtest"
)

// studio is a host with clients. The tests are not parallel: the instances of a
// plugin do not share its variables, but the hosts of a test do.
type studio struct {
	*meshtest.Host
	t *testing.T
}

func newStudio(t *testing.T, config string) *studio {
	t.Helper()
	return &studio{meshtest.New(t, setup, meshtest.WithConfig(config)), t}
}

// enter connects someone and gives them a name, unless that is "". A user is
// written after a slash: "c1/ann".
func (s *studio) enter(who, name string) {
	s.t.Helper()
	id, user, _ := strings.Cut(who, "/")
	s.allow(s.Connect(meshtest.Connection{ID: id, User: user}))
	if name != "" {
		s.does(id, "whiteboard.name", mesh.Object().Text("name", name).JSON().String(), "")
	}
}

// does calls a command, which must succeed, and looks at the reply, unless that
// is to be "".
func (s *studio) does(id, command, payload, want string) {
	s.t.Helper()
	reply, err := s.Call(id, command, payload)
	if err != nil || want != "" && string(reply) != want {
		s.t.Errorf("%s %s: got %s, %v, want %s", command, payload, reply, err, want)
	}
}

func (s *studio) fails(id, command, payload, code string) {
	s.t.Helper()
	_, err := s.Call(id, command, payload)
	s.refused(err, code, command+" "+payload)
}

func (s *studio) refused(err error, code, what string) {
	s.t.Helper()
	var e *mesh.Error
	if !errors.As(err, &e) || e.Code != code {
		s.t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

func (s *studio) allow(errs ...error) {
	s.t.Helper()
	if err := errors.Join(errs...); err != nil {
		s.t.Error(err)
	}
}

// draws merges items into a board, as a client does.
func (s *studio) draws(id, board, items string) error {
	_, err := s.WriteRecord(id, "board:"+board, items, `{"strategy":"merge"}`)
	return err
}

// has checks what is on a board, "null" where there is none.
func (s *studio) has(board, want string) {
	s.t.Helper()
	if got := s.Record("board:" + board).Value.String(); got != want {
		s.t.Errorf("on the board %s is %s, want %s", board, got, want)
	}
}

// lists checks how many items the list says there are on each board.
func (s *studio) lists(want ...string) {
	s.t.Helper()
	ids, err := s.SubscribeCollection("list", "boards")
	s.allow(err)
	got := []string{}
	for _, id := range ids {
		items, _ := s.Record(id).Value.Get("items").AsInt()
		got = append(got, fmt.Sprint(boardIn(id), " ", items))
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("the boards are %q, want %q", got, want)
	}
}

func (s *studio) noFailures() {
	s.t.Helper()
	s.allow(s.Failures()...)
}

const (
	dot      = `{"line":[0,1000],"width":4,"color":"black"}`
	dash     = `{"line":[0,0,1600,1000],"width":4,"color":"red"}`
	scribble = `{"note":"Größe?","x":10,"y":20,"color":"blue"}`
)

func TestSettings(t *testing.T) {
	for config, want := range map[string]string{
		`{}`: "",
		`{"boards":1,"items":1,"board_seconds":1,"cursor_seconds":1}`: "",
		`{"boards":0}`:                "boards must be a whole number",
		`{"boards":1001}`:             "boards must be a whole number",
		`{"items":"many"}`:            "items must be a whole number",
		`{"items":1e3}`:               "items must be a whole number",
		`{"board_seconds":0}`:         "board_seconds must be",
		`{"cursor_seconds":31536001}`: "cursor_seconds must be",
		`{"board":1}`:                 "board is unknown",
	} {
		_, err := meshtest.Load(setup, meshtest.WithConfig(config))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", config, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	s := newStudio(t, `{}`)
	s.enter("b", "")
	s.enter("u/ann", "")
	s.does("b", "whiteboard.name", `{"name":"Jean-Luc P."}`, `{"name":"Jean-Luc P."}`)
	s.does("b", "whiteboard.name", `{"name":"日本"}`, `{"name":"日本"}`)
	s.does("u", "whiteboard.name", `{"name":"Bob"}`, `{"name":"ann"}`)
	for _, name := range []string{"", " a", "a ", "1a", "a\n", "<b>", "a\u200b", strings.Repeat("a", 25)} {
		s.fails("b", "whiteboard.name", mesh.Object().Text("name", name).JSON().String(), mesh.CodePayload)
	}
	for _, payload := range []string{``, `[]`, `{}`, `{"name":1}`} {
		s.fails("b", "whiteboard.name", payload, mesh.CodePayload)
	}
}

func TestCursors(t *testing.T) {
	s := newStudio(t, `{}`)
	s.enter("a", "Ann")
	s.enter("b", "Bob")
	s.enter("u/tom", "")
	s.enter("n", "")
	if _, err := s.SubscribeRecord("b", "cursor:a"); err != nil {
		t.Error(err)
	}
	write := func(id, cursor, value string) error {
		_, err := s.WriteRecord(id, cursor, value, "")
		return err
	}
	const anns = `{"board":"x","name":"Ann","x":1600,"y":0}`
	s.allow(write("a", "cursor:a", anns), write("u", "cursor:u", `{"name":"tom","board":"日-_1","y":1000,"x":0}`))
	if got := s.Pushes("b"); len(got) != 1 || got[0].Payload.Get("full").String() != anns {
		t.Errorf("Bob sees %v", got)
	}
	s.refused(write("b", "cursor:a", anns), mesh.CodeDenied, "another's")
	s.refused(write("b", "cursor:b", anns), mesh.CodeDenied, "another's name")
	s.refused(write("b", "cursor:", anns), mesh.CodeServer, "no one's")
	s.refused(write("n", "cursor:n", `{"board":"x","name":"","x":1,"y":1}`), mesh.CodeDenied, "without a name")
	for _, value := range []string{
		`null`, `[]`, `{}`, `"x"`, `{"board":"x","name":"Ann","x":1}`, `{"board":"x","name":"Ann","y":1}`, `{"board":"x","x":1,"y":1}`,
		`{"name":"Ann","x":1,"y":1}`, `{"board":"x","name":"Ann","x":-1,"y":1}`, `{"board":"x","name":"Ann","x":1,"y":1001}`,
		`{"board":"x","name":"Ann","x":1.5,"y":1}`, `{"board":"x","name":"Ann","x":"1","y":1}`, `{"board":"a:b","name":"Ann","x":1,"y":1}`,
		`{"board":"","name":"Ann","x":1,"y":1}`, `{"board":"x","name":"Ann","x":1,"y":1,"more":{}}`, `{"board":"x","name":"Ann","x":1,"x":1,"y":1}`,
		`{"board":"` + strings.Repeat("x", 33) + `","name":"Ann","x":1,"y":1}`,
	} {
		s.refused(write("a", "cursor:a", value), mesh.CodePayload, value)
	}
	// A part that is merged must say it all again.
	_, err := s.WriteRecord("a", "cursor:a", `{"x":5}`, `{"strategy":"merge"}`)
	s.refused(err, mesh.CodePayload, "a part")

	// It goes when its owner says so, does not move it, or goes.
	const deletion = `[{"op":"delete","recordId":"cursor:a"}]`
	_, err = s.Transact("b", deletion)
	s.refused(err, mesh.CodeDenied, "the deletion of another's")
	_, err = s.Transact("a", deletion)
	s.allow(err, write("a", "cursor:a", anns), s.ExpireRecord("cursor:a"), write("a", "cursor:a", anns), s.Disconnect("a", 1006, ""), s.Disconnect("n", 1000, ""))
	var seen []string
	for _, push := range s.Pushes("b") {
		seen = append(seen, push.Command)
	}
	update, deleted := "mesh/record-update", "mesh/record-deleted"
	if want := []string{update, deleted, update, deleted, update, deleted}; !slices.Equal(seen, want) {
		t.Errorf("Bob sees %q", seen)
	}
	s.noFailures()
}
