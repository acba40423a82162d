package view_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/view"
)

// TestWindowsKnowTheirMemory checks Windows.Bytes against the heap, for windows with one event each. The bound of what
// a query merges depends on it.
func TestWindowsKnowTheirMemory(t *testing.T) {
	const windows = 20_000
	for _, expr := range []string{
		"count()", "max(data.n)", "first(data.s)", "last(data.s)", "distinct(data.s)", "quantiles(data.n)", "top(data.s, 10)",
	} {
		p := windowed(t, time.Minute, expr)
		delta := foldOne(t, p, `{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"n":1,"s":"a"}}`)
		var encoded []byte
		for page := range delta.Pages() {
			encoded = page.Encode()
		}
		before := liveBytes()
		w := p.NewWindows()
		for n := range view.Window(windows) {
			to := func(view.Window) (view.Window, bool) { return n, true }
			if err := w.MergePageInto(0, encoded, to); err != nil {
				t.Fatal(err)
			}
		}
		live := liveBytes() - before
		if counted := int64(w.Bytes()); 2*counted < live {
			t.Errorf("%s: Bytes is %d, but %d windows take %d", expr, counted, windows, live)
		}
		runtime.KeepAlive(w)
	}
}

func liveBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
