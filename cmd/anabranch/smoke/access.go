package smoke

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// nobody is a name that no view has: a server that lets the question in answers 404.
const nobody = "anabranch-smoke-no-view"

// knock tries every route and gives the status of each. It sends no event.
func knock(ctx context.Context, c *client.Client) (map[string]int, error) {
	empty, err := pack(nil)
	if err != nil {
		return nil, err
	}
	statuses := map[string]int{}
	for _, route := range routes {
		status, err := statusOf(route.ask(ctx, c, empty))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", route.name, err)
		}
		statuses[route.name] = status
	}
	return statuses, nil
}

// routes are those of the server, each with a harmless request.
var routes = []struct {
	name string
	ask  func(ctx context.Context, c *client.Client, empty []byte) error
}{
	{"POST /v1/events", func(ctx context.Context, c *client.Client, empty []byte) error {
		_, err := c.PostEvents(ctx, empty, 0)
		return err
	}},
	{"GET /v1/views", func(ctx context.Context, c *client.Client, _ []byte) error {
		_, err := c.Views(ctx)
		return err
	}},
	{"GET /v1/views/{view}", func(ctx context.Context, c *client.Client, _ []byte) error {
		_, err := c.View(ctx, nobody)
		return err
	}},
	{"GET /v1/views/{view}/query", func(ctx context.Context, c *client.Client, _ []byte) error {
		_, err := c.Query(ctx, nobody, url.Values{})
		return err
	}},
}

// statusOf is the status that an error stands for; an error that stands for none is given back.
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

// noKey: without a key, every route answers 401.
func (r *run) noKey(ctx context.Context) (string, error) {
	statuses, err := knock(ctx, r.Bare)
	if err != nil {
		return "", err
	}
	let := passed(statuses)
	switch r.open = len(let) == len(routes); {
	case r.open && r.Server.Key == "":
		return "", skip("the server wants no key")
	case r.open:
		return "", errors.New("the server lets everybody in, although this run was given a key; run it without one if that is meant")
	case len(let) > 0:
		return "", fmt.Errorf("answered without a key: %s", join(let))
	}
	return all(statuses, http.StatusUnauthorized)
}

// wrongKey: with a key that nobody has given out, every route answers 403; or 401, where the gateway itself checks tokens.
func (r *run) wrongKey(ctx context.Context) (string, error) {
	if r.open {
		return "", skip("the server wants no key")
	}
	statuses, err := knock(ctx, r.Wrong)
	if err != nil {
		return "", err
	}
	if let := passed(statuses); len(let) > 0 {
		return "", fmt.Errorf("answered with a key that nobody has given out: %s", join(let))
	}
	if _, err := all(statuses, http.StatusUnauthorized); err == nil {
		return "401 on every route, as where tokens are checked", nil
	}
	return all(statuses, http.StatusForbidden)
}

// passed are the routes that let the request in.
func passed(statuses map[string]int) (let []string) {
	for _, route := range routes {
		if status := statuses[route.name]; status != http.StatusUnauthorized && status != http.StatusForbidden {
			let = append(let, fmt.Sprintf("%s with %d", route.name, status))
		}
	}
	return let
}

// all wants one status of every route.
func all(statuses map[string]int, wanted int) (string, error) {
	var others []string
	for _, route := range routes {
		if status := statuses[route.name]; status != wanted {
			others = append(others, fmt.Sprintf("%s with %d", route.name, status))
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
	out := ""
	for i, text := range texts {
		if i > 0 {
			out += ", "
		}
		out += text
	}
	return out
}
