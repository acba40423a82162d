package dev

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/api"
)

// NewFront returns a front before one function, which answers every route.
func NewFront(
	stopping context.Context, limits Limits, slots int,
	function func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error),
) http.Handler {
	return &front{
		functions: map[api.Function]apiHandler{
			api.Ingest: function, api.Query: function, api.Admin: function, api.Prometheus: function,
			api.MCP: function,
		},
		limits: limits, log: slog.New(slog.DiscardHandler), slots: make(chan struct{}, slots), stopping: stopping,
	}
}

// Watcher is the watcher of fields.
type Watcher = watcher

// NewWatcher returns a watcher over the events of an archive.
var NewWatcher = newWatcher

// Look lets a watcher read on.
func Look(ctx context.Context, w *Watcher) ([]string, error) { return w.look(ctx) }
