package eventsource

import (
	"bytes"
	"encoding/json"
	"errors"
)

// ErrThrottled says that the function was not invoked at all, for want of concurrency (Lambda's TooManyRequestsException, 429).
// Wrap it in what is passed to ParseResponse.
var ErrThrottled = errors.New("function throttled")

// Outcome is how one invocation ended. The zero value is none, so that a forgotten result is never taken for success.
type Outcome int

// Only Returned may carry failures; Mapping.Finished compares a response with the batch.
const (
	Returned      Outcome = iota + 1 // the function returned a response of the right form
	BadResponse                      // the function returned something else
	FunctionError                    // the function returned an error, crashed or timed out
	Throttled                        // the function was not invoked
)

// Result is the answer of one invocation: what ParseResponse makes of it, or what a simulation invents.
type Result struct {
	Outcome Outcome
	// Failures are the sequence numbers the function returned as itemIdentifiers, in its order; empty means success.
	Failures []Sequence
}

// ParseResponse reads the payload a function returned, or the error of invoking it.
//
// Success (Returned without failures) is an empty payload, null, "", [], {}, an object whose batchItemFailures is absent, null or empty.
// Failures are batchItemFailures: [{"itemIdentifier": "<sequence number>"}, ...]. A name spelt differently is another name: without
// batchItemFailures an object is success, without itemIdentifier an element makes the response bad. All else is BadResponse, which the
// mapping takes for a complete failure if ReportBatchItemFailures is set, else for success.
//
// Source: AWS Lambda Developer Guide, services-kinesis-batchfailurereporting. "" and [] are recorded behaviour
// (localstack/localstack, test_kinesis_report_batch_item_success_scenarios, validated against AWS).
func ParseResponse(payload []byte, err error) Result {
	switch {
	case errors.Is(err, ErrThrottled):
		return Result{Outcome: Throttled}
	case err != nil:
		return Result{Outcome: FunctionError}
	}
	failures, ok := parseFailures(payload)
	if !ok {
		return Result{Outcome: BadResponse}
	}
	return Result{Outcome: Returned, Failures: failures}
}

func parseFailures(payload []byte) ([]Sequence, bool) {
	payload = bytes.TrimSpace(payload)
	if len(payload) == 0 {
		return nil, true
	}
	// Maps, not structs: encoding/json would match the names of a struct whatever their case.
	var object map[string]json.RawMessage
	if err := json.Unmarshal(payload, &object); err != nil {
		return nil, emptyNonObject(payload)
	}
	list, present := object["batchItemFailures"]
	if !present {
		return nil, true
	}
	var elements []map[string]json.RawMessage
	if err := json.Unmarshal(list, &elements); err != nil {
		return nil, false
	}
	failures := make([]Sequence, 0, len(elements))
	for _, element := range elements {
		id, ok := parseIdentifier(element["itemIdentifier"])
		if !ok {
			return nil, false
		}
		failures = append(failures, id)
	}
	return failures, true
}

func emptyNonObject(payload []byte) bool {
	var value any
	if err := json.Unmarshal(payload, &value); err != nil {
		return false
	}
	list, isList := value.([]any)
	return value == "" || isList && len(list) == 0
}

func parseIdentifier(raw json.RawMessage) (Sequence, bool) {
	var id *string
	if raw == nil || json.Unmarshal(raw, &id) != nil || id == nil || *id == "" {
		return "", false
	}
	return Sequence(*id), true
}
