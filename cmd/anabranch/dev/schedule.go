package dev

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/stream"
	"github.com/anabranch/anabranch/shared/view"
)

// tick invokes batch as EventBridge Scheduler does.
func (s *Server) tick(ctx context.Context) {
	s.reload(ctx)
	_, err := s.batchHandler.Handle(ctx, scheduled())
	s.failed(ctx, "batch", err)
	s.watch(ctx)
	s.tellSkipped(ctx)
	s.forget(ctx)
}

// tellSkipped warns of events that a view cannot use, once per view, place and reason.
func (s *Server) tellSkipped(ctx context.Context) {
	views, err := s.queryHandler.Serving.Views(ctx)
	if err != nil {
		s.failed(ctx, "look for skipped events", err)
		return
	}
	for _, v := range views {
		s.failed(ctx, "look for skipped events", v.Err)
		for _, skip := range v.Skipped {
			key := toldSkip{v.View.Name, skip.Name, skip.Reason}
			if s.told[key] {
				continue
			}
			s.told[key] = true
			s.settings.Log.WarnContext(ctx, "a view cannot use some events; see anabranch views", "view", v.View.Name,
				"place", skip.Name, "reason", skip.Reason, "events", skip.Events)
		}
	}
}

// toldSkip is what was told of skipped events.
type toldSkip struct {
	view   view.Name
	place  string
	reason aggregate.Reason
}

// watch warns of the fields that views read and that no event has.
func (s *Server) watch(ctx context.Context) {
	warnings, err := s.watcher.look(ctx)
	s.failed(ctx, "look for the fields of views", err)
	for _, warning := range warnings {
		s.settings.Log.WarnContext(ctx, warning)
	}
}

func (s *Server) replay(ctx context.Context) {
	_, err := s.replayHandler.Handle(ctx, scheduled())
	s.failed(ctx, "replay", err)
}

func (s *Server) audit(ctx context.Context) {
	_, err := s.auditHandler.Handle(ctx, scheduled())
	s.failed(ctx, "audit", err)
}

func scheduled() events.EventBridgeEvent {
	return events.EventBridgeEvent{
		Version: "0", DetailType: "Scheduled Event", Source: "aws.scheduler",
		Time: time.Now().UTC(), Detail: json.RawMessage(`{}`),
	}
}

func (s *Server) failed(ctx context.Context, function string, err error) {
	if err != nil && ctx.Err() == nil {
		s.settings.Log.ErrorContext(ctx, function, "error", err)
	}
}

// reload applies changed views, as a deployment would. If the file is invalid, the old views stay.
func (s *Server) reload(ctx context.Context) {
	if s.settings.Reload == nil {
		return
	}
	definitions, err := s.settings.Reload()
	switch {
	case err != nil:
		for problem := range strings.SplitSeq(err.Error(), "\n") {
			s.settings.Log.ErrorContext(ctx, "invalid views file: the old views stay", "error", problem)
		}
	case definitions != nil:
		s.batch.Definitions = lifecycle.Define(definitions)
		s.watcher = newWatcher(s.archive, s.watcher.codec, definitions)
		s.settings.Log.WarnContext(ctx, "the views have changed", "views", len(definitions))
	}
}

// republish does the work of the republish queue's event source mapping: messages that failed stay in the queue.
func (s *Server) republish(ctx context.Context) {
	requests := s.queue.Take(10)
	if len(requests) == 0 {
		return
	}
	failed := requests
	if response, err := s.republishHandler.Handle(ctx, message(requests)); err == nil {
		failed = nil
		for _, f := range response.BatchItemFailures {
			if i, err := strconv.Atoi(f.ItemIdentifier); err == nil {
				failed = append(failed, requests[i])
			}
		}
	}
	for _, request := range failed {
		if err := s.queue.Enqueue(context.WithoutCancel(ctx), request); err != nil {
			s.settings.Log.ErrorContext(ctx, "republish request lost", "object", request.Object, "error", err)
		}
	}
}

// message wraps requests as SQS delivers them. The id of a message is its index.
func message(requests []stream.Republish) events.SQSEvent {
	var e events.SQSEvent
	for i, request := range requests {
		body, err := json.Marshal(request)
		if err != nil {
			continue // cannot happen: strings always marshal
		}
		e.Records = append(
			e.Records,
			events.SQSMessage{MessageId: strconv.Itoa(i), Body: string(body), EventSource: "aws:sqs"},
		)
	}
	return e
}
