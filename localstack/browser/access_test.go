//go:build browser

package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestKeys checks that the page asks for a key, once per tab, shows a reader no part for operators, and an operator
// the status.
func TestKeys(t *testing.T) {
	s := start(t, orders, 2*time.Second, true)
	s.send(ordersOf(100))
	p := newTab(t, s.URL)
	p.do(chromedp.Navigate(s.URL + "/#view=orders"))
	p.wait("the question for the key", `document.querySelector('#key-dialog')?.open`)
	p.shot("key")
	p.enterKey("a-key-that-nobody-has")
	p.wait("a refusal", `document.querySelector('#key-error').innerText.includes('refused')`)
	if got := p.text("#key-error"); !strings.Contains(got, "Forbidden") {
		t.Errorf("the refusal is %q, want the server's own word in it", got)
	}
	p.enterKey(keys.Read)
	p.wait("the view", `document.querySelector('#card-n .value')?.innerText === '100'`)
	if got := p.text("#tabs"); got != "Views" {
		t.Errorf("a key that may only read sees the tabs %q", got)
	}
	p.do(chromedp.Navigate(s.URL + "/#tab=status"))
	p.do(chromedp.Reload())
	p.settle()
	if got := p.text("main"); strings.Contains(got, "Generations") || !strings.Contains(got, "orders") {
		t.Errorf("a reader asks for the status, and sees %.300q", got)
	}
	if p.js(`document.querySelector('#key-dialog')?.open`) != "false" {
		t.Error("the page asks for the key again after it was loaded anew in the same tab")
	}
	for _, store := range []string{"localStorage.length", "document.cookie.length"} {
		if got := p.js(store); got != "0" {
			t.Errorf("%s is %s: the key must not outlive the tab", store, got)
		}
	}
	if p.count(keys.Read) > 0 || strings.Contains(p.js("location.href+document.documentElement.innerHTML"), keys.Read) {
		t.Error("the key stands in an address or in the page")
	}
	p.click("#key-button")
	p.wait("the question for the key", `document.querySelector('#key-dialog')?.open`)
	p.enterKey(keys.Admin)
	p.wait("the tab of operators", `document.querySelector('#tabs').innerText.includes('Status')`)
	p.do(chromedp.Click(chromedp.CSS("#tabs a:nth-child(2)")))
	p.wait("batch", `/Events in the archive\s+100/.test(document.querySelector('main').innerText)`)
	for _, want := range []string{"Generations", "serving", "Drift", "Skipped events", "rejected/"} {
		if got := p.text("main"); !strings.Contains(got, want) {
			t.Errorf("the status lacks %q: %s", want, got)
		}
	}
	p.shotAll("status")
}

// TestKeyChanges checks that the page asks what a new key may see, when the server takes the old one no more.
func TestKeyChanges(t *testing.T) {
	s := start(t, orders, 2*time.Second, true)
	s.send(ordersOf(100))
	p := newTab(t, s.URL)
	p.do(chromedp.Navigate(s.URL + "/#view=orders"))
	p.wait("the question for the key", `document.querySelector('#key-dialog')?.open`)
	p.enterKey(keys.Read)
	p.wait("the view", `document.querySelector('#card-n .value')?.innerText === '100'`)
	for _, next := range []struct{ key, tabs string }{{keys.Admin, "Views Status"}, {keys.Read, "Views"}} {
		p.js(`sessionStorage.setItem('anabranch-key', 'a-key-of-yesterday'), ''`)
		p.wait("the question for the key", `document.querySelector('#key-dialog').open`)
		p.enterKey(next.key)
		p.wait("the tabs "+next.tabs, fmt.Sprintf(
			`[...document.querySelectorAll('#tabs a')].map((a) => a.innerText).join(' ') === %q`, next.tabs))
	}
}

