//go:build browser

package browser_test

import (
	"strings"
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

func (p *tab) enterKey(key string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS("#key-input"), key+"\r"))
}
