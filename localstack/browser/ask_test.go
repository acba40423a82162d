//go:build browser

package browser_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/anabranch/anabranch/localstack/sample"
)

// TestNothingToShow checks that an answer without rows says which of the reasons it is.
func TestNothingToShow(t *testing.T) {
	s := start(t, orders, 2*time.Second, false)
	p := newTab(t, s.URL)
	says := func(hash, want string) {
		t.Helper()
		p.open(hash)
		p.wait(want, `document.querySelector('.empty h2')?.innerText.length > 0 && !document.querySelector('.empty').hidden`)
		if got := p.text(".empty"); !strings.Contains(got, want) {
			t.Errorf("%s says %q, want %q in it", hash, got, want)
		}
	}
	says("#view=orders", "No events yet.")
	s.send(ordersOf(100))
	p.wait("the events", `document.querySelector('#card-n .value')?.innerText === '100'`)
	says("#view=orders&key.shop=nowhere", "No such key.")
	says("#view=orders&key.shop=oslo&from=2001-01-01&to=2001-01-02", "No events in this range.")
	p.open("#view=orders&from=yesterday")
	p.wait("the API's words", `document.querySelector('.problem')`)
	if got := p.text(".problem"); !strings.Contains(got, `from="yesterday" is not a time`) || !strings.Contains(got, "bad_parameter") {
		t.Errorf("a wrong time says %q", got)
	}
	p.open("#view=nobody")
	if got := p.text("main"); !strings.Contains(got, "no such view") {
		t.Errorf("an unknown view says %q", got)
	}
}

// TestPolling checks that a page that shows what has not changed gets 304s, keeps its answer while the server
// is away, and goes on by itself.
func TestPolling(t *testing.T) {
	s := start(t, orders, 2*time.Second, false)
	s.send(ordersOf(100))
	var away atomic.Bool
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	p := newTab(t, front.URL)
	p.open("#view=orders&key.shop=oslo")
	p.wait("batch", `document.querySelector('#card-n .state')?.innerText === 'exact'`)
	// The horizon moves every two seconds, and with it the answer. Every other poll finds nothing new.
	for began := time.Now(); p.count("304/v1/views/orders/query") < 3; time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > longest {
			t.Fatalf("of %d questions, %d were answered with 304, want 3", p.count("/query"),
				p.count("304/v1/views/orders/query"))
		}
	}
	away.Store(true)
	p.wait("word of the failure", `document.querySelector('.problem')?.innerText.includes('cannot be reached')`)
	if got := p.text("#card-n .value"); got != "50" {
		t.Errorf("without a server the page shows %q, want its last answer", got)
	}
	p.shot("away")
	away.Store(false)
	p.wait("the next answer", `document.querySelector('.problem') === null`)
}

// TestSameQuestion runs the commands that the page offers, and compares CSV with the page.
func TestSameQuestion(t *testing.T) {
	s := start(t, sample.Views, 2*time.Second, false)
	lines, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	s.send(lines)
	p := newTab(t, s.URL)
	for _, hash := range []string{
		"#view=page_views&key.path=%2Ffavicon.ico&tz=Europe%2FBerlin&step=1d",
		"#view=errors_by_status&key.status=404", "#view=traffic&from=2015-05-18&to=2015-05-19",
		"#view=page_views&key.path=%2Fit%27s%20%24HOME%20%22x%22",
	} {
		p.open(hash)
		p.wait("batch", `document.querySelector('.empty:not([hidden])')
			|| document.querySelector('.card .state')?.innerText === 'exact'`)
		curl := p.text(".command:nth-of-type(2) code")
		out, err := exec.CommandContext(t.Context(), "bash", "-c", curl).Output()
		if err != nil || !strings.Contains(string(out), `"generation"`) {
			t.Errorf("%s: %v, %.300s", curl, err, out)
		}
		command := p.text(".command:nth-of-type(3) code")
		table, err := runAnabranch(t, command)
		if err != nil {
			t.Errorf("%s: %v, %s", command, err, table)
		}
		shown := evaluate[int](p, `document.querySelectorAll('details tbody tr').length`)
		if got := strings.Count(string(out), `"start"`); got != shown && p.js(`document.querySelector('.empty').hidden`) == "true" {
			t.Errorf("%s: %d rows, the page has %d", curl, got, shown)
		}
		csv := p.js(`fetch(document.querySelector('.csv').href).then((r) => r.text())`)
		if got := strings.Count(csv, "\n") - 1; got != strings.Count(string(out), `"start"`) {
			t.Errorf("CSV has %d records, curl gives %d rows:\n%.300s", got, strings.Count(string(out), `"start"`), csv)
		}
	}
}

