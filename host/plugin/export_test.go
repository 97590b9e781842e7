package plugin

// Breaker is a breaker by itself.
type Breaker struct{ b *breaker }

// NewBreaker makes one.
func NewBreaker(threshold int) Breaker { return Breaker{newBreaker(threshold, "a handler")} }

// Admit asks it.
func (b Breaker) Admit() bool { return b.b.admit() }

// Done tells it the outcome of a call.
func (b Breaker) Done(err error) { b.b.done(err) }
