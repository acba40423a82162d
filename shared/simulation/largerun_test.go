package simulation_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestLargeRun checks a run that batch reads in several pieces, twice: a duplicate of an event in another piece does
// not count, and the run and the answers are those of a run that batch holds.
func TestLargeRun(t *testing.T) {
	for _, held := range []int64{-1, 1 << 30} {
		w, err := newWorld(1)
		if err != nil {
			t.Fatal(err)
		}
		if err := serve(w); err != nil {
			t.Fatal(err)
		}
		// Random bytes do not compress, so three objects are more than the 2 MB of a piece.
		random := rand.NewChaCha8([32]byte{1})
		const requests, events, size = 3, 12, 90_000
		for request := range requests {
			var all []string
			for i := range events {
				text := make([]byte, size)
				_, _ = random.Read(text) // it never fails
				all = append(all, fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"shop","type":"purchase",`+
					`"time":"2026-01-01T00:00:00Z","data":{"user":"u%d","amount":1,"text":"%s"}}`,
					// the first event of a request is the last one of the request before
					request*(events-1)+i, i%4, base64.StdEncoding.EncodeToString(text)))
			}
			if _, err := w.Send(t.Context(), all...); err != nil {
				t.Fatal(err)
			}
		}
		if err := steps(deliver, wait(time.Minute))(w); err != nil {
			t.Fatal(err)
		}
		w.Batch.HeldBytes = held
		report, err := w.Tick(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		run := report.Head
		if run.Objects != requests || run.Events != requests*events || run.Duplicates != requests-1 ||
			run.Conflicts != requests-1 || run.Bytes < requests*events*size {
			t.Errorf("held %d: run %+v", held, run)
		}
		if err := w.CheckExact(t.Context()); err != nil {
			t.Errorf("held %d: %v", held, err)
		}
	}
}
