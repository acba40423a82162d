package experiments

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// windows sends an event into each of many windows of one key, and asks for all of them with their parts.
func windows(ctx context.Context, l *Lab) ([]Finding, error) {
	o := l.newLoad("windows")
	o.step = time.Hour
	const perRequest = 100
	requests := l.Sizes.Windows / perRequest
	if err := o.send(ctx, perRequest, func(n int) bool { return n < requests }); err != nil {
		return nil, err
	}
	found, err := o.awaitBoth(ctx)
	if err != nil {
		return found, err
	}
	var took []time.Duration
	var last counted
	const queries = 5
	for range queries {
		last, err = o.query(ctx, url.Values{"parts": {"true"}})
		var refused *client.Problem
		if errors.As(err, &refused) {
			return append(found, Finding{What: "answer with parts", Value: fmt.Sprintf("refused with %d: %s", refused.Status,
				refused.Code)}), nil
		}
		if err != nil {
			return found, err
		}
		took = append(took, last.took)
	}
	return append(found,
		Finding{What: "windows in the answer", Value: fmt.Sprint(last.rows)},
		Finding{What: "size of the answer, unpacked", Value: fmt.Sprintf("%d bytes", last.bytes)},
		Finding{What: "time of a query, from this machine", Value: percentiles(took)},
	), nil
}
