package dev

import (
	"log/slog"
	"time"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/view"
)

// Settings holds the settings of a server. Every field but Reload, Hosts, Origins and Limits must be set.
type Settings struct {
	setting.All // see Default; a used directory keeps its first layout

	Definitions []view.Definition
	Reload      func() ([]view.Definition, error) // returns the definitions if they have changed, else nil; optional
	Dir         string                            // directory of the archive
	Hosts       []string                          // names of this server, besides addresses and names without a dot
	Origins     api.Origins                       // pages that may write and query; optional
	Limits      Limits                            // zero: DefaultLimits
	Log         *slog.Logger
}

// Default returns the settings of a system in one process. They differ from AWS where it has one clock, where its
// stream and queue do not outlive it, and where it sweeps sooner because somebody watches. Fit completes them.
func Default() setting.All {
	s := setting.Default()
	s.Lanes = 4                           // several, as a larger stack has
	s.LeaseFor = 0                        // one process does everything
	s.LongestInvocation = 5 * time.Minute // speed gives up a batch long before
	s.ClockMargin, s.ClockUnit = 0, 0
	s.StreamRetention, s.QueueRetention = 10*time.Minute, 0 // the stream delivers within seconds
	s.PublishTime, s.ConfirmWithin, s.SweepAfter = time.Second, time.Second, time.Minute
	s.RunBytes, s.ReplayBytes = 4<<20, 4<<20 // the process has no memory of its own for each function
	return Fit(s)
}

// Fit returns the settings with those that follow from others here.
//
// Memory holds seen items for as long as MaxStreamAge says and some more, so it is short. A start puts the events of
// the last speed window, and of the slots that are not sealed, into the stream again. It rebuilds the views before
// that, which may take as long again.
func Fit(s setting.All) setting.All {
	s.MaxStreamAge = 2*s.SpeedWindow + s.Slot + s.SealDelay + 2*s.SweepAfter
	return s
}
