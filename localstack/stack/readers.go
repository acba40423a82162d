package stack

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/anabranch/anabranch/localstack/host/trigger"
)

// readStream starts to read the stream by the rules of the mapping in the template.
func (st *Stack) readStream(ctx context.Context) error {
	st.Kinesis = kinesis.NewFromConfig(st.ConfigOf("kinesis"))
	var api trigger.KinesisAPI = st.Kinesis
	if _, moved := st.elsewhere["kinesis"]; !moved {
		api = trigger.MiniStack{KinesisAPI: st.Kinesis}
	}
	mapping, err := trigger.DeployedMapping(ctx, st.Config, st.Outputs["StreamArn"])
	if err != nil {
		return err
	}
	st.Stream = &trigger.Kinesis{
		API: api, Stream: st.Outputs["StreamName"], Mapping: mapping, Invoke: trigger.Function(st.Host, Speed),
		Every: 200 * time.Millisecond, List: time.Second, Log: slog.New(slog.DiscardHandler),
	}
	st.readers = append(st.readers, st.PauseStream)
	st.ResumeStream(ctx)
	return nil
}

// PauseStream stops to read the stream, as the mapping does when it is disabled. ResumeStream continues where it
// stopped. Neither may be called while another call of one of them runs.
//
// Errors: those of Run in localstack/host/trigger. Do not retry.
func (st *Stack) PauseStream() error {
	if st.reading == nil {
		return nil
	}
	stop := st.reading
	st.reading = nil
	return stop()
}

// ResumeStream reads the stream again after PauseStream, until Stop or the next PauseStream.
func (st *Stack) ResumeStream(ctx context.Context) {
	if st.reading == nil {
		st.reading = start(ctx, st.Stream.Run)
	}
}

// start starts a reader, and returns a function that stops it and returns its error.
func start(ctx context.Context, run func(context.Context) error) (stop func() error) {
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- run(reading) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func (st *Stack) stopReaders() error {
	var errs []error
	for _, stop := range st.readers {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}
