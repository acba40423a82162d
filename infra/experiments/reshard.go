package experiments

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// reshard doubles the shards of the stream under load, and halves them again. A stream on demand refuses that, so it is
// provisioned meanwhile.
func reshard(ctx context.Context, l *Lab) ([]Finding, error) {
	before, err := l.stream(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.provision(ctx, before); err != nil {
		return nil, err
	}
	shards := aws.ToInt32(before.OpenShardCount)
	o := l.newLoad("reshard")
	var done atomic.Bool
	most := int(l.Sizes.Reshard.Seconds() * l.Sizes.Rate)
	loaded := make(chan error, 1)
	sending, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		loaded <- o.send(sending, 1, func(n int) bool { return n < most && (!done.Load() || n < int(l.Sizes.Rate)) })
	}()
	took, err := l.doubleAndHalve(ctx, shards)
	done.Store(true)
	if err != nil {
		stop()
		return nil, errors.Join(err, expected(<-loaded))
	}
	if err := <-loaded; err != nil {
		return nil, err
	}
	found, err := o.awaitBoth(ctx)
	return append([]Finding{
		{What: "shards", Value: fmt.Sprintf("%d, then %d, then %d again", shards, 2*shards, shards)},
		{What: "duration of the reshards", Value: took},
	}, found...), err
}

// expected returns no error for a load that was stopped.
func expected(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// stream describes the stream.
func (l *Lab) stream(ctx context.Context) (*types.StreamDescriptionSummary, error) {
	name := l.Outputs["StreamName"]
	got, err := l.Kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	if err != nil {
		return nil, fmt.Errorf("describe the stream: %w", err)
	}
	return got.StreamDescriptionSummary, nil
}

func isOnDemand(s *types.StreamDescriptionSummary) bool {
	return s.StreamModeDetails != nil && s.StreamModeDetails.StreamMode == types.StreamModeOnDemand
}

// provision makes a stream on demand a provisioned one.
//
// Source: Kinesis API Reference, UpdateShardCount: only for provisioned streams. UpdateStreamMode: twice in 24 hours.
func (l *Lab) provision(ctx context.Context, before *types.StreamDescriptionSummary) error {
	if !isOnDemand(before) {
		return nil
	}
	set := func(mode types.StreamMode) func(context.Context) error {
		has := func(s *types.StreamDescriptionSummary) bool {
			return isOnDemand(s) == (mode == types.StreamModeOnDemand)
		}
		return func(ctx context.Context) error {
			now, err := l.untilActive(ctx, nil)
			if err != nil || has(now) {
				return err
			}
			if _, err := l.Kinesis.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{
				StreamARN: before.StreamARN, StreamModeDetails: &types.StreamModeDetails{StreamMode: mode},
			}); err != nil {
				return err
			}
			_, err = l.untilActive(ctx, has)
			return err
		}
	}
	return l.change(ctx, change{
		what:   "the stream is provisioned instead of on demand",
		byHand: "aws kinesis update-stream-mode --stream-mode-details StreamMode=ON_DEMAND --stream-arn <StreamArn>",
		undo:   set(types.StreamModeOnDemand),
	}, set(types.StreamModeProvisioned))
}

// doubleAndHalve reshards, and returns how long each reshard took.
func (l *Lab) doubleAndHalve(ctx context.Context, shards int32) (string, error) {
	began := l.Now()
	err := l.change(ctx, change{
		what: fmt.Sprintf("the stream has %d shards instead of %d", 2*shards, shards),
		byHand: fmt.Sprintf("aws kinesis update-shard-count --scaling-type UNIFORM_SCALING --target-shard-count %d "+
			"--stream-name <StreamName>", shards),
		undo: func(ctx context.Context) error { return l.setShards(ctx, shards) },
	}, func(ctx context.Context) error { return l.setShards(ctx, 2*shards) })
	if err != nil {
		return "", err
	}
	middle := l.Now()
	if err := l.setShards(ctx, shards); err != nil {
		return "", err
	}
	return fmt.Sprintf("%.0f s and %.0f s", middle.Sub(began).Seconds(), l.Now().Sub(middle).Seconds()), nil
}

// setShards changes the number of shards, unless the stream has it already.
func (l *Lab) setShards(ctx context.Context, shards int32) error {
	has := func(s *types.StreamDescriptionSummary) bool { return aws.ToInt32(s.OpenShardCount) == shards }
	now, err := l.untilActive(ctx, nil)
	if err != nil || has(now) {
		return err
	}
	if _, err := l.Kinesis.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
		StreamName: now.StreamName, TargetShardCount: &shards, ScalingType: types.ScalingTypeUniformScaling,
	}); err != nil {
		return err
	}
	_, err = l.untilActive(ctx, has)
	return err
}

// untilActive waits until no change of the stream is under way and it is as has demands; nil demands nothing.
func (l *Lab) untilActive(
	ctx context.Context, has func(*types.StreamDescriptionSummary) bool,
) (now *types.StreamDescriptionSummary, err error) {
	err = l.until(ctx, "the stream to be ACTIVE", func(ctx context.Context) (bool, error) {
		if now, err = l.stream(ctx); err != nil {
			return false, err
		}
		return now.StreamStatus == types.StreamStatusActive && (has == nil || has(now)), nil
	})
	return now, err
}
