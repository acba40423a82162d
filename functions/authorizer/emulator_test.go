//go:build emulator

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/shared/aws/awstest"
)

// TestConformance checks that a secret has its newest version, when that was made, and the version before it, if there
// is one.
func TestConformance(t *testing.T) {
	client := secretsmanager.NewFromConfig(awstest.Config(emulator.Start(t).Endpoint))
	name := awstest.Unique("keys")
	began := time.Now().Add(-time.Second) // services tell whole seconds
	if _, _, _, err := (secret{client, name}).Read(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("before there is one: error %v, want ResourceNotFoundException", err)
	}
	made := func(text string) secret {
		out, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &text})
		if err != nil {
			t.Fatal(err)
		}
		return secret{client, *out.ARN}
	}("one")
	want := func(current, previous string) {
		t.Helper()
		gotCurrent, at, gotPrevious, err := made.Read(t.Context())
		if err != nil || gotCurrent != current || gotPrevious != previous {
			t.Errorf("read %q, %q, %v; want %q, %q", gotCurrent, gotPrevious, err, current, previous)
		}
		if at.Before(began) || at.After(time.Now().Add(time.Second)) {
			t.Errorf("made at %s, which is not now", at)
		}
	}
	want("one", "")
	previous := "one"
	for _, text := range []string{"two", "three"} {
		in := &secretsmanager.PutSecretValueInput{SecretId: &made.id, SecretString: &text}
		if _, err := client.PutSecretValue(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		want(text, previous)
		previous = text
	}
}
