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

// Settings are the settings of the mapping, under AWS's names. Begin with Defaults.
//
// Source: AWS Lambda API Reference, CreateEventSourceMapping; Developer Guide, services-kinesis-parameters.
type Settings struct {
	// Source names the stream in the event. The mapping counts its bytes against MaxPayload and uses it for nothing else.
	Source Source
	// BatchSize is the most records one batch may have: 1 to 10,000, AWS's default 100.
	BatchSize int
	// MaximumBatchingWindow is how long a batch may gather, from the reading of its first record: 0 (at once) to 300 s, AWS's default 0.
	MaximumBatchingWindow time.Duration
	// ParallelizationFactor is how many batches of one shard may run at once: 1 to 10, AWS's default 1.
	ParallelizationFactor int
	// BisectBatchOnFunctionError splits a batch that failed as a whole in two: after a function error and, ours, after a response that is a
	// complete failure. AWS's default: false.
	BisectBatchOnFunctionError bool
	// MaximumRetryAttempts is how often a batch is tried again before it is given up: 0 to 10,000, or NoLimit, AWS's default.
	// Danger: an applied position runs past what is given up, so the speed layer wants NoLimit (docs/design.md 3.3).
	MaximumRetryAttempts int
	// MaximumRecordAge is the age, from Arrival, at which a record is given up: above 0, at most 604,800 s, or NoLimit, AWS's default.
	// Danger: as for MaximumRetryAttempts.
	MaximumRecordAge time.Duration
	// ReportBatchItemFailures makes the mapping look at responses; without it whatever a function returns is success. AWS's default: false.
	ReportBatchItemFailures bool
	// StartingPosition is TrimHorizon or Latest and has no default. With Latest, what is put between the first poll of a shard and the first
	// record read from it is lost if the mapping is restored in between (accepted: AWS, too, says to use TRIM_HORIZON).
	StartingPosition From
	// MaxPayload is the most bytes of event JSON one batch may have, counted as AppendEvent writes it; default MaxLambdaPayload. A record
	// that passes it by itself is a batch by itself.
	MaxPayload int
}

// Defaults are AWS's. StartingPosition, which AWS demands, and Source are left to be set.
func Defaults() Settings {
	return Settings{
		BatchSize:             100,
		ParallelizationFactor: 1,
		MaximumRetryAttempts:  NoLimit,
		MaximumRecordAge:      NoLimit,
		MaxPayload:            MaxLambdaPayload,
	}
}

// Validate names every setting with which the mapping cannot run. Windows and ages below a second are allowed: AWS counts in seconds,
// a laptop need not. See ValidateAWS.
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

// ValidateAWS is Validate, and if that is content names every setting that AWS would refuse all the same: whole seconds, an age of at least a
// minute, a window of at least a second for batches of more than ten, Lambda's payload limit.
//
// Source: AWS Lambda API Reference, CreateEventSourceMapping: "When you set BatchSize to a value greater than 10, you must set
// MaximumBatchingWindowInSeconds to at least 1."
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
		errs = append(errs, fmt.Errorf("MaximumRecordAge is %s, want whole seconds from %s on AWS, or NoLimit", a, minAgeOnAWS))
	}
	if s.MaxPayload > MaxLambdaPayload {
		errs = append(errs, fmt.Errorf("MaxPayload is %d, want at most %d on AWS", s.MaxPayload, MaxLambdaPayload))
	}
	return errors.Join(errs...)
}
