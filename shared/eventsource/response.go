package eventsource

import (
	"bytes"
	"encoding/json"
	"errors"
)

// ErrThrottled means that the function was not invoked, because no concurrency was free (Lambda's
// TooManyRequestsException, 429). Wrap it in the error passed to ParseResponse.
var ErrThrottled = errors.New("function throttled")

// Outcome says how one invocation ended. The zero value is invalid, so a forgotten result never counts as success.
type Outcome int

// Only a Returned result may have failures. Mapping.Finished checks them against the batch.
const (
	Returned      Outcome = iota + 1 // the function returned a well-formed response
	BadResponse                      // the function returned something else
	FunctionError                    // the function returned an error, crashed or timed out
	Throttled                        // the function was not invoked
)

// Result is the result of one invocation. ParseResponse returns it, or a simulation makes it up.
type Result struct {
	Outcome Outcome
	// Failures has the sequence numbers that the function returned as itemIdentifiers, in its order. With Returned, none
	// means success.
	Failures []Sequence
}

// ParseResponse parses the payload that a function returned, or the error of invoking it.
//
// These payloads are success (Returned without failures): an empty payload, null, "", [], {}, and an object whose
// batchItemFailures is absent, null or empty. Failures have the form batchItemFailures: [{"itemIdentifier": "<sequence
// number>"}, ...]. Names are case-sensitive: an object without batchItemFailures is success, and an element without
// itemIdentifier makes the response bad. Any other payload is BadResponse. The mapping treats that as a complete
// failure if ReportBatchItemFailures is set, and as success otherwise.
//
// Source: AWS Lambda Developer Guide, services-kinesis-batchfailurereporting; for "" and [], recorded behaviour
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
	// Use maps, not structs: encoding/json matches the names of struct fields without regard to case.
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
