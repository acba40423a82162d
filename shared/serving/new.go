package serving

import (
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/setting"
)

// New makes a Serving. The settings are ones that setting.All.Check passes.
func New(stores Stores, sweeps catalog.Sweeps, settings setting.All, now func() time.Time) *Serving {
	return &Serving{Stores: stores, Sweeps: sweeps, MaxRows: settings.MaxRows, LateAfter: settings.LateAfter(), Now: now}
}
