//go:build linux

package e2e

import (
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// share measures which part of the machine's processors this process gets, when
// it wants all of them: others may be using the machine. Tests of how long
// something takes allow as much more.
func share(t *testing.T) float64 {
	t.Helper()
	const long = 300 * time.Millisecond
	used := processorTime(t)
	begun := time.Now()
	var busy sync.WaitGroup
	for range runtime.NumCPU() {
		busy.Go(func() {
			for time.Since(begun) < long { //nolint:revive // it is to be busy
			}
		})
	}
	busy.Wait()
	got := float64(processorTime(t)-used) / (float64(time.Since(begun)) * float64(runtime.NumCPU()))
	return min(max(got, 0.05), 1)
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// allowed is how long what takes d on a machine of its own may take on this one.
func allowed(d time.Duration, shares ...float64) time.Duration {
	least := 1.0
	for _, s := range shares {
		least = min(least, s)
	}
	return time.Duration(float64(d) / least)
}
