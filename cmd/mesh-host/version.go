package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set by scripts/build with -ldflags -X; what is empty is read from the build
// information that the Go command leaves in the binary.
var (
	version string
	commit  string
)

// build says what this binary was made from.
type build struct{ version, commit string }

func buildInfo() build {
	b := build{version: version, commit: commit}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{cmp.Or(b.version, "unknown"), cmp.Or(b.commit, "unknown")}
	}
	b.version = cmp.Or(b.version, info.Main.Version, "(devel)")
	if b.commit == "" {
		b.commit = commitOf(info.Settings)
	}
	return b
}

// commitOf finds the commit in the build settings, with a mark if the work
// tree had changes.
func commitOf(settings []debug.BuildSetting) string {
	revision, changed := "unknown", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " (with changes)"
		}
	}
	return revision + changed
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, commit and Go version",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b := buildInfo()
			_, err := fmt.Fprintf(c.OutOrStdout(), "mesh-host %s\ncommit    %s\ngo        %s %s/%s\n",
				b.version, b.commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
