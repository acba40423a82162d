package history_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/simulation/history"
)

// TestDrills plays incidents of realistic length, and logs how long each takes to catch up.
func TestDrills(t *testing.T) {
	const hour = time.Hour
	for _, d := range []history.Drill{
		{Name: "stream down for 17 hours", Out: history.StreamDown, For: 17 * hour, RequestEvery: 4 * time.Minute},
		{Name: "DynamoDB down for 3 hours", Out: history.DynamoDown, For: 3 * hour, RequestEvery: 30 * time.Second},
		{Name: "S3 down for 10 minutes", Out: history.S3Down, For: 10 * time.Minute, RequestEvery: 20 * time.Second},
		{Name: "batch stopped for 3 days", Out: history.BatchStopped, For: 72 * hour, RequestEvery: 15 * time.Minute},
		{Name: "speed not invoked for 6 hours", Out: history.NotInvoked, For: 6 * hour, RequestEvery: 30 * time.Second,
			Kappa: true},
		{Name: "8 reshards", Out: -1, For: hour, RequestEvery: 20 * time.Second, Reshards: 8},
		{Name: "clocks off by the margin, ingest behind", Out: -1, For: hour, RequestEvery: 30 * time.Second,
			Skew: 30 * time.Second},
		{Name: "clocks off by the margin, ingest ahead", Out: -1, For: hour, RequestEvery: 30 * time.Second,
			Skew: -30 * time.Second},
		{Name: "clocks off by more than the margin, ingest behind", Out: -1, For: hour, RequestEvery: 30 * time.Second,
			Skew: 32 * time.Second, Refused: true},
		{Name: "clocks off by more than the margin, ingest ahead", Out: -1, For: hour, RequestEvery: 30 * time.Second,
			Skew: -32 * time.Second, Refused: true},
	} {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			caughtUp, result, err := d.Play(1)
			if err != nil {
				t.Fatal(describe(err))
			}
			if d.Refused {
				t.Logf("refused: %d requests, no event acknowledged, no run made", caughtUp.Requests)
				return
			}
			t.Logf("%s; %d calls failed of %d", caughtUp, result.Faults.Total(), result.Calls)
			if caughtUp.Acked == 0 || result.Runs == 0 {
				t.Errorf("nothing happened: %s, %d runs", caughtUp, result.Runs)
			}
			// A record has at least one line. Records that wait for speed must not be put into the stream again and again.
			if d.Kappa && caughtUp.Records > caughtUp.Acked*11/10 {
				t.Errorf("%d records of %d events acknowledged, want at most 1.1 each", caughtUp.Records, caughtUp.Acked)
			}
			if d.Reshards > 0 && result.Faults[history.ShardSplit]+result.Faults[history.ShardsMerged] != d.Reshards {
				t.Errorf("%d splits and %d merges, want %d together", result.Faults[history.ShardSplit],
					result.Faults[history.ShardsMerged], d.Reshards)
			}
		})
	}
}
