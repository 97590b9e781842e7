// Package client speaks to mesh-host from Go, by the subprotocol mesh.v1:
// commands, channels, records, rooms and presence over one WebSocket connection,
// which is made again whenever it breaks.
//
//	c, err := client.Dial(ctx, client.Options{URLs: []string{"ws://127.0.0.1:8080"}})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	reply, err := c.Command(ctx, "echo", "hello")
//
// After a reconnect everything is as it was before [Options.OnReconnect] is called:
// rooms are joined again, states published again, channels recovered from the last
// message, records and presence brought up to date.
//
// # Goroutines
//
// All methods are safe for concurrent use. Each subscription has a goroutine that
// calls its handler, one call at a time, in the order of the server; a second one
// calls the functions of [Options]. Handlers may call every method but
// [Client.Close], which waits for them, and may run before the call that subscribes
// has returned.
//
// # Slow handlers
//
// What waits for a handler is bounded by [Options.Backlog] bytes. Beyond it pushes are
// left out, nothing else waits, and when the handler has caught up the subscription
// begins again from where it was, as after a gap push of the server: a channel
// recovers what it keeps, a record and presence are read anew. What cannot be proved
// to be complete is told to [ChannelOptions.OnGap].
package client
