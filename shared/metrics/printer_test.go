package metrics_test

import (
	"errors"
	"testing"

	"github.com/anabranch/anabranch/shared/metrics"
)

var errFull = errors.New("disk is full")

// writes keeps what each call wrote.
type writes struct {
	lines []string
	err   error
}

func (w *writes) Write(p []byte) (int, error) {
	w.lines = append(w.lines, string(p))
	return len(p), w.err
}

func TestPrint(t *testing.T) {
	out := &writes{}
	p := metrics.Printer{Out: out, Function: "f", Now: at}
	if err := p.Print(metrics.Value{Name: metrics.Accepted, Value: 1}); err != nil {
		t.Fatal(err)
	}
	want, err := metrics.Append(nil, at(), "f", metrics.Value{Name: metrics.Accepted, Value: 1})
	if err != nil || len(out.lines) != 1 || out.lines[0] != string(want) {
		t.Errorf("wrote %q, want once %q (%v)", out.lines, want, err)
	}
	if err := p.Print(); !errors.Is(err, metrics.ErrLine) || len(out.lines) != 1 {
		t.Errorf("no values: %v, wrote %q", err, out.lines)
	}
	out.err = errFull
	if err := p.Print(metrics.Value{Name: metrics.Accepted, Value: 1}); !errors.Is(err, errFull) {
		t.Errorf("output's error: %v", err)
	}
}
