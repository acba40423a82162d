package catalog_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
)

func TestAuditIsDue(t *testing.T) {
	const (
		every = 24 * time.Hour
		now   = event.Millis(1_795_555_500_000)
		m     = 60_000
	)
	for _, c := range []struct {
		name         string
		audit        catalog.Audit
		running, due bool
	}{
		{"never", catalog.Audit{}, false, true},
		{"requested, never audited", catalog.Audit{Requested: now}, false, true},
		{"ended", catalog.Audit{Begun: now - m, Ended: now - m}, false, false},
		{"ended almost a day ago", catalog.Audit{Begun: now - 24*60*m + 1, Ended: now - 23*60*m}, false, false},
		{"begun a day ago", catalog.Audit{Begun: now - 24*60*m, Ended: now - 23*60*m}, false, true},
		{"under way", catalog.Audit{Begun: now - 20*m + 1, Ended: now - 30*m}, true, false},
		{"never ended", catalog.Audit{Begun: now - 20*m, Ended: now - 30*m}, false, true},
		{"requested before it began", catalog.Audit{Requested: now - 3*m, Begun: now - 2*m, Ended: now - m}, false, false},
		{
			"requested while it was running", catalog.Audit{Requested: now - m, Begun: now - 2*m, Ended: now - m},
			false, true,
		},
		{"requested, and still running", catalog.Audit{Requested: now - m, Begun: now - 2*m}, true, false},
	} {
		at := now.Time()
		if running, due := c.audit.IsRunning(at), c.audit.IsDue(at, every); running != c.running || due != c.due {
			t.Errorf("%s: running %v, due %v; want %v, %v", c.name, running, due, c.running, c.due)
		}
	}
}

// TestAuditMoves does everything in one millisecond. A request must come after the audit that has begun, and an audit
// must begin after both its request and the end of the audit before.
func TestAuditMoves(t *testing.T) {
	now := time.UnixMilli(1_795_555_500_000)
	a := catalog.Audit{View: "v"}
	for range 3 {
		if a = a.WithRequest(now); a.IsRunning(now) || !a.IsDue(now, time.Hour) {
			t.Fatalf("requested: %+v", a)
		}
		if a = a.Beginning(now); !a.IsRunning(now) || a.IsDue(now, time.Hour) {
			t.Fatalf("running: %+v", a)
		}
		if again := a.WithRequest(now); again.Requested <= a.Begun {
			t.Fatalf("requested while running: %+v", again)
		}
		if a.Ended = a.Begun; a.IsRunning(now) || a.IsDue(now, time.Hour) {
			t.Fatalf("ended: %+v", a)
		}
	}
}
