package dev_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
)

// TestSampleOf checks that a sample counts all objects and reads some of them, spread over the archive.
func TestSampleOf(t *testing.T) {
	s := settings(t, filepath.Join(t.TempDir(), "data"))
	server, end := open(t, s)
	const objects = 6
	for i := range objects {
		post(t, server, lines(t)[10*i:10*i+10])
	}
	end()
	whole, err := dev.SampleOf(t.Context(), s.Dir, 100)
	if err != nil || whole.Objects != objects || whole.Sampled != objects ||
		bytes.Count(whole.Lines, []byte("\n")) != 60 || whole.Bytes < 1000 {
		t.Fatalf("%d objects of %d bytes, %d read: %v", whole.Objects, whole.Bytes, whole.Sampled, err)
	}
	part, err := dev.SampleOf(t.Context(), s.Dir, 3)
	if err != nil || part.Objects != objects || part.Sampled != 3 || part.Bytes != whole.Bytes {
		t.Errorf("%d objects of %d bytes, %d read: %v", part.Objects, part.Bytes, part.Sampled, err)
	}
	n := len(whole.Lines)
	if first, last := part.Lines[:100], part.Lines[len(part.Lines)-100:]; !bytes.Equal(first, whole.Lines[:100]) ||
		bytes.Contains(whole.Lines[:n/2], last) {
		t.Error("the sample is not spread over the archive")
	}
	if _, err := dev.SampleOf(t.Context(), t.TempDir(), 3); err == nil {
		t.Error("an empty directory gives a sample")
	}
}
