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

// Schedule invokes a function at a fixed rate, as EventBridge Scheduler does. It begins one interval after its start,
// and does not wait for the end of the last invocation. Unlike AWS, it does not retry: on AWS, Lambda retries a failed
// asynchronous invocation as configured.
type Schedule struct {
	Every   time.Duration   // Time between two invocations.
	Name    string          // Name of the schedule, for example "anabranch-batch".
	Region  string          // Region, for example "us-east-1".
	Account string          // Account, for example "000000000000".
	Input   json.RawMessage // Input of the target. nil means Scheduler's default payload.
	Invoke  Invoke          // Runs the function.
	Log     *slog.Logger    // Gets the errors of invocations. nil discards them.
}

// Run invokes the function until ctx ends. It returns when the running invocations have ended, too. It logs the errors
// of invocations.
//
// Errors: an invalid Every. Do not retry.
func (s *Schedule) Run(ctx context.Context) error {
	if s.Every <= 0 {
		return fmt.Errorf("schedule %s: invalid Every %s: must be more than 0s", s.Name, s.Every)
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
				_, err := s.Fire(context.WithoutCancel(ctx), at) // an invocation that has begun runs to its end
				if err != nil {
					log.WarnContext(ctx, "schedule", "schedule", s.Name, "error", err)
				}
			})
		}
	}
}

// Fire invokes the function once, as the schedule would at the given time, and returns its response.
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

// Payload returns the payload that Scheduler sends to a Lambda function if the target has no Input. Its detail is the
// text "{}", not an object.
//
// Source: EventBridge Scheduler User Guide, managing-targets; events of it in public repositories.
func (s *Schedule) Payload(at time.Time) ([]byte, error) {
	if s.Region == "" || s.Account == "" || s.Name == "" {
		return nil, errors.New("schedule: missing Name, Region or Account: the payload needs all three")
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

// newID returns a random UUID, version 4.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never returns an error: it crashes the process instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
