package launchtest

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/anabranch/anabranch/shared/aws/launch"
)

// Started is a started function, with what it has printed and logged.
type Started struct {
	lambda.Handler
	Out, Log bytes.Buffer
}

// Begin starts a function called anabranch-test with the given variables.
func Begin(t *testing.T, f launch.Function, variables map[string]string) (*Started, error) {
	t.Helper()
	s, err := &Started{}, error(nil)
	variables = With(variables, "AWS_LAMBDA_FUNCTION_NAME", "anabranch-test")
	s.Handler, err = f.Open(t.Context(), Lookup(variables), slog.New(slog.NewTextHandler(&s.Log, nil)), &s.Out)
	return s, err
}

// Invoke gives a function an event, as Lambda does.
func Invoke[Answer any](t *testing.T, s *Started, event any) (answer Answer, err error) {
	t.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Handler.Invoke(t.Context(), payload)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(response, &answer); err != nil {
		t.Fatal(err)
	}
	return answer, nil
}
