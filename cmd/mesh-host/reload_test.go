package main

import (
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/spf13/pflag"
)

// A reload reads what the sources say now, flags and all.
func TestReloader(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "[plugins.auth]\ninstances = 2\n")
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	addConfigFlags(flags)
	if err := flags.Parse([]string{"--config", path, "--listen", ":9"}); err != nil {
		t.Fatal(err)
	}
	reload := reloader(flags)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := reload(); err != nil || c.Plugins.For("auth").Instances != 2 || c.Listen != ":9" {
		t.Errorf("%+v, %v", c, err)
	}
	write("[plugins.auth]\ninstances = 3\n[plugins.auth.config]\na = 1\n")
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			c, err := reload()
			if p := c.Plugins.For("auth"); err != nil || p.Instances != 3 || string(p.Config) != `{"a":1}` || c.Listen != ":9" {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
	readers.Wait()
	write("[plugins.auth]\ninstances = 0\n")
	var refused *configError
	if _, err := reload(); !errors.As(err, &refused) {
		t.Errorf("a bad file: %v", err)
	}
}
