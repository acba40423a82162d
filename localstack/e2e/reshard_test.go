//go:build emulator

package e2e_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/host/kinesislocal"
	"github.com/anabranch/anabranch/localstack/sample"
	"github.com/anabranch/anabranch/localstack/stack"
)

// TestReshard runs on an emulator of Kinesis that splits and merges shards as Kinesis does. Each part can run alone.
func TestReshard(t *testing.T) {
	t.Parallel() // with TestStory: each has a stack of its own
	w := start(t, stack.Settings{Elsewhere: map[string]string{
		"kinesis":  kinesislocal.Start(t).Endpoint,
		"dynamodb": emulator.Start(t).Endpoint, // tables may be elsewhere, too, as on a LocalStack in Docker
	}})
	firstTick(t, w)
	t.Run("under load", func(t *testing.T) { reshardUnderLoad(t, w) })
	t.Run("first day", func(t *testing.T) { firstDay(t, w) })
}

// reshardUnderLoad splits and merges shards while events arrive. No event is lost or counted twice, neither live nor
// after batch. The records of a lane stay in order in spite of the reshards; otherwise the applied positions would have
// dropped some.
func reshardUnderLoad(t *testing.T, w *world) {
	lines, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	resharded := make(chan error, 1)
	go func() {
		for _, shards := range []int32{4, 3, 1, 2} {
			if err := w.reshard(t, shards); err != nil {
				resharded <- err
				return
			}
		}
		resharded <- nil
	}()
	// the second round sends the same events again, if the reshards have not ended
	for sent, done := 0, false; sent < len(lines) || !done; {
		from := sent % len(lines)
		w.send(t, lines[from:min(from+500, len(lines))], "--batch", "50")
		sent += 500
		select {
		case err := <-resharded:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
	}
	w.drain(t)
	a, err := w.reader().Ask(t.Context(), "traffic", nil)
	if err != nil || a.Requests() != sample.Events {
		t.Errorf("live, %d requests, %v; want %d", a.Requests(), err, sample.Events)
	}
	shards := w.Stream.Snapshot().Shards
	t.Logf("%d shards were read, in the end; %+v", len(shards), w.Stream.Counts())
	if len(shards) < 8 {
		t.Errorf("%d shards were met; the stream was not resharded as it should", len(shards))
	}
	if got := len(distinct(t, w.published(t))); got != sample.Events {
		t.Errorf("the shards hold %d distinct events, want %d", got, sample.Events)
	}
	w.takeOver(t, sample.Events)
	w.verify(t, true)
}

// openShards returns the number of shards that are not split or merged.
func (w *world) openShards(t *testing.T) int32 {
	t.Helper()
	stream := w.Outputs["StreamName"]
	got, err := w.Kinesis.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &stream})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToInt32(got.StreamDescriptionSummary.OpenShardCount)
}

// reshard changes the number of shards, and waits until it is done.
func (w *world) reshard(t *testing.T, shards int32) error {
	stream := w.Outputs["StreamName"]
	_, err := w.Kinesis.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{
		StreamName: &stream, TargetShardCount: aws.Int32(shards), ScalingType: types.ScalingTypeUniformScaling,
	})
	if err != nil {
		return err
	}
	waiter := kinesis.NewStreamExistsWaiter(
		w.Kinesis, func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second },
	)
	return waiter.Wait(t.Context(), &kinesis.DescribeStreamInput{StreamName: &stream}, time.Minute)
}
