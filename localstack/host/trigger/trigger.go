// Package trigger invokes functions as AWS's services do: an HTTP API (through MiniStack's proxy mode), a Kinesis
// stream, an SQS queue and a schedule. The emulator provides the services themselves. This package provides the part
// between a service and a function, because emulators differ from AWS there.
//
// The package stands between the emulator and localstack/host, which runs the functions. It knows nothing of Anabranch.
// shared/eventsource holds the rules for streams.
package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/anabranch/anabranch/localstack/host"
)

// Invoke runs a function with one event, as host.Host.Invoke does. It is safe for concurrent use.
type Invoke func(ctx context.Context, payload []byte) ([]byte, error)

// Function returns the Invoke of one function of a host.
func Function(h *host.Host, name string) Invoke {
	return func(ctx context.Context, payload []byte) ([]byte, error) { return h.Invoke(ctx, name, payload) }
}

func orSilent(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

// Proxy serves MiniStack's Lambda proxy mode: MiniStack posts an event, and names the function in a header. If the
// status is 2xx, the body is the function's response. For any other status, MiniStack reports an error of its own that
// quotes the first 512 bytes of the body.
//
// Proxy answers 200 with the function's response, 500 with the function's error, 404 for an unknown function, 400 for
// an event that is not JSON or is larger than 6 MB, 429 for a throttled call, and 503 if the host is closed or the
// answer is lost. If the call is a request of an HTTP API and fails, Proxy instead answers 200 with the response that
// AWS's HTTP API would give its client. MiniStack would give 502 and the whole error; AWS gives 500 without details.
//
// Source: ministack 1.5.33, services/lambda_svc.py, _execute_function_proxy.
func Proxy(h *host.Host) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		name := r.Header.Get("X-Amzn-Lambda-Function-Name")
		event, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "read the event: "+err.Error(), http.StatusBadRequest)
			return
		}
		response, err := h.Invoke(r.Context(), name, event)
		status := http.StatusOK
		if err != nil {
			if status, response = failure(err); fromHTTPAPI(event) {
				status, response = http.StatusOK, internalServerError
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(response) // an error changes nothing: the emulator has given up
	})
	return mux
}

// internalServerError is the response of an AWS HTTP API if its function fails or is throttled.
//
// Source: AWS re:Post knowledge center, api-gateway-internal-server-error; the text is that of HTTP APIs.
var internalServerError = []byte(
	`{"statusCode":500,"headers":{"content-type":"application/json"},"body":"{\"message\":\"Internal Server Error\"}"}`,
)

func failure(err error) (status int, body []byte) {
	var failed *host.FunctionError
	kind := "Host.Lost"
	switch {
	case errors.As(err, &failed):
		return http.StatusInternalServerError, failed.Payload
	case errors.Is(err, host.ErrThrottled):
		status, kind = http.StatusTooManyRequests, "TooManyRequestsException"
	case errors.Is(err, host.ErrUnknown):
		status, kind = http.StatusNotFound, "ResourceNotFoundException"
	case errors.Is(err, host.ErrPayload):
		status, kind = http.StatusBadRequest, "InvalidRequestContentException"
	default:
		status = http.StatusServiceUnavailable
	}
	body, marshalErr := json.Marshal(map[string]string{"errorType": kind, "errorMessage": err.Error()})
	if marshalErr != nil { // cannot happen: strings always marshal
		return status, []byte(kind)
	}
	return status, body
}

// fromHTTPAPI reports whether an event is a request of an HTTP API in payload format 2.0. It returns false for requests
// to its authorizer.
//
// Source: API Gateway Developer Guide, http-api-develop-integrations-lambda, http-api-lambda-authorizer.
func fromHTTPAPI(event []byte) bool {
	var request struct {
		Version        string
		Type           string // "REQUEST" in a request to an authorizer
		RequestContext struct{ HTTP struct{ Method string } }
	}
	return json.Unmarshal(event, &request) == nil && request.Version == "2.0" &&
		request.Type == "" && request.RequestContext.HTTP.Method != ""
}
