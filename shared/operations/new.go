package operations

import (
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/setting"
)

// New makes Operations over the control table. The settings are ones that setting.All.Check passes.
func New(control catalog.Control, settings setting.All, now func() time.Time) *Operations {
	return &Operations{Catalog: control, Sweeps: control, Tries: settings.WriteTries, Now: now}
}
