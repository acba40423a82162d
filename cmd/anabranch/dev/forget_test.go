package dev_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/localstack/sample"
)

// TestMemoryIsGivenBack checks that what the stream has delivered, what batch has covered and what has expired leaves
// memory, however many events came.
func TestMemoryIsGivenBack(t *testing.T) {
	s := settings(t, t.TempDir())
	s.Slot, s.SealDelay, s.SweepAfter = time.Second, 600*time.Millisecond, 100*time.Millisecond
	s.SpeedWindow, s.StreamRetention, s.LongestInvocation = time.Second, time.Second, time.Millisecond
	opened, err := dev.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	held := func() dev.Held {
		t.Helper()
		counts, err := dev.HeldBy(t.Context(), opened)
		if err != nil {
			t.Fatal(err)
		}
		return counts
	}
	server, _ := start(t, opened)
	for _, n := range []int{500, 5_000} {
		postAll(t, server, lines(t)[:n], 50)
		wait(t, server, "every event", func(a sample.Answer) bool { return a.Requests() >= int64(n) })
		if held().Seen == 0 {
			t.Errorf("after %d events, speed holds no seen items", n)
		}
		deadline := time.Now().Add(time.Minute)
		for held() != (dev.Held{}) {
			if time.Now().After(deadline) {
				t.Fatalf("after %d events and a minute, memory holds %+v", n, held())
			}
			time.Sleep(50 * time.Millisecond)
		}
		wait(t, server, "batch", func(a sample.Answer) bool { return a.Exact() && a.Requests() == int64(n) })
	}
}

// TestRunsAreFilesForAWhile checks that the objects of runs are in the directory while the server runs, that a start
// removes what a server that was killed left there, and that runs are made where the disk takes no object of them.
func TestRunsAreFilesForAWhile(t *testing.T) {
	s := settings(t, t.TempDir())
	folder := filepath.Join(s.Dir, ".runs")
	left := filepath.Join(folder, "runs", "left")
	if err := errors.Join(os.MkdirAll(filepath.Dir(left), 0o700), os.WriteFile(left, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	server, end := open(t, s)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", left, err)
	}
	post(t, server, lines(t)[:3])
	exact := func(n int64) func(sample.Answer) bool {
		return func(a sample.Answer) bool { return a.Exact() && a.Requests() == n }
	}
	wait(t, server, "the first run", exact(3))
	if found, err := os.ReadDir(filepath.Join(folder, "runs")); err != nil || len(found) == 0 {
		t.Errorf("%d runs are in the directory, error %v", len(found), err)
	}
	drafts := filepath.Join(folder, ".put")
	if err := errors.Join(os.RemoveAll(drafts), os.WriteFile(drafts, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	post(t, server, lines(t)[3:5])
	wait(t, server, "a run that the disk does not take", exact(5))
	end()
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", folder, err)
	}
}
