package hub_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesh-host/mesh-host/host/hub"
)

// turning makes a wheel that turns until the end of the test.
func turning(t *testing.T) *hub.Wheel {
	t.Helper()
	w := hub.NewWheel()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return w
}

// alarm is a timer that takes note of when it fired.
type alarm struct {
	hub.Timer
	fired []time.Duration // since made
}

func newAlarm() *alarm {
	start := time.Now()
	a := &alarm{}
	a.Fire = func() { a.fired = append(a.fired, time.Since(start)) }
	return a
}

func TestWheelIsNeverEarlyAndATickLateAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := turning(t)
		durations := []time.Duration{
			-time.Hour, 0, 1, hub.Tick - 1, hub.Tick, hub.Tick + 1, time.Second, 1023 * hub.Tick, 1024 * hub.Tick, 1025 * hub.Tick,
			2048 * hub.Tick, time.Minute, 3*time.Minute + 7*time.Millisecond, time.Hour,
		}
		for range 2000 {
			durations = append(durations, rand.N(10*time.Minute))
		}
		for _, offset := range []time.Duration{0, 1, hub.Tick / 2, hub.Tick - 1} {
			<-time.After(offset)
			alarms := make([]*alarm, len(durations))
			for i, d := range durations {
				alarms[i] = newAlarm()
				w.Schedule(&alarms[i].Timer, d)
			}
			<-time.After(time.Hour + time.Minute)
			synctest.Wait()
			for i, d := range durations {
				d = max(d, 0)
				if got := alarms[i].fired; len(got) != 1 || got[0] < d || got[0] > d+hub.Tick {
					t.Errorf("set to %v, fired %v", d, got)
				}
			}
		}
	})
}

func TestWheelReschedules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := turning(t)
		putOff, broughtForward, stopped, stoppedTwice := newAlarm(), newAlarm(), newAlarm(), newAlarm()
		w.Schedule(&putOff.Timer, time.Second)
		w.Schedule(&putOff.Timer, 10*time.Second)
		w.Schedule(&broughtForward.Timer, 10*time.Second)
		w.Schedule(&broughtForward.Timer, time.Second)
		w.Schedule(&stopped.Timer, time.Second)
		w.Stop(&stopped.Timer)
		w.Stop(&stoppedTwice.Timer)
		w.Stop(&stoppedTwice.Timer)
		<-time.After(time.Minute)
		synctest.Wait()
		for name, c := range map[string]struct {
			alarm *alarm
			want  time.Duration
		}{"put off": {putOff, 10 * time.Second}, "brought forward": {broughtForward, time.Second}} {
			if got := c.alarm.fired; len(got) != 1 || got[0] < c.want || got[0] > c.want+hub.Tick {
				t.Errorf("%s: fired %v", name, got)
			}
		}
		if stopped.fired != nil || stoppedTwice.fired != nil {
			t.Error("a stopped timer fired")
		}
		w.Schedule(&stopped.Timer, time.Second)
		<-time.After(2 * time.Second)
		synctest.Wait()
		if len(stopped.fired) != 1 {
			t.Error("a stopped timer cannot be used again")
		}
	})
}

func TestWheelFireSchedules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := turning(t)
		count := 0
		var timer hub.Timer
		timer.Fire = func() {
			count++
			w.Schedule(&timer, time.Second)
		}
		w.Schedule(&timer, time.Second)
		<-time.After(100*time.Second + hub.Tick)
		synctest.Wait()
		if count != 100 {
			t.Errorf("fired %d times", count)
		}
	})
}

// Timers of one tick: what one of them does to another still counts.
func TestWheelStopsWhatIsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := turning(t)
		const pairs = 10
		var fired [2 * pairs]int
		timers := make([]hub.Timer, 2*pairs)
		for i := range timers {
			timers[i].Fire = func() {
				fired[i]++
				if other := i ^ 1; i < pairs {
					w.Stop(&timers[other])
				} else {
					w.Schedule(&timers[other], time.Second)
				}
			}
			w.Schedule(&timers[i], time.Second)
		}
		<-time.After(1500 * time.Millisecond)
		synctest.Wait()
		for i := 0; i < 2*pairs; i += 2 {
			if fired[i]+fired[i+1] != 1 {
				t.Errorf("pair %d fired %d and %d times", i/2, fired[i], fired[i+1])
			}
		}
	})
}

// A wheel that was held up does not take the time it lost for time that has
// passed since a timer was set.
func TestWheelThatIsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := turning(t)
		slow := hub.Timer{Fire: func() { <-time.After(time.Minute) }}
		w.Schedule(&slow, 0)
		<-time.After(30 * time.Second)
		meanwhile := newAlarm()
		w.Schedule(&meanwhile.Timer, 35*time.Second)
		<-time.After(time.Minute)
		synctest.Wait()
		if got := meanwhile.fired; len(got) != 1 || got[0] < 35*time.Second || got[0] > 35*time.Second+hub.Tick {
			t.Errorf("fired %v", got)
		}
	})
}

func TestWheelScheduledBeforeRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := hub.NewWheel()
		early := newAlarm()
		w.Schedule(&early.Timer, time.Second)
		<-time.After(time.Minute)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		w.Run(ctx)
		if got := early.fired; len(got) != 1 || got[0] < 61*time.Second || got[0] > 61*time.Second+hub.Tick {
			t.Errorf("fired %v", got)
		}
	})
}

func TestHammerWheel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := turning(t)
		var fired atomic.Int64
		var wg sync.WaitGroup
		timers := make([]hub.Timer, 100)
		for i := range timers {
			timers[i].Fire = func() {
				fired.Add(1)
				if i%10 == 0 {
					w.Schedule(&timers[(i+1)%100], 0)
				}
			}
		}
		for range 8 {
			wg.Go(func() {
				for range 2000 {
					if timer := &timers[rand.IntN(100)]; rand.IntN(3) == 0 {
						w.Stop(timer)
					} else {
						w.Schedule(timer, rand.N(200*time.Millisecond))
					}
					if rand.IntN(20) == 0 {
						<-time.After(rand.N(hub.Tick))
					}
				}
			})
		}
		wg.Wait()
		before := fired.Load()
		for i := range timers {
			w.Schedule(&timers[i], time.Second)
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if after := fired.Load() - before; before == 0 || after < 100 || after > 110 {
			t.Errorf("fired %d times, and then %d times", before, after)
		}
	})
}

func BenchmarkWheelSchedule(b *testing.B) {
	w := hub.NewWheel()
	timers := make([]hub.Timer, 10_000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.Schedule(&timers[i%len(timers)], 30*time.Second)
	}
}
