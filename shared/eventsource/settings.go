package eventsource

import (
	"errors"
	"fmt"
	"time"
)

// NoLimit stands for "until the record expires" in MaximumRetryAttempts and for "no limit" in MaximumRecordAge.
const NoLimit = -1

// MaxLambdaPayload is the largest event Lambda accepts in a synchronous invocation, in bytes of JSON.
//
// Source: AWS Lambda Developer Guide, Lambda quotas: 6 MB, as the API's error message says 6291456 bytes.
const MaxLambdaPayload = 6 << 20

const (
	maxBatchSize     = 10_000
	maxWindow        = 300 * time.Second
	maxParallel      = 10
	maxRetryAttempts = 10_000
	minAgeOnAWS      = 60 * time.Second
	maxAge           = 604_800 * time.Second
	// largestPlainBatch is the largest BatchSize that AWS allows without a batching window.
	largestPlainBatch = 10
)

// Settings holds the settings of a mapping, under AWS's names. Begin with Defaults.
//
// Source: AWS Lambda API Reference, CreateEventSourceMapping; Developer Guide, services-kinesis-parameters.
type Settings struct {
	// Source describes the stream in the event. The mapping uses it only to count event bytes against MaxPayload.
	Source Source
	// BatchSize is the most records that one batch may have: 1 to 10,000; AWS's default is 100.
	BatchSize int
	// MaximumBatchingWindow is how long a batch may gather records after its first record was read: 0 s (not at all) to
	// 300 s; AWS's default is 0 s.
	MaximumBatchingWindow time.Duration
	// ParallelizationFactor is the most batches of one shard that may run at once: 1 to 10; AWS's default is 1.
	ParallelizationFactor int
	// BisectBatchOnFunctionError splits a batch in two when it failed as a whole: after a function error and (ours) after
	// a response that is a complete failure. AWS's default is false.
	BisectBatchOnFunctionError bool
	// MaximumRetryAttempts is the most retries of a batch before the mapping discards it: 0 to 10,000, or NoLimit, which
	// is AWS's default. Danger: applied positions move past discarded records, so the speed layer needs NoLimit
	// (docs/design.md 3.3).
	MaximumRetryAttempts int
	// MaximumRecordAge is the age since Arrival at which the mapping discards a record: above 0 s, at most 604,800 s, or
	// NoLimit, which is AWS's default. Danger: as for MaximumRetryAttempts, the speed layer needs NoLimit.
	MaximumRecordAge time.Duration
	// ReportBatchItemFailures makes the mapping parse responses. Without it, whatever a function returns is success. AWS's
	// default is false.
	ReportBatchItemFailures bool
	// StartingPosition is TrimHorizon or Latest; it has no default. With Latest, records put between the first poll of a
	// shard and the first record read from it are lost if the mapping is restored in between. This is a known limit: AWS
	// also recommends TRIM_HORIZON.
	StartingPosition From
	// MaxPayload is the most bytes of event JSON that one batch may have, as AppendEvent writes it; the default is
	// MaxLambdaPayload. A record that exceeds it alone gets a batch of its own.
	MaxPayload int
}

// Defaults returns AWS's defaults. The caller must set StartingPosition, which AWS requires, and Source.
func Defaults() Settings {
	return Settings{
		BatchSize:             100,
		ParallelizationFactor: 1,
		MaximumRetryAttempts:  NoLimit,
		MaximumRecordAge:      NoLimit,
		MaxPayload:            MaxLambdaPayload,
	}
}

// Validate returns an error that names every invalid setting. It allows windows and ages below a second, which AWS does
// not; see ValidateAWS.
func (s Settings) Validate() error {
	var errs []error
	within := func(name string, value, low, high int64, special bool) {
		if (value < low || value > high) && !special {
			errs = append(errs, fmt.Errorf("%s is %d, want %d to %d", name, value, low, high))
		}
	}
	within("BatchSize", int64(s.BatchSize), 1, maxBatchSize, false)
	within("ParallelizationFactor", int64(s.ParallelizationFactor), 1, maxParallel, false)
	within("MaximumRetryAttempts", int64(s.MaximumRetryAttempts), 0, maxRetryAttempts, s.MaximumRetryAttempts == NoLimit)
	if w := s.MaximumBatchingWindow; w < 0 || w > maxWindow {
		errs = append(errs, fmt.Errorf("MaximumBatchingWindow is %s, want 0s to %s", w, maxWindow))
	}
	if a := s.MaximumRecordAge; a != NoLimit && (a <= 0 || a > maxAge) {
		errs = append(errs, fmt.Errorf("MaximumRecordAge is %s, want more than 0s and at most %s, or NoLimit", a, maxAge))
	}
	if s.StartingPosition != TrimHorizon && s.StartingPosition != Latest {
		errs = append(errs, fmt.Errorf("StartingPosition is %q, want %s or %s", s.StartingPosition, TrimHorizon, Latest))
	}
	if s.MaxPayload < 1 {
		errs = append(errs, fmt.Errorf("MaxPayload is %d, want at least 1 byte", s.MaxPayload))
	}
	return errors.Join(errs...)
}

// ValidateAWS calls Validate and, if that finds nothing, returns an error that names every setting that AWS would
// refuse. AWS requires whole seconds, an age of at least a minute, a window of at least a second for batches of more
// than ten records, and at most Lambda's payload limit.
//
// Source: AWS Lambda API Reference, CreateEventSourceMapping: "When you set BatchSize to a value greater than 10, you
// must set MaximumBatchingWindowInSeconds to at least 1."
func (s Settings) ValidateAWS() error {
	if err := s.Validate(); err != nil {
		return err
	}
	var errs []error
	if w := s.MaximumBatchingWindow; w%time.Second != 0 {
		errs = append(errs, fmt.Errorf("MaximumBatchingWindow is %s, want whole seconds on AWS", w))
	}
	if s.BatchSize > largestPlainBatch && s.MaximumBatchingWindow < time.Second {
		errs = append(errs, fmt.Errorf("MaximumBatchingWindow is %s with BatchSize %d, want at least 1s on AWS above %d",
			s.MaximumBatchingWindow, s.BatchSize, largestPlainBatch))
	}
	if a := s.MaximumRecordAge; a != NoLimit && (a < minAgeOnAWS || a%time.Second != 0) {
		errs = append(errs, fmt.Errorf("MaximumRecordAge is %s, want whole seconds from %s on AWS, or NoLimit", a,
			minAgeOnAWS))
	}
	if s.MaxPayload > MaxLambdaPayload {
		errs = append(errs, fmt.Errorf("MaxPayload is %d, want at most %d on AWS", s.MaxPayload, MaxLambdaPayload))
	}
	return errors.Join(errs...)
}
