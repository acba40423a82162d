package stack

import (
	"context"
	"errors"
	"io"

	"github.com/anabranch/anabranch/infra/deployment"
	"github.com/anabranch/anabranch/infra/venv"
)

// TakeOver deletes the stack with all its tables, and deploys a new one that takes over the archive in a bucket, as
// make restore does. The bucket must be none of the stack's: unlike AWS, MiniStack deletes those with the stack. The
// emulator goes on. Settings are those of the new stack.
func (st *Stack) TakeOver(ctx context.Context, bucket string, s Settings) error {
	root, err := venv.Root()
	if err != nil {
		return err
	}
	if err := errors.Join(st.stopReaders(), st.proxy.Close(), st.Host.Close()); err != nil {
		return err
	}
	st.readers = nil
	if err := deployment.At(st.Config).Destroy(ctx, nil, io.Discard, Name); err != nil {
		return err
	}
	parameters := map[string]string{"ExistingArchive": bucket}
	for name, value := range s.Parameters {
		parameters[name] = value
	}
	if err := Deploy(ctx, root, st.emulator.Endpoint, io.Discard, parameters); err != nil {
		return err
	}
	if s.Log == nil {
		s.Log = io.Discard
	}
	return st.run(ctx, root, s)
}
