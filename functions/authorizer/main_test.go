package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/aws/launch/launchtest"
)

func TestMain(m *testing.M) { launchtest.Main(m, main) }

const (
	secretARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:keys-abcdef"
	writeKey  = "W0123456789abcdefghijklmnopqrstu"
	oldKey    = "O0123456789abcdefghijklmnopqrstu"
	readKey   = "R0123456789abcdefghijklmnopqrstu"
	adminKey  = "A0123456789abcdefghijklmnopqrstu"
)

func variables() map[string]string { return map[string]string{"KEYS_SECRET": secretARN} }

func begin(t *testing.T, variables map[string]string) (*launchtest.Started, error) {
	t.Helper()
	return launchtest.Begin(t, function(), variables)
}

func TestMissingSettings(t *testing.T) { launchtest.Refuses(t, "KEYS_SECRET") }

func TestRules(t *testing.T) {
	launchtest.New(t)
	for _, c := range []struct{ name, value, part string }{
		{"KEY_FRESH", "1s", "KEY_FRESH=1s"}, {"KEY_FRESH", "2h", "KEY_FRESH=2h0m0s"}, {"KEY_GRACE", "-1s", "KEY_GRACE=-1s"},
	} {
		_, err := begin(t, launchtest.With(variables(), c.name, c.value))
		launchtest.Refusal(t, err, c.part)
	}
}

// versions returns a secret store whose secret has a current version, made just now, and a previous one unless it is
// "".
func versions(t *testing.T, current, previous string) *launchtest.Cloud {
	cloud := launchtest.New(t)
	cloud.Answers["GetSecretValue"] = func(request []byte) launchtest.Answer {
		if !bytes.Contains(request, []byte(secretARN)) {
			t.Errorf("asked for %s", request)
		}
		made := fmt.Sprintf(`{"ARN":"%s","CreatedDate":%d,"SecretString":`, secretARN, time.Now().Unix())
		switch {
		case bytes.Contains(request, []byte("AWSCURRENT")):
			return launchtest.Answer{Body: made + current + `}`}
		case previous != "":
			return launchtest.Answer{Body: made + previous + `}`}
		}
		return launchtest.Answer{Status: 400, Body: `{"__type":"ResourceNotFoundException","message":"no such version"}`}
	}
	return cloud
}

func ask(t *testing.T, f *launchtest.Started, key string) bool {
	t.Helper()
	answer, err := launchtest.Invoke[events.APIGatewayV2CustomAuthorizerSimpleResponse](t, f,
		events.APIGatewayV2CustomAuthorizerV2Request{
			RouteKey: "POST /v1/events", Headers: map[string]string{"authorization": "Bearer " + key},
		})
	if err != nil {
		t.Error(err)
	}
	return answer.IsAuthorized
}

// TestRequest checks that the keys of both versions of the secret open, and no other key.
func TestRequest(t *testing.T) {
	const current, previous = `"{\"keys\":\"` + writeKey + readKey + adminKey + `\"}"`, `"{\"keys\":\"` + oldKey + readKey + adminKey + `\"}"`
	for _, c := range []struct {
		name, previous string
		old            bool
	}{{"first version", "", false}, {"second version", previous, true}} {
		t.Run(c.name, func(t *testing.T) {
			versions(t, current, c.previous)
			f, err := begin(t, variables())
			if err != nil {
				t.Fatal(err)
			}
			if !ask(t, f, writeKey) || ask(t, f, readKey) || ask(t, f, oldKey) != c.old {
				t.Errorf("write %v, read %v, old %v; want true, false, %v", ask(t, f, writeKey), ask(t, f, readKey),
					ask(t, f, oldKey), c.old)
			}
		})
	}
}

// TestNoSecret checks that the authorizer fails without its secret: it neither refuses nor admits anybody.
func TestNoSecret(t *testing.T) {
	cloud := launchtest.New(t)
	cloud.Answers["GetSecretValue"] = func([]byte) launchtest.Answer {
		return launchtest.Answer{Status: 400, Body: `{"__type":"AccessDeniedException","message":"no"}`}
	}
	f, err := begin(t, variables())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := launchtest.Invoke[events.APIGatewayV2CustomAuthorizerSimpleResponse](t, f,
		events.APIGatewayV2CustomAuthorizerV2Request{
			RouteKey: "POST /v1/events", Headers: map[string]string{"authorization": "Bearer " + writeKey},
		})
	if err == nil || answer.IsAuthorized {
		t.Errorf("answer is %+v, %v; want an error", answer, err)
	}
}
