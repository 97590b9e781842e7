package main

import (
	"io"
	"log/slog"

	"github.com/mesh-host/mesh-host/host"
)

// newLogger writes to w what cfg asks for. cfg has been validated.
func newLogger(cfg host.LogConfig, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
