// Package mesh is the kit for plugins of mesh-host in Go. It works with
// standard Go and with TinyGo:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o hello.wasm .
//	tinygo build -target=wasip1 -buildmode=c-shared -scheduler=none -opt=2 -no-debug -o hello.wasm .
//
// A plugin is a main package that registers functions:
//
//	package main
//
//	import mesh "github.com/mesh-host/mesh-host/pdk/go"
//
//	func init() { mesh.Main(setup) }
//
//	func main() {}
//
//	func setup(p *mesh.Plugin) error {
//		p.Name("hello")
//		p.Command("greet", greet)
//		return nil
//	}
//
//	func greet(c *mesh.Call) (mesh.JSON, error) {
//		in := c.Fields()
//		name := in.Text("name")
//		if err := in.Err(); err != nil {
//			return nil, err // EPAYLOAD: field "name" is missing
//		}
//		return c.Object().Text("greeting", "Hello, "+name).JSON(), nil
//	}
//
// # Instances
//
// The host runs many instances of a plugin side by side, and each runs one call
// at a time. Variables belong to one instance and are not shared: what must
// last or be seen by others goes into [KV] or a connection's metadata. An
// instance is thrown away when it panics, exits, runs out of memory or passes
// its deadline; the client then gets EPLUGIN or ETIMEOUT, and the stack trace
// is in the host's log. So do not recover from what you do not understand, and
// panic for what must not go on.
//
// A goroutine that is still running when a handler returns stands still until
// the next call into the same instance, which may never come. TinyGo's
// -scheduler=none has none at all.
//
// # Bytes
//
// Payloads, metadata and locals are [JSON], the bytes that the client wrote,
// valid until the handler returns. Reading and building them takes neither
// reflection nor encoding/json, which makes a plugin 1.4 MB larger; nothing
// keeps a plugin from importing it all the same.
//
// # Guards
//
// Channels, presence, records and collections are closed to clients until
// [Plugin.Channel], [Plugin.Presence], [Plugin.Record] and [Plugin.Collection]
// expose them; rooms are open, and [Plugin.Room] guards them. A guard decides on each client, from what the call tells of it or from what
// the host knows:
//
//	p.Channel("/^chat:.+$/", mesh.GuardedBy("members"), mesh.History(100))
//	p.Guard("members", func(c *mesh.GuardCall) error {
//		member, err := mesh.Rooms.Has(c.Name(), c.ConnectionID())
//		if err == nil && !member {
//			err = mesh.Denied("You are not in this room.")
//		}
//		return err
//	})
//
// What the plugin itself does, through [Channels], [Rooms], [Presence], [Records],
// [Connections] and [Users], no guard is asked about.
//
// # Records
//
// A record is a JSON value that clients subscribe to, and whose every change is
// one version, however many write at once. What is made of the value that is
// there is written with [RecordOperations.Update], or with [ExpectVersion], which
// fails where another write came between; several records change together in a
// [Transaction].
//
//	mesh.Records.Update("score", func(r mesh.Record) (mesh.JSON, error) {
//		n, _ := r.Value.AsInt() // 0 where there is none
//		return mesh.Int(n + 1), nil
//	})
//
// # Tests
//
// Built for any other target than wasm the package is an ordinary one: package
// meshtest calls a plugin's handlers from go test.
package mesh
