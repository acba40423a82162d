package host

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/eventsource"
)

// Errors of Invoke besides a *FunctionError.
var (
	ErrUnknown = errors.New("unknown function")
	ErrClosed  = errors.New("the host is closed")
	// ErrPayload: the payload is not JSON, or is larger than 6 MB.
	ErrPayload = errors.New("invalid payload")
	// ErrThrottled: as many calls as Concurrency allows are under way; this call did not start. It wraps
	// eventsource.ErrThrottled.
	ErrThrottled = fmt.Errorf("%w: as many calls as its concurrency allows are under way", eventsource.ErrThrottled)
	// ErrLost: the function has answered, and a Fault lost the answer.
	ErrLost = errors.New("the answer was lost")
)

// Error types that Lambda itself reports for a function.
const (
	TypeTimedOut = "Sandbox.Timedout"              // Lambda killed the function at its timeout
	TypeExited   = "Runtime.ExitError"             // the process ended before it answered
	TypeTooLarge = "Function.ResponseSizeTooLarge" // the answer is larger than 6 MB
	TypeUnknown  = "Runtime.Unknown"               // the function failed without giving an error type
)

// FunctionError says that a function ran and failed: the X-Amz-Function-Error of an invocation.
type FunctionError struct {
	Type    string // errorType: the function's own ("errorString"), or Lambda's
	Message string // errorMessage
	Payload []byte // the error as JSON, as the caller of an invocation gets it
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// posted returns the error that a function has reported. A payload that is not JSON becomes the message.
func posted(payload []byte, header string) *FunctionError {
	var said struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	if json.Unmarshal(payload, &said) != nil {
		return platform(cmp.Or(header, TypeUnknown), string(payload))
	}
	return &FunctionError{Type: cmp.Or(said.ErrorType, header, TypeUnknown), Message: said.ErrorMessage, Payload: payload}
}

// platform returns an error that Lambda itself reports for a function.
func platform(kind, message string) *FunctionError {
	payload, err := json.Marshal(struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}{kind, message})
	if err != nil { // not of two strings
		payload = []byte(`{"errorType":"` + TypeUnknown + `"}`)
	}
	return &FunctionError{Type: kind, Message: message, Payload: payload}
}

func timedOut(requestID string, after time.Duration) *FunctionError {
	return platform(
		TypeTimedOut, fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, after.Seconds()),
	)
}

func exited(requestID, how string) *FunctionError {
	if how == "exit status 0" {
		return platform(TypeExited, fmt.Sprintf("RequestId: %s Error: Runtime exited without providing a reason", requestID))
	}
	return platform(TypeExited, fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", requestID, how))
}
