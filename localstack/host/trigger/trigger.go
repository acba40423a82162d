// Package trigger invokes functions as AWS's services do: an HTTP API (through MiniStack's proxy mode), a Kinesis stream, an SQS queue, a schedule.
// The services themselves are the emulator's; what this package adds is what stands between them and a function, where emulators differ from AWS.
//
// Its place is between the emulator and localstack/host, which runs the functions. It knows nothing of Anabranch; the rules of the stream are those
// of shared/eventsource.
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

// Function is the Invoke of one function of a host.
func Function(h *host.Host, name string) Invoke {
	return func(ctx context.Context, payload []byte) ([]byte, error) { return h.Invoke(ctx, name, payload) }
}

func orSilent(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

// Proxy serves MiniStack's Lambda proxy mode: MiniStack posts an event and names the function in a header, and takes the body of a 2xx answer for the
// function's. With any other status it takes the call for failed, with an error of its own around the first 512 bytes of the body.
//
// Answers: 200 with what the function answered; 500 with the function's error; 404, unknown function; 400, the event is no JSON or above 6 MB; 429,
// throttled; 503, the host is closed or the answer lost. A failed request of an HTTP API is answered, with status 200, by the response that AWS's HTTP API would
// give its client: MiniStack gives 502 and the error in full, AWS 500 and no more.
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
		_, _ = w.Write(response) // whether the emulator still waits for it changes nothing
	})
	return mux
}

// internalServerError is the answer of an AWS HTTP API whose function has failed or is throttled.
//
// Source: AWS re:Post knowledge center, api-gateway-internal-server-error; the text is that of HTTP APIs.
var internalServerError = []byte(`{"statusCode":500,"headers":{"content-type":"application/json"},"body":"{\"message\":\"Internal Server Error\"}"}`)

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
	if marshalErr != nil { // not of strings
		return status, []byte(kind)
	}
	return status, body
}

// fromHTTPAPI tells the request of an HTTP API, in payload format 2.0, from that of its authorizer and from all else.
//
// Source: API Gateway Developer Guide, http-api-develop-integrations-lambda, http-api-lambda-authorizer.
func fromHTTPAPI(event []byte) bool {
	var request struct {
		Version        string
		Type           string // "REQUEST" when an authorizer is asked
		RequestContext struct{ HTTP struct{ Method string } }
	}
	return json.Unmarshal(event, &request) == nil && request.Version == "2.0" && request.Type == "" && request.RequestContext.HTTP.Method != ""
}
