package engine

import "time"

// pace bounds how much of the time something may take, whatever it is asked for:
// each piece of work leaves a debt of several times what it took, which time pays
// off, and where that is more than is trusted, the next piece waits. So what is
// cheap never waits, and what is dear does not take the node from the others.
type pace struct{ paid time.Time } // when there is no debt left

const (
	// paceTrust is how much debt there may be when the next piece begins.
	paceTrust = time.Second
	// pacePause is how long the next piece waits at most.
	pacePause = 5 * time.Second
)

// charge takes note of the debt of a piece of work that has just ended: ten times
// what it took lets such work have a tenth of the time.
func (p *pace) charge(now time.Time, debt time.Duration) {
	if p.paid.Before(now) {
		p.paid = now
	}
	p.paid = p.paid.Add(debt)
	if latest := now.Add(paceTrust + pacePause); p.paid.After(latest) {
		p.paid = latest
	}
}

// left returns how long the next piece of work has to wait, 0 for not at all.
func (p *pace) left(now time.Time) time.Duration {
	return max(0, p.paid.Sub(now.Add(paceTrust)))
}
