package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/authorizer/handler"
	"github.com/anabranch/anabranch/shared/access"
	"github.com/anabranch/anabranch/shared/api"
)

const (
	writeKey = "W0123456789abcdefghijklmnopqrstu"
	readKey  = "R0123456789abcdefghijklmnopqrstu"
	adminKey = "A0123456789abcdefghijklmnopqrstu"
)

// vault is a secret. Tests set its versions.
type vault struct {
	current, previous string
	made              time.Time
	err               error
	reads             int
}

func (v *vault) Read(context.Context) (string, time.Time, string, error) {
	v.reads++
	if v.err != nil {
		return "", time.Time{}, "", v.err
	}
	return v.current, v.made, v.previous, nil
}

// gate is a handler with its vault, clock and log.
type gate struct {
	*handler.Handler
	vault *vault
	clock time.Time
	log   strings.Builder
}

func newGate() *gate {
	start := time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)
	g := &gate{vault: &vault{current: generated(writeKey, readKey, adminKey), made: start.Add(-time.Hour)}, clock: start}
	g.Handler = &handler.Handler{
		Secret: g.vault, Fresh: 5 * time.Minute, Miss: 10 * time.Second, Grace: 24 * time.Hour, Stale: time.Hour,
		Now: func() time.Time { return g.clock }, Log: slog.New(slog.NewJSONHandler(&g.log, nil)),
	}
	return g
}

func generated(write, read, admin string) string { return `{"keys":"` + write + read + admin + `"}` }

// ask sends a request for a route, with the key as bearer token.
func (g *gate) ask(t *testing.T, route, key string) (scope string, err error) {
	t.Helper()
	return g.askWith(t, route, map[string]string{"authorization": "Bearer " + key})
}

func (g *gate) askWith(t *testing.T, route string, headers map[string]string) (scope string, err error) {
	t.Helper()
	answer, err := g.Handle(
		t.Context(), events.APIGatewayV2CustomAuthorizerV2Request{Version: "2.0", RouteKey: route, Headers: headers},
	)
	if !answer.IsAuthorized {
		if answer.Context != nil {
			t.Errorf("refused with the context %v", answer.Context)
		}
		return "", err
	}
	return answer.Context["scope"].(string), err
}

// want sends a request, and compares the scope of the answer. The scope "" means a refusal.
func (g *gate) want(t *testing.T, route, key, scope string) {
	t.Helper()
	got, err := g.ask(t, route, key)
	if got != scope || err != nil {
		t.Errorf("%s with %.1s...: scope %q, %v; want %q", route, key, got, err, scope)
	}
}

const (
	post  = "POST /v1/events"
	query = "GET /v1/views/{view}/query"
	other = "POST /v1/views/{view}/rebuild"
)

// TestEveryRoute checks that a key opens the routes of its scope, and that the admin key opens all routes.
func TestEveryRoute(t *testing.T) {
	g := newGate()
	for _, r := range api.Routes() {
		for key, scope := range map[string]access.Scope{
			writeKey: access.Write, readKey: access.Read, adminKey: access.Admin,
		} {
			opened := ""
			if r.Scope == access.Anyone || scope == r.Scope || scope == access.Admin {
				opened = string(scope)
			}
			g.want(t, string(r.Key), key, opened)
		}
	}
}

