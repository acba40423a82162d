package stream_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

// TestARecordFitsWithAnyLane checks that the largest record fits: the partition key counts towards Kinesis's 1 MiB, and
// may have 256 characters.
func TestARecordFitsWithAnyLane(t *testing.T) {
	longest := event.Lane{Layout: math.MaxInt64, Count: event.MaxLanes, N: event.MaxLanes - 1}.String()
	if len(longest) > 256 || stream.MaxRecord+len(longest) > 1<<20 {
		t.Errorf("a record of %d bytes does not fit with its lane %s", stream.MaxRecord, longest)
	}
}

// TestGoldenRepublish never changes: requests wait in the queue across deployments.
func TestGoldenRepublish(t *testing.T) {
	request := stream.Republish{
		Object: "events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst", Lanes: []string{"1.4.0", "1.4.3"},
	}
	const golden = `{"object":"events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst","lanes":["1.4.0","1.4.3"]}`
	text, err := json.Marshal(request)
	if diff := cmp.Diff(golden, string(text)); diff != "" || err != nil {
		t.Errorf("encoded (-want +got), error %v:\n%s", err, diff)
	}
	var got stream.Republish
	err = json.Unmarshal([]byte(golden), &got)
	if diff := cmp.Diff(request, got); diff != "" || err != nil {
		t.Errorf("decoded (-want +got), error %v:\n%s", err, diff)
	}
}
