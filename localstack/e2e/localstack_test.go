//go:build emulator

package e2e_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/stack"
)

// onLocalStack returns what a LocalStack holds of the stack, if the environment chooses one: all that it serves.
// MiniStack holds the rest, and always the HTTP API, the schedules and the functions' configuration.
func onLocalStack(t *testing.T) map[string]string {
	t.Helper()
	if !emulator.LocalStackIsChosen() {
		return nil
	}
	e := emulator.Start(t)
	served, err := e.Services(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := map[string]string{}
	for _, service := range stack.Services() {
		if slices.Contains(served, service) {
			elsewhere[service] = e.Endpoint
		}
	}
	for _, service := range []string{"s3", "kinesis", "sqs", "secretsmanager"} {
		if elsewhere[service] == "" {
			t.Fatalf("LocalStack at %s does not serve %s", e.Endpoint, service)
		}
	}
	t.Logf("on LocalStack: %v", slices.Collect(maps.Keys(elsewhere)))
	return elsewhere
}

// everyValue compares every value again, with what the parts before it have sent.
func everyValue(t *testing.T, w *world) { w.verify(t, true) }
