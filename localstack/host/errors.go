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
	// ErrPayload: the payload is no JSON, or above 6 MB.
	ErrPayload = errors.New("payload refused")
	// ErrThrottled: as many calls as Concurrency allows are under way; this one was not begun. It is eventsource.ErrThrottled.
	ErrThrottled = fmt.Errorf("%w: as many calls as its concurrency allows are under way", eventsource.ErrThrottled)
	// ErrLost: the function has answered, and by a Fault nobody gets to know what.
	ErrLost = errors.New("the answer was lost")
)

// The types that Lambda itself gives errors of a function.
const (
	TypeTimedOut = "Sandbox.Timedout"              // it was killed at its time-out
	TypeExited   = "Runtime.ExitError"             // its process ended before it answered
	TypeTooLarge = "Function.ResponseSizeTooLarge" // its answer is above 6 MB
	TypeUnknown  = "Runtime.Unknown"               // it failed, and did not say how
)

// FunctionError says that a function was run and did not succeed: the X-Amz-Function-Error of an invocation.
type FunctionError struct {
	Type    string // errorType: the function's own ("errorString"), or Lambda's
	Message string // errorMessage
	Payload []byte // the error as JSON, as the caller of an invocation gets it
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// posted is what a function says of its failure. What is no JSON becomes the message.
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

// platform is an error that Lambda reports for a function.
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
	return platform(TypeTimedOut, fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, after.Seconds()))
}

func exited(requestID, how string) *FunctionError {
	if how == "exit status 0" {
		return platform(TypeExited, fmt.Sprintf("RequestId: %s Error: Runtime exited without providing a reason", requestID))
	}
	return platform(TypeExited, fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", requestID, how))
}
