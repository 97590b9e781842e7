package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/mesh-host/mesh-host/host/backplane/backplanetest"
)

func TestMain(m *testing.M) {
	backplanetest.RunManyAtOnce()
	goleak.VerifyTestMain(m)
}
