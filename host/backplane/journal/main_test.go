package journal_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the beginning of the processes that tests start.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}
