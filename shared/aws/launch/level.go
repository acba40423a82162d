package launch

import (
	"context"
	"log/slog"
)

// leveled is a log handler that leaves out the lines below a level. Lambda must not do that for us: it would leave out
// the lines of metrics, too, since they have no level.
//
// Source: AWS Lambda Developer Guide, log-level filtering: a line without a level has the level INFO.
type leveled struct {
	slog.Handler
	lowest slog.Level
}

// Enabled implements slog.Handler.
func (l leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= l.lowest && l.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (l leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{l.Handler.WithAttrs(attrs), l.lowest}
}

// WithGroup implements slog.Handler.
func (l leveled) WithGroup(name string) slog.Handler {
	return leveled{l.Handler.WithGroup(name), l.lowest}
}
