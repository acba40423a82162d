package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// watcher repeats one query in the background, and records each query that fails and each count that decreases.
type watcher struct {
	url   string
	every time.Duration
	alike bool // true if all definitions give the same count, so that it may not decrease between definitions either

	mu      sync.Mutex
	seen    seen
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// seen is what a watcher has recorded so far.
type seen struct {
	queries, definitions int
	current              string           // hash of the definition that answered last
	counts               map[string]int64 // last count of each definition, by hash
	last                 int64            // last count of any definition
	problems             []string
}

// favicon is the path of a query for the page that the sample asks for most.
const favicon = "/v1/views/page_views/query?path=%2Ffavicon.ico&total=true"

// watch starts a watcher that queries url, with a pause of `every` between queries.
func watch(ctx context.Context, url string, every time.Duration, alike bool) *watcher {
	watching, stop := context.WithCancel(ctx)
	w := &watcher{url: url, every: every, alike: alike, stop: stop, seen: seen{counts: map[string]int64{}}}
	w.stopped.Go(func() {
		for watching.Err() == nil {
			definition, count, err := ask(ctx, url)
			w.note(definition, count, err)
			select {
			case <-watching.Done():
			case <-time.After(every):
			}
		}
	})
	return w
}

func (w *watcher) note(definition string, count int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.seen
	s.queries++
	if err != nil {
		s.problems = append(s.problems, err.Error())
		return
	}
	last, known := s.counts[definition]
	if !known {
		s.definitions++
	}
	if w.alike {
		last = s.last
	}
	if count < last {
		s.problems = append(s.problems, fmt.Sprintf(
			"query %d: the count fell to %d (definition %.8s) from %d (definition %.8s)",
			s.queries, count, definition, last, s.current))
	}
	s.current, s.last, s.counts[definition] = definition, count, count
}

// now returns what the watcher has recorded so far.
func (w *watcher) now() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// end stops the watcher, prints a summary, and returns the first problem.
func (w *watcher) end() error {
	w.stop()
	w.stopped.Wait()
	fmt.Printf("  %d queries meanwhile, answered by %d definitions; %d failed or gave a lower count than before\n",
		w.seen.queries, w.seen.definitions, len(w.seen.problems))
	if len(w.seen.problems) > 0 {
		return errors.New(w.seen.problems[0])
	}
	return nil
}

// ask sends one query, and returns the definition that answered and its total of the aggregate "views".
func ask(ctx context.Context, url string) (definition string, count int64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", 0, err
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return "", 0, err
	}
	if response.StatusCode != http.StatusOK {
		return "", 0, fmt.Errorf("query: %s: %s", response.Status, body)
	}
	var answer struct {
		Definition string `json:"definition"`
		Total      struct {
			Values struct {
				Views json.Number `json:"views"`
			} `json:"values"`
		} `json:"total"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", 0, err
	}
	count, err = strconv.ParseInt(answer.Total.Values.Views.String(), 10, 64)
	return answer.Definition, count, err
}
