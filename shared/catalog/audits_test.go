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
		name  string
		audit catalog.Audit
		due   bool
	}{
		{"never", catalog.Audit{}, true},
		{"requested, never audited", catalog.Audit{Requested: now}, true},
		{"ended", catalog.Audit{Begun: now - m, Ended: now - m}, false},
		{"ended almost a day ago", catalog.Audit{Begun: now - 24*60*m + 1, Ended: now - 23*60*m}, false},
		{"begun a day ago", catalog.Audit{Begun: now - 24*60*m, Ended: now - 23*60*m}, true},
		{"not ended yet", catalog.Audit{Begun: now - 1, Ended: now - 30*m}, true},
		{"requested before it began", catalog.Audit{Requested: now - 3*m, Begun: now - 2*m, Ended: now - m}, false},
		{"requested meanwhile", catalog.Audit{Requested: now - m, Begun: now - 2*m, Ended: now - m}, true},
	} {
		if due := c.audit.IsDue(now.Time(), every); due != c.due {
			t.Errorf("%s: due %v, want %v", c.name, due, c.due)
		}
	}
}

// TestAuditMoves does everything in one millisecond. A request must come after the audit that has begun, and an audit
// must begin after both its request and the end of the audit before.
func TestAuditMoves(t *testing.T) {
	now := time.UnixMilli(1_795_555_500_000)
	a := catalog.Audit{View: "v"}
	for range 3 {
		if a = a.WithRequest(now); !a.IsDue(now, time.Hour) {
			t.Fatalf("requested: %+v", a)
		}
		a = a.Beginning(now)
		if again := a.WithRequest(now); again.Requested <= a.Begun {
			t.Fatalf("requested while running: %+v", again)
		}
		if a.Ended = a.Begun; a.IsDue(now, time.Hour) {
			t.Fatalf("ended: %+v", a)
		}
	}
}
