package setting

import (
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
)

// Host is what the process gives to a layer, beside its stores and the settings.
type Host struct {
	Layout   archive.Layout // the archive's: see All.OpenLayout
	Codec    *event.Codec   // see All.NewCodec
	Parallel runner.Runner  // runs what a layer does at once, and requests to the stores
	Workers  int            // what folds at once
	Now      func() time.Time
	NewULID  func(at time.Time) (ulid.ULID, error) // one never made before
	Log      *slog.Logger
}
