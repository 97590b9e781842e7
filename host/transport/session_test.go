package transport_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/command"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// slow sleeps for its payload, a number of milliseconds, and replies with it.
// Before it does it yields, if told to.
func slow(yield bool) command.HandlerFunc {
	return func(_ context.Context, c *command.Call) error {
		ms, err := time.ParseDuration(string(c.Payload) + "ms")
		if err != nil {
			return err
		}
		if yield {
			c.Yield()
		}
		pass(ms)
		c.Reply(c.Payload)
		return nil
	}
}

func TestSerialCommandsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	commands := with(handle("hog", slow(false)), handle("slow", slow(true)))
	for name, names := range map[string][]string{
		"yielding": {"slow"}, "not yielding": {"hog"}, "mixed": {"slow", "echo", "hog", "echo", "echo"},
	} {
		for way, together := range map[string]bool{"in one write": true, "one by one": false} {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				inBubble(t, func(b bubble) {
					c := b.c
					var messages []string
					for i := range 100 {
						messages = append(messages, request(i, names[i%len(names)], fmt.Sprint((7*i)%40)))
					}
					if together {
						c.Text(messages...)
					} else {
						for _, m := range messages {
							c.Text(m)
						}
					}
					c.ExpectText(messages...)
				}, commands)
			})
		}
	}
}

func TestConcurrentCommandsOvertake(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		c := b.c
		c.Text(request(1, "slow", "50"), request(2, "beside", "40"), request(3, "echo", "0"), request(4, "beside", "30"), request(5, "beside", "10"))
		c.ExpectText(request(5, "beside", "10"), request(4, "beside", "30"), request(2, "beside", "40"), request(1, "slow", "50"), request(3, "echo", "0"))
	}, with(handle("slow", slow(true)), concurrently("beside", slow(false))))
}

// hanging is a serial command that yields and waits until it is released.
func hanging() (command.Command, chan struct{}) {
	release := make(chan struct{})
	return handle("hang", func(ctx context.Context, c *command.Call) error {
		c.Yield()
		select {
		case <-release:
		case <-ctx.Done(): // the test has failed
		}
		c.Reply(c.Payload)
		return nil
	}), release
}

func TestReadingGoesOnWhileACommandHangs(t *testing.T) {
	t.Parallel()
	for name, middleware := range map[string][]command.Handler{
		"plain":           nil,
		"with middleware": {command.HandlerFunc(func(context.Context, *command.Call) error { return nil })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hang, release := make(chan command.Command, 1), make(chan chan struct{}, 1)
			inBubble(t, func(b bubble) {
				c := b.c
				c.Text(request(1, "hang", `"first"`), request(2, "echo", "2"), request(3, "mesh/noop", "{}"))
				c.ExpectText(`{"id":3,"command":"mesh/noop","payload":true}`)
				c.Alive()
				c.Text(request(4, "beside", "4"))
				c.ExpectText(request(4, "beside", "4"))
				c.Text(request(5, "nothing", "5"))
				c.ExpectText(`{"id":5,"command":"nothing","payload":{"error":"Command \"nothing\" not found","code":"ENOTFOUND","name":"CommandError"}}`)
				for _, name := range []string{"rt/noop", "noop"} {
					c.Text(request(6, name, "{}"))
					c.ExpectText(request(6, name, "true"))
				}
				close(<-release)
				c.ExpectText(request(1, "hang", `"first"`), request(2, "echo", "2"))
				c.Text(request(8, "echo", "8"))
				c.ExpectText(request(8, "echo", "8"))
			}, func(u *setup) {
				command, released := hanging() // of the bubble
				hang <- command
				release <- released
				u.entries.Middleware = middleware
				with(<-hang, concurrently("beside", echo))(u)
			})
		})
	}
}

