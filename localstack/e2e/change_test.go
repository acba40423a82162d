//go:build emulator

package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/localstack/sample"
)

// more is the number of events that arrive while a definition changes.
const more = 500

// deployViews deploys the batch function with the sample's views, changed by replacing a text, and returns its
// bootstrap's path.
func (w *world) deployViews(t *testing.T, old, new string) {
	t.Helper()
	folder, err := os.MkdirTemp(w.dir, "batch-")
	if err != nil {
		t.Fatal(err)
	}
	build := filepath.Join("..", "..", "build", "batch")
	views, err := os.ReadFile(filepath.Join(build, "views.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(views), old, new, 1)
	if other == string(views) {
		t.Fatal("the views are not those of the sample")
	}
	if err := os.WriteFile(filepath.Join(folder, "views.yaml"), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	bootstrap, err := filepath.Abs(filepath.Join(build, "bootstrap"))
	if err == nil {
		err = os.Link(bootstrap, filepath.Join(folder, "bootstrap"))
	}
	if err != nil {
		bytes, readErr := os.ReadFile(bootstrap) // on another file system
		if readErr != nil {
			t.Fatal(readErr)
		}
		if err := os.WriteFile(filepath.Join(folder, "bootstrap"), bytes, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.replaceBatch(t, filepath.Join(folder, "bootstrap"))
}

// deployOldViews deploys the batch function with the original views.
func (w *world) deployOldViews(t *testing.T) {
	t.Helper()
	bootstrap, err := filepath.Abs(filepath.Join("..", "..", "build", "batch", "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	w.replaceBatch(t, bootstrap)
}

// asked queries the view continuously until do returns.
func (w *world) asked(t *testing.T, do func()) {
	t.Helper()
	asking, stop := context.WithCancel(t.Context())
	defer stop()
	asked := make(chan int, 1)
	go func() { asked <- w.ask(t, asking) }()
	do()
	stop()
	t.Logf("%d queries ran meanwhile; none failed, and no count decreased", <-asked)
}

// changed deploys the batch function with another definition of a view while events arrive. Batch builds the new
// generation beside the serving one and then switches to it. No query fails, and no count decreases. When the old
// definition is deployed again, its generation serves at the next tick.
func changed(t *testing.T, w *world) {
	before := w.definition(t)
	// The changed definition means the same, so the same fold gives the expected values; but Anabranch treats it as
	// another definition.
	w.deployViews(t, "data.status < 400", "data.status <= 399")
	w.asked(t, func() {
		began := time.Now()
		w.send(t, another(t, "-g")[:more], "--batch", "50")
		w.untilDefined(t, func(definition string) bool { return definition != before })
		t.Logf("the changed definition serves %.0f s after it was deployed", time.Since(began).Seconds())
		w.drain(t)
		w.takeOver(t, sample.Events+1+more)

		w.deployOldViews(t)
		if err := w.batchByHand(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.definition(t); got != before {
			t.Errorf("after the old views were deployed again and one tick, %s serves, want %s", got, before)
		}
	})
}

// untilDefined ticks until the serving definition of page_views is one that wanted accepts.
func (w *world) untilDefined(t *testing.T, wanted func(string) bool) {
	t.Helper()
	for ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute); ; time.Sleep(time.Second) {
		defer cancel()
		w.tickBoth(t, ctx) // sooner than the schedule does
		if wanted(w.definition(t)) {
			return
		}
	}
}

// tickBoth invokes batch and then replay, so that lost events are found and found events are replayed.
func (w *world) tickBoth(t *testing.T, ctx context.Context) {
	t.Helper()
	for _, function := range []string{"BatchFunction", "ReplayFunction"} {
		if _, err := w.invoke(ctx, function); err != nil {
			t.Fatal(err)
		}
	}
}

// definition returns the serving definition of page_views.
func (w *world) definition(t *testing.T) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/v1/views/page_views", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+w.Keys.Read)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var view struct{ Definition string }
	if err := json.NewDecoder(response.Body).Decode(&view); err != nil || view.Definition == "" {
		t.Fatalf("page_views: %s, %+v, %v", response.Status, view, err)
	}
	return view.Definition
}

// ask queries one key of the view over and over. Its count over all windows must never decrease.
func (w *world) ask(t *testing.T, ctx context.Context) (asked int) {
	last := int64(0)
	for ; ctx.Err() == nil; asked++ {
		a, err := w.reader().Ask(ctx, "page_views", map[string][]string{"path": {"/favicon.ico"}})
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			t.Errorf("question %d: %v", asked, err)
			break
		}
		sum := int64(0)
		for _, r := range a.Data {
			n, err := r.Values["views"].Int64()
			if err != nil {
				t.Error(err)
			}
			sum += n
		}
		if sum < last {
			t.Errorf("question %d: %d views, and %d before", asked, sum, last)
		}
		last = sum
	}
	return asked
}
