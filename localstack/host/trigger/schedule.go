package trigger

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Schedule invokes a function at a fixed rate, as EventBridge Scheduler does: the first time one interval after its start, and again whether or not
// the last invocation has ended. It invokes once per tick: on AWS, Lambda tries a failed asynchronous invocation again as its configuration says.
type Schedule struct {
	Every   time.Duration
	Name    string          // of the schedule: "anabranch-batch"
	Region  string          // "us-east-1"
	Account string          // "000000000000"
	Input   json.RawMessage // the target's Input; nil: Scheduler's default payload
	Invoke  Invoke
	Log     *slog.Logger // nil: nothing is logged
}

// Run fires until ctx ends, and returns when the invocations under way have ended, too. What fails is logged.
//
// Errors: an Every that is none.
func (s *Schedule) Run(ctx context.Context) error {
	if s.Every <= 0 {
		return fmt.Errorf("schedule %s: Every is %s, want more than 0s", s.Name, s.Every)
	}
	log := orSilent(s.Log)
	var running sync.WaitGroup
	defer running.Wait()
	ticker := time.NewTicker(s.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case at := <-ticker.C:
			running.Go(func() {
				_, err := s.Fire(context.WithoutCancel(ctx), at) // what has begun is finished
				if err != nil {
					log.WarnContext(ctx, "schedule", "schedule", s.Name, "error", err)
				}
			})
		}
	}
}

// Fire invokes the function once, as if its time had come at the given one, and returns what it answered.
func (s *Schedule) Fire(ctx context.Context, at time.Time) ([]byte, error) {
	payload := []byte(s.Input)
	if payload == nil {
		var err error
		if payload, err = s.Payload(at); err != nil {
			return nil, err
		}
	}
	return s.Invoke(ctx, payload)
}

// Payload is what Scheduler sends to a Lambda function when the target has no Input. The detail is text, "{}", not an object.
//
// Source: EventBridge Scheduler User Guide, managing-targets; events of it in public repositories.
func (s *Schedule) Payload(at time.Time) ([]byte, error) {
	if s.Region == "" || s.Account == "" || s.Name == "" {
		return nil, errors.New("schedule: Name, Region and Account are part of its payload, want all three")
	}
	return json.Marshal(struct {
		Version    string   `json:"version"`
		ID         string   `json:"id"`
		DetailType string   `json:"detail-type"`
		Source     string   `json:"source"`
		Account    string   `json:"account"`
		Time       string   `json:"time"`
		Region     string   `json:"region"`
		Resources  []string `json:"resources"`
		Detail     string   `json:"detail"`
	}{
		"0", newID(), "Scheduled Event", "aws.scheduler", s.Account, at.UTC().Format(time.RFC3339), s.Region,
		[]string{fmt.Sprintf("arn:aws:scheduler:%s:%s:schedule/default/%s", s.Region, s.Account, s.Name)}, "{}",
	})
}

// newID is a random UUID, version 4.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never an error: it ends the process rather
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
