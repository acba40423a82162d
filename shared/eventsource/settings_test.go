package eventsource_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
)

func quote(t testing.TB, s string) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSettings(t *testing.T) {
	type change = func(*eventsource.Settings)
	for _, c := range []struct {
		name       string
		change     change
		local, aws string // what the error names; empty: none
	}{
		{"AWS's defaults with one second", func(s *eventsource.Settings) { s.MaximumBatchingWindow = time.Second }, "", ""},
		{"the settings of the speed layer", func(s *eventsource.Settings) {
			s.BatchSize, s.MaximumBatchingWindow = 10_000, 5*time.Second
			s.BisectBatchOnFunctionError, s.ReportBatchItemFailures = true, true
		}, "", ""},
		{"batches of ten need no window", func(s *eventsource.Settings) { s.BatchSize = 10 }, "", ""},
		{"batches of eleven need a window on AWS", func(s *eventsource.Settings) {
			s.BatchSize = 11
		}, "", "MaximumBatchingWindow"},
		{"half a second", func(s *eventsource.Settings) {
			s.BatchSize, s.MaximumBatchingWindow = 1, 1500*time.Millisecond
		}, "", "MaximumBatchingWindow"},
		{"BatchSize 0", func(s *eventsource.Settings) { s.BatchSize = 0 }, "BatchSize", "BatchSize"},
		{"BatchSize 10001", func(s *eventsource.Settings) { s.BatchSize = 10_001 }, "BatchSize", "BatchSize"},
		{"window below zero", window(-1), "MaximumBatchingWindow", "MaximumBatchingWindow"},
		{"window above 300 s", window(301 * time.Second), "MaximumBatchingWindow", "MaximumBatchingWindow"},
		{"ParallelizationFactor 0", parallel(0), "ParallelizationFactor", "ParallelizationFactor"},
		{"ParallelizationFactor 11", parallel(11), "ParallelizationFactor", "ParallelizationFactor"},
		{"MaximumRetryAttempts -2", attempts(-2), "MaximumRetryAttempts", "MaximumRetryAttempts"},
		{"MaximumRetryAttempts 10001", attempts(10_001), "MaximumRetryAttempts", "MaximumRetryAttempts"},
		{"MaximumRecordAge 0", age(0), "MaximumRecordAge", "MaximumRecordAge"},
		{"MaximumRecordAge above a week", age(604_801 * time.Second), "MaximumRecordAge", "MaximumRecordAge"},
		{"MaximumRecordAge below a minute", age(59 * time.Second), "", "MaximumRecordAge"},
		{"no StartingPosition", func(s *eventsource.Settings) {
			s.StartingPosition = ""
		}, "StartingPosition", "StartingPosition"},
		{"a sequence number as StartingPosition", func(s *eventsource.Settings) {
			s.StartingPosition = eventsource.AtSequence
		},
			"StartingPosition", "StartingPosition"},
		{"MaxPayload 0", func(s *eventsource.Settings) { s.MaxPayload = 0 }, "MaxPayload", "MaxPayload"},
		{"MaxPayload above Lambda's", func(s *eventsource.Settings) {
			s.MaxPayload = eventsource.MaxLambdaPayload + 1
		}, "", "MaxPayload"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := eventsource.Defaults()
			s.StartingPosition = eventsource.TrimHorizon
			if c.aws != "MaximumBatchingWindow" && c.local != "MaximumBatchingWindow" {
				s.MaximumBatchingWindow = time.Second
			}
			c.change(&s)
			names(t, "Validate", s.Validate(), c.local)
			names(t, "ValidateAWS", s.ValidateAWS(), c.aws)
			_, err := eventsource.New(s)
			names(t, "New", err, c.local)
		})
	}
}

func names(t testing.TB, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v, want none", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want+" is ")):
		t.Errorf("%s: %v, want one that names %s", what, err, want)
	case want != "" && strings.Contains(err.Error(), "\n"):
		t.Errorf("%s: %v, want only %s", what, err, want)
	}
}
