package operations

import (
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/setting"
)

// New returns Operations on the control table. The settings must pass setting.All.Check.
func New(control catalog.Control, settings setting.All, now func() time.Time) *Operations {
	return &Operations{Catalog: control, Sweeps: control, Tries: settings.WriteTries, Now: now}
}
