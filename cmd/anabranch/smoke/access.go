package smoke

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/shared/api"
)

// nobody is a name that no view and no operation has: a server that lets the request in answers 404.
const nobody = "anabranch-smoke-no-view"

// locked returns the routes that need a key.
func locked() []api.Route { return slices.DeleteFunc(api.Routes(), api.Route.IsOpen) }

// knockOpen checks that the routes that need no key answer without one. It leaves out routes with parameters, since a
// server of another release may lack the file that this one would name.
func knockOpen(ctx context.Context, c *client.Client) error {
	for _, route := range api.Routes() {
		if !route.IsOpen() || len(route.Key.Parameters()) > 0 {
			continue
		}
		if err := c.Knock(ctx, route.Key.Method(), route.Key.Pattern()); err != nil {
			return fmt.Errorf("%s needs no key, but does not answer without one: %w", route.Key, err)
		}
	}
	return nil
}

// knock tries every route of the API that needs a key, and returns the status of each. Its requests are harmless: they
// have no body, and name a view and an operation that do not exist.
func knock(ctx context.Context, c *client.Client) (map[api.Key]int, error) {
	statuses := map[api.Key]int{}
	for _, route := range locked() {
		path := route.Key.Pattern()
		for _, parameter := range route.Key.Parameters() {
			path = strings.Replace(path, "{"+parameter+"}", nobody, 1)
		}
		status, err := statusOf(c.Knock(ctx, route.Key.Method(), path))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", route.Key, err)
		}
		statuses[route.Key] = status
	}
	return statuses, nil
}

// statusOf returns the HTTP status of an error; an error without a status comes back unchanged.
func statusOf(err error) (int, error) {
	var problem *client.Problem
	switch {
	case err == nil:
		return http.StatusOK, nil
	case errors.As(err, &problem):
		return problem.Status, nil
	}
	return 0, err
}

// noKey checks that every route answers 401 to a request without a key, but for those that need none.
func (r *run) noKey(ctx context.Context) (string, error) {
	statuses, err := knock(ctx, r.Bare)
	if err != nil {
		return "", err
	}
	let := passed(statuses)
	switch r.open = len(let) == len(statuses); {
	case r.open && r.Server.Key == "":
		return "", skip("the server requires no key")
	case r.open:
		return "", errors.New(
			"the server requires no key, but this run was given one; run smoke without a key if that is intended",
		)
	case len(let) > 0:
		return "", fmt.Errorf("answered without a key: %s", join(let))
	}
	found, err := all(statuses, http.StatusUnauthorized)
	if err == nil {
		err = knockOpen(ctx, r.Bare)
	}
	return found, err
}

// wrongKey checks that every route answers 403 to a key that was never issued; or 401, if the gateway itself checks
// tokens.
func (r *run) wrongKey(ctx context.Context) (string, error) {
	if r.open {
		return "", skip("the server requires no key")
	}
	statuses, err := knock(ctx, r.Wrong)
	if err != nil {
		return "", err
	}
	if let := passed(statuses); len(let) > 0 {
		return "", fmt.Errorf("answered with a key that was never issued: %s", join(let))
	}
	if _, err := all(statuses, http.StatusUnauthorized); err == nil {
		return "401 on every route: the gateway checks tokens", nil
	}
	return all(statuses, http.StatusForbidden)
}

// passed returns the routes that let the request in.
func passed(statuses map[api.Key]int) (let []string) {
	for _, route := range locked() {
		if status := statuses[route.Key]; status != http.StatusUnauthorized && status != http.StatusForbidden {
			let = append(let, fmt.Sprintf("%s with %d", route.Key, status))
		}
	}
	return let
}

// all checks that every route answered with one status.
func all(statuses map[api.Key]int, wanted int) (string, error) {
	var others []string
	for _, route := range locked() {
		if status := statuses[route.Key]; status != wanted {
			others = append(others, fmt.Sprintf("%s with %d", route.Key, status))
		}
	}
	if len(others) > 0 {
		return "", fmt.Errorf("refused, but not with %d: %s", wanted, join(others))
	}
	return fmt.Sprintf("%d on every route", wanted), nil
}

func join(texts []string) string {
	texts = slices.Clone(texts)
	const most = 5
	if over := len(texts) - most; over > 0 {
		texts = append(texts[:most], fmt.Sprintf("%d more", over))
	}
	return strings.Join(texts, ", ")
}
