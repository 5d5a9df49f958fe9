package process

import (
	"io"
	"log/slog"

	"rollcall.dev/internal/settings"
)

// Logger writes to w at the level and in the format that were set. Values
// settings.Parse would refuse give info and text.
func Logger(w io.Writer, log settings.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(log.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