// TestWrongKeyOnStatus checks that the page says at once that the server refuses a new key, also where no chart asks
// for rows, and that it asks nothing while it waits for a key.
func TestWrongKeyOnStatus(t *testing.T) {
	s := start(t, orders, 2*time.Second, true)
	p := newTab(t, s.URL)
	p.do(chromedp.Navigate(s.URL + "/#tab=status"))
	p.wait("the question for the key", `document.querySelector('#key-dialog')?.open`)
	p.enterKey(keys.Admin)
	p.wait("the status", `document.querySelector('main').innerText.includes('Generations')`)
	p.js(`sessionStorage.setItem('anabranch-key', 'a-key-of-yesterday'), ''`)
	p.wait("the question for the key", `document.querySelector('#key-dialog').open`)
	p.js(`document.querySelector('#key-error').innerText = '', ''`)
	p.enterKey("a-key-of-the-day-before")
	const refused = `document.querySelector('#key-dialog').open && ` +
		`document.querySelector('#key-error').innerText.includes('refused')`
	if waited := p.wait("a refusal", refused); waited > 3*time.Second {
		t.Errorf("the page says after %s that the server refuses the key", waited)
	}
	const asked = `String(performance.getEntriesByType('resource').filter((e) => e.name.includes('/v1/')).length)`
	before := p.js(asked)
	p.js(`new Promise((done) => setTimeout(() => done(''), 11000))`)
	if after := p.js(asked); after != before {
		t.Errorf("while it waits for a key, the page has asked %s questions, then %s", before, after)
	}
	p.enterKey(keys.Admin)
	p.wait("the status", `document.querySelector('main').innerText.includes('Generations')`)
}

// TestLeaveStatus checks that the page gives up its question for the status when a person leaves that tab.
func TestLeaveStatus(t *testing.T) {
	s := start(t, orders, 2*time.Second, false)
	s.send(ordersOf(100))
	slow := slowFront(t, s, "/v1/admin/views")
	p := newTab(t, slow.URL)
	p.open("#view=orders")
	slow.on.Store(true)
	p.click("#tabs a:nth-child(2)")
	<-slow.asked
	p.click("#tabs a:nth-child(1)")
	p.wait("the view", `document.querySelector('#card-n .value')?.innerText === '100'`)
	slow.wantGivenUp()
	if got := p.text("main"); strings.Contains(got, "Generations") || !strings.Contains(got, "Orders per shop") {
		t.Errorf("after a person left the status, the page shows %.300q", got)
	}
	p.click("#tabs a:nth-child(2)")
	p.wait("the status", `document.querySelector('main').innerText.includes('Generations')`)
}

func (p *tab) enterKey(key string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS("#key-input"), key+"\r"))
}

// TestLeaveEmptyAnswer checks that the page gives up the rest of a question without rows when a person asks another.
func TestLeaveEmptyAnswer(t *testing.T) {
	s := start(t, orders, 2*time.Second, false)
	s.send(ordersOf(100))
	slow := slowFront(t, s, "/v1/views/orders/keys")
	slow.on.Store(true)
	p := newTab(t, slow.URL)
	p.do(chromedp.Navigate(slow.URL + "/#view=orders&key.shop=nowhere"))
	<-slow.asked
	p.js(`location.hash = '#view=orders', ''`)
	p.wait("the view", `document.querySelector('#card-n .value')?.innerText === '100'`)
	slow.wantGivenUp()
}

// front is a server before another one. Once on is set, it answers one path 3 s late.
type front struct {
	*httptest.Server
	t              *testing.T
	on             atomic.Bool
	asked, givenUp chan struct{} // a late answer begins; the browser waits for it no more
}

func slowFront(t *testing.T, s *server, path string) *front {
	t.Helper()
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	f := &front{t: t, asked: make(chan struct{}, 100), givenUp: make(chan struct{}, 100)}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.on.Load() && r.URL.Path == path {
			f.asked <- struct{}{}
			select {
			case <-r.Context().Done():
				f.givenUp <- struct{}{}
				return
			case <-time.After(3 * time.Second):
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

// wantGivenUp checks that the browser gives up a question whose answer is late.
func (f *front) wantGivenUp() {
	f.t.Helper()
	select {
	case <-f.givenUp:
	case <-time.After(6 * time.Second):
		f.t.Error("the page still waits for an answer that it needs no more")
	}
}
