//go:build browser

package browser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestManyKeys checks that a view of 5,000 keys is usable: the page shows their sum and the greatest, finds a key by
// its beginning, and shows that key; and that of 5,001 keys it says in the API's words what cannot be shown, and still
// shows a single one.
func TestManyKeys(t *testing.T) {
	s := start(t, orders, 2*time.Second, false)
	at := time.Now().Add(-time.Hour)
	var lines [][]byte
	for i := range 5000 {
		lines = append(lines, event(fmt.Sprint(i), at, map[string]any{"shop": fmt.Sprintf("shop-%04d", i), "ms": i}))
	}
	lines = append(lines, event("again", at, map[string]any{"shop": "shop-4321", "ms": 1}))
	s.send(lines)
	p := newTab(t, s.URL)
	began := time.Now()
	p.open("#view=orders")
	p.wait("all keys", `document.querySelector('#card-n .value')?.innerText === '5,001'
		&& document.querySelectorAll('table.top tbody tr').length === 10`)
	t.Logf("the page shows the sum and the greatest of 5,000 keys after %s", time.Since(began).Round(time.Millisecond))
	if got := p.text("table.top tbody tr"); !strings.HasPrefix(got, "shop-4321") {
		t.Errorf("the greatest key is %q, want shop-4321", got)
	}
	p.click("#pick-shop")
	p.wait("the first keys", `document.querySelectorAll('#pick-shop-list li').length === 100`)
	if got := p.text(".popup p"); !strings.Contains(got, "type to narrow") {
		t.Errorf("below 100 of 5,000 keys the list says %q", got)
	}
	p.press("shop-43")
	p.wait("the keys with this beginning", `document.querySelector('#pick-shop-list li').innerText === 'shop-4300'
		&& document.querySelectorAll('#pick-shop-list li').length === 100`)
	p.press("21")
	took := p.wait("the key", `document.querySelectorAll('#pick-shop-list li').length === 1`)
	t.Logf("the list has the key %s after the last letter", took.Round(time.Millisecond))
	p.do(chromedp.Click(chromedp.CSS("#pick-shop-list li")))
	p.wait("its row", `document.querySelector('#card-n .value').innerText === '2'`)
	if got := p.text(".chip"); !strings.HasPrefix(got, "shop-4321") {
		t.Errorf("the chosen key is %q", got)
	}

	s.send([][]byte{event("more", at, map[string]any{"shop": "shop-5000", "ms": 1})})
	p.wait("the API to have all keys", `fetch('v1/views/orders/query?group_by=').then((r) => r.status === 422)`)
	p.open("#view=orders&top=25")
	p.wait("a refusal", `document.querySelector('.problem')`)
	if got := p.text(".problem"); !strings.Contains(got, "5000 keys") || !strings.Contains(got, "too_many_keys") {
		t.Errorf("of 5,001 keys the page says %q, want the API's words", got)
	}
	if got := p.text(".cards"); got != "" {
		t.Errorf("beside the refusal stand the numbers of another question: %q", got)
	}
	p.shotAll("too-many-keys")
	p.open("#view=orders&key.shop=shop-5000")
	p.wait("its row", `document.querySelector('#card-n .value')?.innerText === '1'`)
}
