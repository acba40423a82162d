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

// Held counts what the stores of a server hold for a while.
type Held struct{ StreamRecords, SpeedItems, LiveKeys, Seen, Queued int }

// HeldBy counts what the stores of a server hold.
func HeldBy(ctx context.Context, s *Server) (Held, error) {
	held := Held{StreamRecords: s.stream.Len(), Seen: s.seen.Len()}
	views, err := s.catalog.Views(ctx)
	if err != nil {
		return Held{}, err
	}
	for set := range readFrom(views) {
		held.SpeedItems, held.LiveKeys = held.SpeedItems+s.speed.Len(set), held.LiveKeys+s.speed.LenLive(set)
	}
	held.Queued, err = s.queue.Waiting(ctx)
	return held, err
}
