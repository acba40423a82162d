package setting

import (
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runner"
)

// Host is what a process gives to a layer besides stores and settings.
type Host struct {
	Layout   archive.Layout  // layout of the archive: see All.OpenLayout
	Codec    *event.Codec    // see All.NewCodec
	Parallel runner.Runner   // runs a layer's concurrent work and its requests to stores
	Repeat   runner.Repeater // renews leases beside the work
	Workers  int             // number of folds that run at once
	Memory   int             // memory of the function in MB; 0: unknown
	Now      func() time.Time
	NewULID  func(at time.Time) (ulid.ULID, error) // returns a ULID that was never made before
	Log      *slog.Logger
}