// A command may yield as often as it likes, from any goroutine.
func TestYieldingTwice(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		c := b.c
		var messages []string
		for i := range 50 {
			messages = append(messages, request(i, "twice", fmt.Sprintf(`"%d %s"`, i, strings.Repeat("x", 100*i))))
		}
		c.Text(messages...)
		c.ExpectText(messages...)
	}, with(handle("twice", func(_ context.Context, c *command.Call) error {
		c.Yield()
		done := make(chan struct{})
		go func() { defer close(done); c.Yield() }()
		pass(time.Millisecond)
		c.Yield()
		<-done
		c.Reply(c.Payload)
		return nil
	})))
}

// At the bound the server reads no further, and meanwhile does not hold the
// client's silence against it; nothing is lost.
func TestCommandsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	var release chan struct{}
	inBubble(t, func(b bubble) {
		t, s, c := b.T, b.s, b.c
		session := s.guest(t)
		var messages []string
		for i := range 4 {
			messages = append(messages, request(i, "hang", fmt.Sprint(i)))
		}
		c.Text(messages...)
		c.Text(request(4, "mesh/noop", "{}")) // even this is not answered now
		written := make(chan struct{})
		go func() { // not read: more than the server takes at once
			defer close(written)
			for range 100 {
				c.Text(said(strings.Repeat("*", 1000)))
			}
		}()
		pass(time.Minute) // many ping intervals
		synctest.Wait()
		select {
		case <-written:
			t.Error("everything was read at the bound")
		default:
		}
		if cause := session.Closing(); cause != nil {
			t.Fatalf("the session was closed: %+v", cause)
		}
		release <- struct{}{}
		c.ExpectText(request(0, "hang", "0"), `{"id":4,"command":"mesh/noop","payload":true}`)
		close(release)
		for i := range 3 {
			c.ExpectText(request(i+1, "hang", fmt.Sprint(i+1)))
		}
		for range 100 {
			c.ExpectText(said(strings.Repeat("*", 1000)))
		}
		<-written
		c.ExpectText(`{"command":"ping","payload":{}}`) // the clock runs again
	}, func(u *setup) {
		var hang command.Command
		hang, release = hanging()
		with(hang)(u)
		u.CommandsInFlight = 4
		u.limits.PingInterval = time.Second
	})
}

func TestOneWayCommands(t *testing.T) {
	t.Parallel()
	var ran atomic.Int32
	count := func(_ context.Context, c *command.Call) error {
		ran.Add(1)
		c.Reply([]byte(strings.Repeat("1", 5000)))
		return nil
	}
	fail := func(context.Context, *command.Call) error {
		ran.Add(1)
		return errors.New("nobody hears this")
	}
	s := serve(t, with(handle("count", count), handle("fail", fail), concurrently("beside", count)), func(u *setup) { u.ReplySize = 1000 })
	c := s.dial(t)
	c.Text(`{"command":"count"}`, `{"command":"count","payload":1}`, `{"command":"fail"}`, `{"command":"nothing"}`, `{"command":"mesh/noop"}`, `{"payload":1,"command":"beside"}`)
	c.Text(said("the end"))
	c.ExpectText(said("the end"))
	c.Hangup()
	s.expectGone(t, 1000)
	if n := ran.Load(); n != 4 {
		t.Errorf("%d of 4 ran", n)
	}
}

// The id comes back byte for byte, whatever JSON it is, and so does the name.
func TestIDsAreEchoed(t *testing.T) {
	t.Parallel()
	s := serve(t, with(concurrently("beside", echo)), func(u *setup) { u.MessageSize = 3 << 20 })
	c := s.dial(t)
	for _, id := range []string{
		"0", "-0", "1.0", "1e5", "1E+400", "-1.50e-3", "12345678901234567890123456789", `""`, `"7"`, "null", "true",
		`"\u0041\n\ud83d\ude00"`, `"käse"`, `{ "a" : [ 1 ,2.50, { } ] }`, "[ ]", "[\t1,\r\n2 ]", `"` + strings.Repeat("i", 1<<20) + `"`,
		strings.Repeat("[", 100) + strings.Repeat("]", 100),
	} {
		for _, name := range []string{`"echo"`, `"e\u0063ho"`, `"beside"`} {
			c.Text(` { "payload" : 1 , "command" :` + name + `,"id": ` + id + " } ")
			c.ExpectText(`{"id":` + id + `,"command":` + name + `,"payload":1}`)
		}
	}
	c.Text(`{"id":1,"id":2,"command":"echo","payload":3,"payload":4}`, `{"id":5,"command":"echo"}`)
	c.ExpectText(`{"id":2,"command":"echo","payload":4}`, `{"id":5,"command":"echo","payload":null}`)
}

func TestAnIDInFlightMayBeUsedAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		c := b.c
		c.Text(request(1, "slow", "20"), request(1, "slow", "10"), request(1, "beside", "5"), request(1, "beside", "1"))
		c.ExpectText(request(1, "beside", "1"), request(1, "beside", "5"), request(1, "slow", "20"), request(1, "slow", "10"))
	}, with(handle("slow", slow(true)), concurrently("beside", slow(false))))
}

func TestErrorsReachTheClient(t *testing.T) {
	t.Parallel()
	refused := protocol.NewError("EMINE", "No \"more\" of this")
	refused.Data = []byte(`{"n":1}`)
	s := serve(t, func(u *setup) { u.ReplySize = 1000 }, with(
		handle("refuse", func(context.Context, *command.Call) error { return refused }),
		handle("large", func(_ context.Context, c *command.Call) error {
			c.Reply([]byte(strings.Repeat("1", 1001)))
			return nil
		}),
	))
	c := s.dial(t)
	for sent, want := range map[string]string{
		request(1, "nothing", "1"):       `{"error":"Command \"nothing\" not found","code":"ENOTFOUND","name":"CommandError"}`,
		request(2, "refuse", "1"):        `{"error":"No \"more\" of this","code":"EMINE","name":"Error","data":{"n":1}}`,
		request(3, "large", "1"):         `{"error":"Reply of 1001 bytes is larger than limits.reply_size (1000)","code":"ETOOLARGE","name":"TooLargeError"}`,
		request(4, "mesh/nothing", "{}"): `{"error":"Command \"mesh/nothing\" not found","code":"ENOTFOUND","name":"CommandError"}`,
	} {
		c.Text(sent)
		envelope, _, _ := strings.Cut(sent, `"payload"`)
		c.ExpectText(envelope + `"payload":` + want + "}")
	}
	c.Alive()
}

// What a handler did not mean for clients is logged under the reference that
// the client gets, also when it panics, wherever it ran.
func TestInternalErrorsHaveAReference(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]command.HandlerFunc{
		"error": func(context.Context, *command.Call) error { return errors.New("secret one") },
		"panic": func(context.Context, *command.Call) error { panic("secret one") },
		"panic after a yield": func(_ context.Context, c *command.Call) error {
			c.Yield()
			pass(time.Second)
			panic("secret one")
		},
	} {
		for kind, concurrent := range map[string]bool{"serial": false, "concurrent": true} {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				inBubble(t, func(b bubble) {
					t, s, c := b.T, b.s, b.c
					c.Text(request(1, "secret", "1"))
					c.Text(request(1, "secret", "1"))
					for range 2 {
						reply := c.Read().Payload
						before, after, ok := strings.Cut(reply, `"ref":"`)
						if !ok || before != `{"id":1,"command":"secret","payload":{"error":"Internal error","code":"ESERVER","name":"Error",` {
							t.Fatalf("reply %s", reply)
						}
						if log := s.log.String(); !strings.Contains(log, "ref="+after[:12]) || !strings.Contains(log, "secret one") {
							t.Errorf("reference %s is not in the log", after[:12])
						}
					}
					c.Text(said("still here"))
					c.ExpectText(said("still here"))
				}, with(command.Command{Name: "secret", Concurrent: concurrent, Handler: secret}))
			})
		}
	}
}