// runAnabranch runs a command line of the page with the command of this source.
func runAnabranch(t *testing.T, line string) ([]byte, error) {
	t.Helper()
	const binary = "../../build/anabranch"
	if _, err := os.Stat(binary); err != nil {
		t.Fatal("build the command first: make build")
	}
	words, ok := strings.CutPrefix(line, "anabranch ")
	if !ok {
		t.Fatalf("the command is %q", line)
	}
	return exec.CommandContext(t.Context(), "bash", "-c", binary+" "+words).CombinedOutput()
}

// TestKeyboard walks through the page with the keyboard alone: it skips to the chart, chooses a key, reads rows, adds a
// value, sorts the table, and follows a key; and goes back with the history.
func TestKeyboard(t *testing.T) {
	s := start(t, orders, 2*time.Second, false)
	s.send(ordersOf(100))
	p := newTab(t, s.URL)
	p.open("#view=orders")
	p.wait("the events", `document.querySelectorAll('table.top tbody tr').length === 2`)
	p.press(kb.Tab)
	if got := p.js("document.activeElement.innerText"); got != "Skip to the chart" {
		t.Errorf("the first stop is %q", got)
	}
	p.tabTo(`document.activeElement.id === 'pick-shop'`)
	p.wait("the list", `document.querySelectorAll('#pick-shop-list li').length === 2`)
	p.press(kb.ArrowDown + kb.Enter)
	p.wait("the first key", `document.querySelector('.chip')?.innerText.startsWith('lima')`)
	p.wait("its row", `document.querySelector('#card-n .value').innerText === '50'`)
	p.tabTo(`document.activeElement.id === 'card-buyers'`)
	if p.js(`getComputedStyle(document.activeElement).outlineStyle`) == "none" {
		t.Error("the focus is not to be seen")
	}
	p.press(" ")
	p.wait("a second chart", `document.querySelectorAll('.panel').length === 2`)
	if got := p.js("document.activeElement.id"); got != "card-buyers" {
		t.Errorf("after the answer the focus is on %q", got)
	}
	p.tabTo(`document.activeElement.classList.contains('plot')`)
	p.press(kb.ArrowRight + kb.ArrowRight)
	if got := p.js("document.activeElement.getAttribute('aria-valuenow')"); got != "2" {
		t.Errorf("two steps to the right lead to row %s", got)
	}
	p.press(kb.Escape)
	if got := p.js(`document.querySelectorAll('.words:not([hidden])').length`); got != "0" {
		t.Error("Escape does not close the words")
	}
	p.js("history.go(-2), ''")
	p.wait("the view without a key", `document.querySelector('.chip') === null`)
	p.wait("the table", `document.querySelectorAll('table.top tbody tr').length === 2`)
	p.tabTo(`document.activeElement.closest('table.top') && document.activeElement.tagName === 'A'`)
	p.press(kb.Enter)
	p.wait("the key of the row", `document.querySelector('.chip') !== null`)
}

// tabTo presses Tab until a condition holds.
func (p *tab) tabTo(condition string) {
	p.t.Helper()
	for range 60 {
		if evaluate[bool](p, "Boolean("+condition+")") {
			return
		}
		p.press(kb.Tab)
	}
	p.t.Fatalf("60 stops of Tab do not reach %s", condition)
}
