// Package handler is the Lambda authorizer of every route: it decides whether a request to the API may pass. It
// compares the key in the request with three keys in a secret: write, read and admin.
//
// It uses neither the AWS SDK nor a layer. The gateway itself answers 401 if the request has no key, and 403 if the
// authorizer refuses it.
package handler

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/access"
	"github.com/anabranch/anabranch/shared/api"
)

// Secret holds the keys.
type Secret interface {
	// Read returns the current version of the secret, the time at which it was made, and the previous version, or "" if
	// there is none.
	//
	// Errors: the secret cannot be read now; try again later. Calls: safe for concurrent use.
	Read(ctx context.Context) (current string, made time.Time, previous string, err error)
}

// Handler authorizes requests. All fields are required. It is safe for concurrent use.
type Handler struct {
	Secret Secret
	Fresh  time.Duration // the handler reads the secret again once its copy is older than this; usually 5 min
	Miss   time.Duration // for an unknown key it reads the secret again once its copy is older than this; usually 10 s
	Grace  time.Duration // the previous version's keys stay valid this long after the current one was made; usually 24 h
	Stale  time.Duration // while the secret cannot be read, the handler uses its copy up to this age; usually 1 h
	Now    func() time.Time
	Log    *slog.Logger

	mu     sync.Mutex
	known  []candidate
	readAt time.Time // time of the last successful read of the secret
	tried  time.Time // time of the last attempt to read the secret
}

// candidate is a valid key, with the routes that it opens.
type candidate struct {
	hash  [sha256.Size]byte
	scope access.Scope
	until time.Time // end of validity; zero means for as long as the key is in the secret
}

type (
	request  = events.APIGatewayV2CustomAuthorizerV2Request
	response = events.APIGatewayV2CustomAuthorizerSimpleResponse
)

// Handle answers one authorizer request of payload format 2.0 with a simple response. The gateway may cache the
// response for the same key and route.
//
// Errors: the secret cannot be read, and the handler has no copy of it younger than Stale; the gateway answers 500, and
// the client may retry.
func (h *Handler) Handle(ctx context.Context, r request) (response, error) {
	refused := response{}
	key := keyOf(r.Headers)
	if key == "" {
		return refused, nil
	}
	scope, err := h.scope(ctx, key)
	if err != nil {
		return refused, err
	}
	if !scope.Opens(needed(r.RouteKey)) {
		h.Log.InfoContext(ctx, "refused", "route", r.RouteKey, "scope", scope)
		return refused, nil
	}
	return response{IsAuthorized: true, Context: map[string]any{"scope": string(scope)}}, nil
}

// keyOf returns the key of a request, from "Authorization: Bearer <key>" or else "x-api-key: <key>". The gateway sends
// header names in lower case.
func keyOf(headers map[string]string) string {
	scheme, key, _ := strings.Cut(strings.TrimSpace(headers["authorization"]), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(key)
	}
	return strings.TrimSpace(headers["x-api-key"])
}

// needed returns the scope that opens a route. Only the admin key opens a route that is not in the table.
func needed(key string) access.Scope {
	if route, known := api.Find(api.Key(key)); known {
		return route.Scope
	}
	return access.Admin
}

// scope returns the scope of a key, or "" if the key is not valid.
func (h *Handler) scope(ctx context.Context, key string) (access.Scope, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.Now()
	if err := h.refresh(ctx, now, h.Fresh); err != nil {
		return "", err
	}
	scope := h.match(key, now)
	if scope == "" {
		// The key may be new. Someone who guesses keys cannot make this read the secret more often than once per Miss.
		if err := h.refresh(ctx, now, h.Miss); err != nil {
			return "", err
		}
		scope = h.match(key, now)
	}
	return scope, nil
}

// match compares the key with every candidate, in a time that does not depend on the candidates.
func (h *Handler) match(key string, now time.Time) (scope access.Scope) {
	hash := sha256.Sum256([]byte(key))
	for _, c := range h.known {
		equal := subtle.ConstantTimeCompare(hash[:], c.hash[:]) == 1
		if equal && (c.until.IsZero() || now.Before(c.until)) {
			scope = c.scope
		}
	}
	return scope
}

// refresh reads the secret if the copy is older than the given age. It tries at most once per Miss, unless the copy is
// missing or older than Stale.
func (h *Handler) refresh(ctx context.Context, now time.Time, age time.Duration) error {
	usable := !h.readAt.IsZero() && now.Sub(h.readAt) < h.Stale
	if usable && (now.Sub(h.readAt) < age || now.Sub(h.tried) < h.Miss) {
		return nil
	}
	h.tried = now
	err := h.read(ctx, now)
	if err != nil && usable {
		// Accepted: while the secret cannot be read, a removed key stays valid up to Stale, and the API stays up.
		h.Log.ErrorContext(ctx, "cannot read the keys; keeping the copy", "read", h.readAt, "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	return nil
}

// read loads the keys of both versions of the secret.
func (h *Handler) read(ctx context.Context, now time.Time) error {
	current, made, previous, err := h.Secret.Read(ctx)
	if err != nil {
		return err
	}
	keys, err := access.ParseKeys(current)
	if err != nil {
		return err
	}
	var known []candidate
	if until := made.Add(h.Grace); previous != "" && now.Before(until) {
		if old, err := access.ParseKeys(previous); err == nil {
			known = candidates(old, until)
		} else {
			h.Log.WarnContext(ctx, "the previous version of the secret is invalid; ignoring its keys", "error", err)
		}
	}
	// The current keys come last, so that a key in both versions gets its current scope.
	h.known = append(known, candidates(keys, time.Time{})...)
	h.readAt = now
	return nil
}

func candidates(k access.Keys, until time.Time) []candidate {
	return []candidate{
		{sha256.Sum256([]byte(k.Write)), access.Write, until},
		{sha256.Sum256([]byte(k.Read)), access.Read, until},
		{sha256.Sum256([]byte(k.Admin)), access.Admin, until},
	}
}
