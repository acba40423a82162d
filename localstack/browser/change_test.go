//go:build browser

package browser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestDefinitionChanges deploys another definition while the page shows the view and events keep coming. The page shows
// a chart at every moment, its count never decreases, and it shows the new aggregate by itself.
func TestDefinitionChanges(t *testing.T) {
	const before = `views:
  - name: orders
    where: type == "t"
    key: {shop: data.shop}
    window: 1m
    aggregates: {n: count(), old: max(data.ms)}
`
	after := strings.Replace(before, "old: max(data.ms)", "sum: sum(data.ms)", 1)
	s := start(t, before, 2*time.Second, false)
	began := time.Now().Add(-30 * time.Minute)
	id := 0
	more := func() {
		var lines [][]byte
		for range 40 {
			lines = append(lines, event(fmt.Sprint(id), began.Add(time.Duration(id)*time.Second), map[string]any{
				"shop": fmt.Sprint("shop", id%5), "ms": 2,
			}))
			id++
		}
		s.send(lines)
	}
	more()
	p := newTab(t, s.URL)
	p.open("#view=orders&values=n,old")
	p.wait("the first events", `document.querySelector('#card-n .value')?.innerText === '40'`)
	// A person looks at each frame: the chart is there, and its number never decreases.
	p.js(`(() => {
		window.seen = {frames: 0, lost: [], last: 0};
		const look = () => {
			const n = Number(document.querySelector('#card-n .value')?.innerText.replaceAll(',', '') ?? NaN);
			const bars = document.querySelectorAll('.panel .chart path').length;
			seen.frames++;
			if (!(n >= seen.last) || bars === 0) seen.lost.push(n + ' events, ' + bars + ' paths');
			seen.last = n;
			requestAnimationFrame(look);
		};
		look();
		return '';
	})()`)
	more()
	s.deploy(after)
	for !evaluate[bool](p, `Boolean(document.querySelector('#card-sum'))`) && id < 4000 {
		more()
		time.Sleep(100 * time.Millisecond) // events come as long as batch builds
	}
	p.wait("all events under the new definition", fmt.Sprintf(
		`document.querySelector('#card-n .value')?.innerText.replaceAll(',', '') === '%d'
			&& document.querySelector('#card-sum .value')?.innerText.replaceAll(',', '') === '%d'`, id, 2*id))
	if got := p.js(`seen.lost.slice(0, 3).join('; ')`); got != "" {
		t.Errorf("in some of %s frames the page had lost events: %s", p.js("seen.frames"), got)
	}
	if p.js(`document.querySelector('#card-old') === null`) != "true" {
		t.Error("the page still shows the aggregate that the definition has no more")
	}
	if got := p.text(".notice"); got != "" {
		t.Errorf("the page complains: %s", got)
	}
	if got := evaluate[int](p, "seen.frames"); got < 20 {
		t.Errorf("only %d frames were looked at", got)
	}
}