// TestCaptured sends a request captured from API Gateway, and checks every byte of the answer.
func TestCaptured(t *testing.T) {
	text, err := os.ReadFile("testdata/request.json")
	if err != nil {
		t.Fatal(err)
	}
	var request events.APIGatewayV2CustomAuthorizerV2Request
	if err := json.Unmarshal(text, &request); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ key, want string }{
		{writeKey, `{"isAuthorized":true,"context":{"scope":"write"}}`},
		{readKey, `{"isAuthorized":false}`},
	} {
		request.Headers["authorization"] = "Bearer " + c.key
		answer, err := newGate().Handle(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(answer)
		if diff := cmp.Diff(c.want, string(got)); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

func TestScopes(t *testing.T) {
	g := newGate()
	for _, c := range []struct {
		route string
		opens map[string]string // by key
	}{
		{post, map[string]string{writeKey: "write", adminKey: "admin"}},
		{"GET /v1/views", map[string]string{readKey: "read", adminKey: "admin"}},
		{"GET /v1/views/{view}", map[string]string{readKey: "read", adminKey: "admin"}},
		{query, map[string]string{readKey: "read", adminKey: "admin"}},
		{other, map[string]string{adminKey: "admin"}},
		{"GET /v1/rejected", map[string]string{adminKey: "admin"}},
		{"GET /v1/viewsx", map[string]string{adminKey: "admin"}},
		{"GET /v1/admin/views", map[string]string{adminKey: "admin"}},
		{"GET /v1/admin/views/{view}/diff", map[string]string{adminKey: "admin"}},
		{"POST /v1/admin/views/{view}/{operation}", map[string]string{adminKey: "admin"}},
		{"DELETE /v1/views", map[string]string{adminKey: "admin"}},
		{"$default", map[string]string{adminKey: "admin"}},
		{"", map[string]string{adminKey: "admin"}},
	} {
		for _, key := range []string{
			writeKey, readKey, adminKey, "nobody's, with 32 characters....", writeKey[1:], writeKey + "x",
		} {
			g.want(t, c.route, key, c.opens[key])
		}
	}
	for _, key := range []string{writeKey, readKey, adminKey} {
		if strings.Contains(g.log.String(), key[:8]) {
			t.Errorf("the log shows a key:\n%s", g.log.String())
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers map[string]string
		scope   string
	}{
		{"bearer", map[string]string{"authorization": "Bearer " + writeKey}, "write"},
		{"lower case, spaces", map[string]string{"authorization": " bearer   " + writeKey + " "}, "write"},
		{"own header", map[string]string{"x-api-key": writeKey}, "write"},
		{
			"own header beside another scheme",
			map[string]string{"authorization": "Basic dXNlcg==", "x-api-key": writeKey},
			"write",
		},
		{"both: the bearer counts", map[string]string{"authorization": "Bearer wrong", "x-api-key": writeKey}, ""},
		{"none", nil, ""},
		{"empty bearer", map[string]string{"authorization": "Bearer "}, ""},
		{"only the word", map[string]string{"authorization": "Bearer"}, ""},
		{"without the word", map[string]string{"authorization": writeKey}, ""},
		{"another scheme", map[string]string{"authorization": "Basic " + writeKey}, ""},
		{"empty own header", map[string]string{"x-api-key": ""}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := newGate().askWith(t, post, c.headers); got != c.scope || err != nil {
				t.Errorf("scope %q, %v; want %q", got, err, c.scope)
			}
		})
	}
	// A request without a key does not need the secret.
	g := newGate()
	if _, err := g.askWith(t, post, nil); err != nil || g.vault.reads != 0 {
		t.Errorf("%d reads for a request without a key, %v", g.vault.reads, err)
	}
}

const newKey = "N0123456789abcdefghijklmnopqrstu"

// rotate gives the secret a new version with another write key.
func (g *gate) rotate() {
	g.vault.previous, g.vault.current, g.vault.made = g.vault.current, generated(newKey, readKey, adminKey), g.clock
}

// TestRotation checks that the new key opens at once, and that the old one opens during the grace period.
func TestRotation(t *testing.T) {
	g := newGate()
	g.want(t, post, writeKey, "write")
	g.clock = g.clock.Add(time.Minute)
	g.rotate()
	g.want(t, post, newKey, "write")
	if g.vault.reads != 2 {
		t.Errorf("%d reads, want 2: the start, and the key that was not known", g.vault.reads)
	}
	g.want(t, post, writeKey, "write")
	g.clock = g.clock.Add(24*time.Hour - time.Second)
	g.want(t, post, writeKey, "write")
	g.clock = g.clock.Add(time.Second)
	g.want(t, post, writeKey, "")
	g.want(t, post, newKey, "write")
	g.want(t, query, readKey, "read")
}

// TestGraceEndsByTheClock checks that the grace period ends, even in an environment that has cached the previous
// version.
func TestGraceEndsByTheClock(t *testing.T) {
	g := newGate()
	g.Fresh, g.Stale = 100*time.Hour, 100*time.Hour
	g.rotate()
	g.want(t, post, writeKey, "write")
	g.clock = g.clock.Add(24 * time.Hour)
	g.want(t, post, writeKey, "")
}

// TestScopeMoves checks that the current version decides the scope of a key that both versions hold.
func TestScopeMoves(t *testing.T) {
	g := newGate()
	g.vault.previous = g.vault.current
	g.vault.current, g.vault.made = generated(newKey, adminKey, readKey), g.clock
	g.want(t, other, adminKey, "")
	g.want(t, query, adminKey, "read")
	g.want(t, other, readKey, "admin")
}

func TestPreviousVersionOfNoUse(t *testing.T) {
	g := newGate()
	g.vault.previous, g.vault.made = "not keys", g.clock
	g.want(t, post, writeKey, "write")
	if !strings.Contains(g.log.String(), "previous version") {
		t.Error("the log does not say that the secret cannot be read")
	}
}

// TestCache checks that the handler reads the secret once while its copy is fresh, and once in each Miss for unknown
// keys.
func TestCache(t *testing.T) {
	g := newGate()
	for range 100 {
		g.want(t, post, writeKey, "write")
	}
	if g.vault.reads != 1 {
		t.Errorf("%d reads for one key, want 1", g.vault.reads)
	}
	for range 100 {
		g.clock = g.clock.Add(time.Second)
		g.want(t, post, "somebody who tries keys all day.", "")
	}
	if g.vault.reads != 11 {
		t.Errorf("%d reads in 100 s of wrong keys, want 1 and one in 10 s", g.vault.reads)
	}
	g = newGate()
	g.want(t, post, writeKey, "write")
	g.clock = g.clock.Add(5*time.Minute - 1)
	g.want(t, post, writeKey, "write")
	g.clock = g.clock.Add(1)
	g.want(t, post, writeKey, "write")
	if g.vault.reads != 2 {
		t.Errorf("%d reads in 5 minutes, want 2", g.vault.reads)
	}
}

var errDown = errors.New("secrets are down")

// TestSecretIsDown checks that a cached secret stays valid for an hour, and that the handler fails without one.
func TestSecretIsDown(t *testing.T) {
	g := newGate()
	g.vault.err = errDown
	if _, err := g.ask(t, post, writeKey); !errors.Is(err, errDown) {
		t.Errorf("nothing known: %v", err)
	}
	g.vault.err = nil
	g.want(t, post, writeKey, "write") // at once: who knows nothing tries every time

	g.vault.err = errDown
	g.clock = g.clock.Add(59 * time.Minute)
	g.want(t, post, writeKey, "write")
	g.want(t, post, "wrong, with 32 characters, really", "")
	if !strings.Contains(g.log.String(), "keeping the copy") {
		t.Error("the log does not say that the secret cannot be read")
	}
	g.clock = g.clock.Add(time.Minute)
	if scope, err := g.ask(t, post, writeKey); !errors.Is(err, errDown) || scope != "" {
		t.Errorf("known for an hour: scope %q, %v", scope, err)
	}
	g.vault.err = nil
	g.want(t, post, writeKey, "write")
}

// TestSecretWithoutKeys checks that a secret without keys counts as unreadable: an error in a rotation of the keys
// neither opens nor closes the API.
func TestSecretWithoutKeys(t *testing.T) {
	g := newGate()
	g.want(t, post, writeKey, "write")
	g.vault.current = `{}`
	g.clock = g.clock.Add(10 * time.Minute)
	g.want(t, post, writeKey, "write")

	g = newGate()
	g.vault.current = `{"write":"","read":"","admin":""}`
	if scope, err := g.ask(t, post, writeKey); !errors.Is(err, access.ErrKeys) || scope != "" {
		t.Errorf("scope %q, %v; want ErrKeys", scope, err)
	}
}
