//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// marker is in the environment of every process that the tests start, and of
// those that these start.
var marker = fmt.Sprintf("E2E_RUN_OF_MESH_HOST=%d", os.Getpid())

// environment is that of the started processes: nothing of the tester's own
// settings. Later entries win.
func environment(more ...string) []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "MESH_") {
			env = append(env, entry)
		}
	}
	return append(append(env, marker), more...)
}

// noProcessLeft waits until all started processes have ended.
func noProcessLeft(within time.Duration) error {
	var left []string
	if polled(within, func() bool { left = processesLeft(); return len(left) == 0 }) {
		return nil
	}
	return fmt.Errorf("processes left behind: %s", strings.Join(left, ", "))
}

// processesLeft lists this process's children and their offspring, also where
// their parent has gone.
func processesLeft() (left []string) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		if filepath.Base(folder) == strconv.Itoa(os.Getpid()) {
			continue
		}
		env, _ := os.ReadFile(filepath.Join(folder, "environ"))
		stat, _ := os.ReadFile(filepath.Join(folder, "stat"))
		// proc_pid_stat(5): pid (comm) state ppid …
		_, after, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after)
		ours := len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid())
		if ours || bytes.Contains(env, []byte(marker)) {
			name, _ := os.ReadFile(filepath.Join(folder, "comm"))
			left = append(left, filepath.Base(folder)+" "+strings.TrimSpace(string(name)))
		}
	}
	return left
}

// usage is what a process occupies.
type usage struct {
	resident, peak int64 // bytes
	threads        int
	files          int // open descriptors
}

func usageOf(t *testing.T, pid int) usage {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d", pid)
	status, err := os.ReadFile(folder + "/status")
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	u := usage{files: len(files)}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		switch key {
		case "VmRSS":
			u.resident = n << 10
		case "VmHWM":
			u.peak = n << 10
		case "Threads":
			u.threads = int(n)
		}
	}
	return u
}

// String implements fmt.Stringer.
func (u usage) String() string {
	return fmt.Sprintf("%d MiB resident (at most %d), %d threads, %d files", u.resident>>20, u.peak>>20, u.threads, u.files)
}
