package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// Collect gathers the facts that the HTTP API gives. What cannot be gathered is missing from the facts, or a fact
// itself: it is no error.
func Collect(ctx context.Context, server *client.Client) Facts {
	f := Facts{URL: server.Base}
	if f.Server = askHealth(ctx, server); f.Server.Unreachable != "" {
		return f
	}
	bare := *server
	bare.Key = ""
	if _, err := bare.Views(ctx); err == nil {
		f.Server.IsOpen = true
	}
	if body, err := server.Statuses(ctx); err != nil {
		f.Server.KeyProblem = keyProblem(err)
	} else if all, err := client.DecodeStatuses(body); err == nil {
		f.Status = &all
	}
	if body, err := server.Views(ctx); err == nil {
		if f.Views, err = client.DecodeViews(body); err == nil && f.Views == nil {
			f.Views = []client.View{}
		}
	}
	return f
}

// askHealth asks whether the server answers, and compares its clock with this machine's. The server read its clock
// while the request was on its way, and its answer has whole seconds.
func askHealth(ctx context.Context, server *client.Client) Server {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://server/health", nil)
	if err != nil {
		return Server{Unreachable: err.Error()}
	}
	began := server.Now()
	answer, err := server.RoundTrip(r)
	took := server.Now().Sub(began)
	if err != nil {
		return Server{Unreachable: err.Error()}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return Server{Unreachable: fmt.Sprintf("GET /health: status %d; is this an Anabranch server?", answer.StatusCode)}
	}
	at, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return Server{} // without a date there is nothing to compare
	}
	return Server{Ahead: at.Sub(began.Add(took / 2)), Error: took/2 + time.Second}
}

// keyProblem says why the admin route refused the key.
func keyProblem(err error) string {
	var p *client.Problem
	switch {
	case !errors.As(err, &p):
		return "the status was not answered: " + err.Error()
	case p.Status == http.StatusUnauthorized:
		return "the server requires a key, or rejects the given one"
	case p.Status == http.StatusForbidden:
		return "the key is no admin key of this server: the status, and all checks that read it, are closed to it"
	}
	return "the status was not answered: " + p.Error()
}
