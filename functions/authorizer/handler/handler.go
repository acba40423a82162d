// Package handler says whether a request to the API may pass: the Lambda authorizer of every route. It compares the key that the request brings
// with three keys in a secret: write, read and admin.
//
// It knows no AWS SDK and no layer. The gateway answers 401 itself when there is no key in the request, and 403 when the authorizer says no.
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

// Secret is where the keys are kept.
type Secret interface {
	// Read returns the secret's current version and when it was made and, where there is one, the version before it, "" otherwise.
	//
	// Errors: the secret cannot be read now. Calls: safe for concurrent use.
	Read(ctx context.Context) (current string, made time.Time, previous string, err error)
}

// Handler authorizes requests. All fields are needed. It is safe for concurrent use.
type Handler struct {
	Secret Secret
	Fresh  time.Duration // the secret is read again when what is known of it is older than this; default 5 min
	Miss   time.Duration // and, for a key that is not known, when it is older than this; default 10 s
	Grace  time.Duration // the keys of the previous version are good this long after the current one was made; default 24 h
	Stale  time.Duration // while the secret cannot be read, what is known of it is good this long; default 1 h
	Now    func() time.Time
	Log    *slog.Logger

	mu     sync.Mutex
	known  []candidate
	readAt time.Time // when known was read
	tried  time.Time // when it was last tried
}

// candidate is a key that opens something.
type candidate struct {
	hash  [sha256.Size]byte
	scope access.Scope
	until time.Time // zero: for as long as it is in the secret
}

// Handle answers one authorizer request of payload format 2.0, simple response. What it says may be kept for the same key and route.
//
// Errors: the secret cannot be read, and nothing is known of it, or nothing recent: the gateway answers 500.
func (h *Handler) Handle(ctx context.Context, r events.APIGatewayV2CustomAuthorizerV2Request) (events.APIGatewayV2CustomAuthorizerSimpleResponse, error) {
	refused := events.APIGatewayV2CustomAuthorizerSimpleResponse{}
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
	return events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: true, Context: map[string]any{"scope": string(scope)}}, nil
}

// keyOf is the key a request brings: "Authorization: Bearer <key>", or else "x-api-key: <key>". The gateway lowers the names of headers.
func keyOf(headers map[string]string) string {
	scheme, key, _ := strings.Cut(strings.TrimSpace(headers["authorization"]), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(key)
	}
	return strings.TrimSpace(headers["x-api-key"])
}

// needed is the scope that a route needs. A route that is not in the table is the admin's.
func needed(key string) access.Scope {
	if route, known := api.Find(api.Key(key)); known {
		return route.Scope
	}
	return access.Admin
}

// scope is the scope of a key, "" when it is none of the keys.
func (h *Handler) scope(ctx context.Context, key string) (access.Scope, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.Now()
	if err := h.refresh(ctx, now, h.Fresh); err != nil {
		return "", err
	}
	scope := h.match(key, now)
	if scope == "" {
		// The key may have been made since. Whoever tries keys has the secret read no more often for it.
		if err := h.refresh(ctx, now, h.Miss); err != nil {
			return "", err
		}
		scope = h.match(key, now)
	}
	return scope, nil
}

// match compares the key with every candidate, whichever it is, in a time that tells nothing of them.
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

// refresh reads the secret when what is known of it is older than the given age: once in Miss, unless nothing is known that may be used.
func (h *Handler) refresh(ctx context.Context, now time.Time, age time.Duration) error {
	usable := !h.readAt.IsZero() && now.Sub(h.readAt) < h.Stale
	if usable && (now.Sub(h.readAt) < age || now.Sub(h.tried) < h.Miss) {
		return nil
	}
	h.tried = now
	err := h.read(ctx, now)
	if err != nil && usable {
		// Accepted: while the secret cannot be read, a key that was taken out of it is good for a while, and the API stays up.
		h.Log.ErrorContext(ctx, "keys not read again; the known ones stay", "read", h.readAt, "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	return nil
}

// read learns the keys of both versions of the secret.
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
			h.Log.WarnContext(ctx, "previous version of the secret is not used", "error", err)
		}
	}
	// Last, so that a key which both versions hold has the scope that it has now.
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
