package engine

import "time"

// courtesyDelay is how long the first push of a subscription waits after its
// reply for clients that register their callback only when they have read the
// reply.
const courtesyDelay = 5 * time.Millisecond

// courtesy runs fn after courtesyDelay. The wheel of timers is too coarse for
// it; subscriptions begin too rarely for a runtime timer to matter.
func (*Engine) courtesy(fn func()) { time.AfterFunc(courtesyDelay, fn) }
