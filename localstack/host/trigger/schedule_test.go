package trigger_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/host/trigger"
)

var at = time.Date(2026, 11, 22, 23, 59, 58, 7, time.FixedZone("", 3600))

func TestSchedulePayload(t *testing.T) {
	s := trigger.Schedule{Name: "anabranch-batch", Region: "eu-west-1", Account: "123456789012"}
	payload, err := s.Payload(at)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	if id, _ := got["id"].(string); len(id) != 36 {
		t.Errorf("id %q", id)
	}
	delete(got, "id")
	want := map[string]any{
		"version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": "123456789012",
		"time":      "2026-11-22T22:59:58Z",
		"region":    "eu-west-1",
		"resources": []any{"arn:aws:scheduler:eu-west-1:123456789012:schedule/default/anabranch-batch"},
		"detail":    "{}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var e events.EventBridgeEvent
	if err := json.Unmarshal(payload, &e); err != nil || !e.Time.Equal(at.Truncate(time.Second)) {
		t.Errorf("as the library reads it: %+v, %v", e, err)
	}
	if _, err := (&trigger.Schedule{Name: "x", Region: "y"}).Payload(at); err == nil {
		t.Error("a payload without an account")
	}
}

func TestFire(t *testing.T) {
	s := trigger.Schedule{
		Name: "n", Input: json.RawMessage(`{"end":1}`),
		Invoke: func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil },
	}
	if got, err := s.Fire(t.Context(), at); err != nil || string(got) != `{"end":1}` {
		t.Errorf("with an input: %s, %v", got, err)
	}
	s.Input, s.Region, s.Account = nil, "r", "a"
	if got, err := s.Fire(t.Context(), at); err != nil || !strings.Contains(string(got), `"time":"2026-11-22T22:59:58Z"`) {
		t.Errorf("without: %s, %v", got, err)
	}
}

// TestScheduleOverlaps checks that a run that has not ended, or that has failed, does not stop the next one from
// beginning.
func TestScheduleOverlaps(t *testing.T) {
	var mu sync.Mutex
	var ends []chan struct{}
	third := make(chan struct{})
	s := trigger.Schedule{
		Name: "n", Region: "r", Account: "a", Every: time.Millisecond,
		Invoke: func(context.Context, []byte) ([]byte, error) {
			end := make(chan struct{})
			mu.Lock()
			ends = append(ends, end)
			if len(ends) == 3 {
				close(third)
			}
			mu.Unlock()
			<-end
			return nil, errors.New("crashed")
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	<-third
	cancel()
	for open := true; open; { // until Run returns, which waits for all runs
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			open = false
		default:
			mu.Lock()
			for _, end := range ends {
				select {
				case <-end:
				default:
					close(end)
				}
			}
			mu.Unlock()
		}
	}
}

func TestScheduleSettings(t *testing.T) {
	if err := (&trigger.Schedule{Name: "n"}).Run(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "invalid Every 0s") {
		t.Errorf("error %v", err)
	}
}
