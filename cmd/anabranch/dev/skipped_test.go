package dev_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// logged is a log that several goroutines write.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *logged) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// TestSkippedIsToldOnce checks that the log says once per view, place and reason that events are skipped, however many
// events and ticks there are.
func TestSkippedIsToldOnce(t *testing.T) {
	s := settings(t, t.TempDir())
	var err error
	s.Definitions, err = viewfile.Parse("views.yaml", []byte(`views:
  - name: sales
    key: {user: data.user}
    window: 1h
    aggregates: {n: count(), cost: sum(data.cost)}
`))
	if err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	s.Log = slog.New(slog.NewTextHandler(log, nil))
	server, _ := open(t, s)
	at := time.Now().UTC().Format(time.RFC3339)
	event := func(id, data string) []byte {
		return []byte(`{"specversion":"1.0","id":"` + id + `","source":"s","type":"t","time":"` + at + `","data":` + data + `}`)
	}
	post(t, server, [][]byte{event("1", `{"user":"a"}`), event("2", `{"user":"b"}`), event("3", `{"cost":1}`)})
	const told = "a view cannot use some events"
	for deadline := time.Now().Add(30 * time.Second); log.count(told) < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("told %d times", log.count(told))
		}
	}
	post(t, server, [][]byte{event("4", `{"user":"a"}`), event("5", `{}`)})
	time.Sleep(5 * s.BatchEvery)
	for _, place := range []string{"view=sales place=key.user", "view=sales place=aggregates.cost"} {
		if n := log.count(place); n != 1 {
			t.Errorf("%s is told %d times, want once", place, n)
		}
	}
	if n := log.count(told); n != 2 {
		t.Errorf("told %d times, want 2", n)
	}
}
