package runner

import (
	"context"
	"time"
)

// Short says whether another piece of work may not fit into the time that ctx leaves: less than half of what there was when the work was started. Without
// a deadline it always fits.
func Short(ctx context.Context, started, now time.Time) bool {
	deadline, ok := ctx.Deadline()
	return ok && deadline.Sub(now) < now.Sub(started)
}
