package experiments

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// The states of a mapping. Source: Lambda API Reference, EventSourceMappingConfiguration.
const (
	enabled  = "Enabled"
	disabled = "Disabled"
)

// stopped disables the mapping of the stream under load and enables it again. It counts what the sweep has put into the
// stream a second time meanwhile.
func stopped(ctx context.Context, l *Lab) ([]Finding, error) {
	id, err := l.mapping(ctx)
	if err != nil {
		return nil, err
	}
	began := l.Now()
	if err := l.change(ctx, change{
		what:   "the mapping of the stream is disabled",
		byHand: "aws lambda update-event-source-mapping --enabled --uuid " + id,
		undo:   func(ctx context.Context) error { return l.setMapping(ctx, id, true) },
	}, func(ctx context.Context) error { return l.setMapping(ctx, id, false) }); err != nil {
		return nil, err
	}
	o := l.newLoad("stopped")
	end := l.Now().Add(l.Sizes.Stopped)
	most := int(l.Sizes.Stopped.Seconds() * l.Sizes.Rate)
	if err := o.send(ctx, 1, func(n int) bool { return n < most && l.Now().Before(end) }); err != nil {
		return nil, err
	}
	if err := l.setMapping(ctx, id, true); err != nil {
		return nil, err
	}
	found, err := o.awaitBoth(ctx)
	if err != nil {
		return found, err
	}
	lines, copies, err := l.copies(ctx, o.source, began)
	if err != nil {
		return found, err
	}
	events, _ := o.sum()
	if lines-copies != events {
		return found, fmt.Errorf("the stream holds %d of %d events", lines-copies, events)
	}
	return append(found,
		Finding{What: "mapping disabled for", Value: l.Sizes.Stopped.String()},
		Finding{What: "lines in the stream a second time", Value: fmt.Sprintf("%d of %d", copies, lines)},
	), nil
}

// mapping returns the id of the mapping of the stream.
//
// Errors: Lambda's; there is none, or it is not enabled.
func (l *Lab) mapping(ctx context.Context) (string, error) {
	stream := l.Outputs["StreamArn"]
	listed, err := l.Lambda.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{EventSourceArn: &stream})
	if err != nil {
		return "", fmt.Errorf("list the mappings of the stream: %w", err)
	}
	if len(listed.EventSourceMappings) != 1 {
		return "", fmt.Errorf("the stream has %d mappings: must have one", len(listed.EventSourceMappings))
	}
	m := listed.EventSourceMappings[0]
	if state := aws.ToString(m.State); state != enabled {
		return "", fmt.Errorf("the mapping of the stream is %s: must be %s; deploy with ReadStream=true", state, enabled)
	}
	if m.UUID == nil {
		return "", errors.New("the mapping of the stream has no id")
	}
	return *m.UUID, nil
}

// setMapping enables or disables a mapping, and waits until it is so.
func (l *Lab) setMapping(ctx context.Context, id string, on bool) error {
	want := disabled
	if on {
		want = enabled
	}
	state := func(ctx context.Context) (string, error) {
		got, err := l.Lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &id})
		if err != nil {
			return "", err
		}
		return aws.ToString(got.State), nil
	}
	// While a change is under way, Lambda refuses another one.
	if err := l.until(ctx, "the last change of the mapping to end", func(ctx context.Context) (bool, error) {
		now, err := state(ctx)
		return now == enabled || now == disabled, err
	}); err != nil {
		return err
	}
	if now, err := state(ctx); now == want || err != nil {
		return err
	}
	if _, err := l.Lambda.UpdateEventSourceMapping(
		ctx, &lambda.UpdateEventSourceMappingInput{UUID: &id, Enabled: &on},
	); err != nil {
		return err
	}
	return l.until(ctx, "the mapping to be "+want, func(ctx context.Context) (bool, error) {
		now, err := state(ctx)
		return now == want, err
	})
}
