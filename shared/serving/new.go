package serving

import (
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
)

// New returns a Serving. The settings must pass setting.All.Check.
func New(
	stores Stores, sweeps catalog.Sweeps, settings setting.All, parallel runner.Runner, now func() time.Time,
) *Serving {
	return &Serving{
		Stores: stores, Sweeps: sweeps,
		Limits: Limits{
			MaxRows: settings.MaxRows, MaxKeys: settings.MaxKeys, MaxRead: settings.MaxRead, MaxMerged: settings.MaxMerged,
		},
		LateAfter: settings.LateAfter(), Parallel: parallel, Now: now,
	}
}
