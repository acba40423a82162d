//go:build browser

package browser_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestHostileTexts checks that keys and values that somebody else chose show as text, whatever they are: in the table
// of keys, in the list of the picker, as a chosen key, in cards, and in the commands to copy.
func TestHostileTexts(t *testing.T) {
	hostile := map[string]string{ // the text, and what the page shows
		`<img src=x onerror="document.title='owned'">`:     `<img src=x onerror="document.title='owned'">`,
		`</script><script>document.title='owned'</script>`: `</script><script>document.title='owned'</script>`,
		`javascript:alert(1)`:                              `javascript:alert(1)`,
		"\u202egnp.exe":                                    `⟨U+202E⟩gnp.exe`,
		"שלום עולם":                                        "שלום עולם",
		"👩‍🚀🏳️‍🌈":                                          "👩‍🚀🏳️‍🌈",
		"'; rm -rf ~ #":                                    "'; rm -rf ~ #",
		"a\nb\tc":                                          "a⟨U+000A⟩b⟨U+0009⟩c",
		`{"$n":"1"}`:                                       `{"$n":"1"}`,
		"12":                                               "12",
		"":                                                 "(empty)",
		strings.Repeat("w", 899):                           strings.Repeat("w", 899),
		"100 % & more = yes; no + plus #hash ?query /../path": "100 % & more = yes; no + plus #hash ?query /../path",
	}
	views := strings.ReplaceAll(orders, "      best", "      worst: first(data.shop)\n      best")
	s := start(t, views, 2*time.Second, false)
	var lines [][]byte
	for text := range hostile {
		lines = append(lines, event(fmt.Sprint(len(lines)), time.Now().Add(-time.Hour),
			map[string]any{"shop": text, "item": text}))
	}
	s.send(lines)
	p := newTab(t, s.URL)
	p.open("#view=orders&top=100&values=n,worst")
	p.wait("all keys", fmt.Sprintf(`document.querySelectorAll('table.top tbody tr').length === %d`, len(hostile)))
	shown := strings.Split(p.js(`[...document.querySelectorAll('table.top tbody th')].map((e) => e.textContent).join('\u0000')`), "\x00")
	for text, want := range hostile {
		if !contains(shown, want) {
			t.Errorf("the table shows %q nowhere for the key %.80q; it shows %.500q", want, text, shown)
		}
	}
	p.click("#pick-shop")
	p.wait("the list of keys", fmt.Sprintf(`document.querySelectorAll('#pick-shop-list li').length === %d`, len(hostile)))
	p.shot("hostile")
	for text, want := range hostile {
		p.open("#" + url.Values{"view": {"orders"}, "key.shop": {text}, "values": {"n,worst"}}.Encode())
		p.wait("the row of the key", `document.querySelector('#card-n .value')?.innerText === '1'`)
		if got := p.js(`document.querySelector('.chip bdi').textContent`); got != want {
			t.Errorf("the chosen key shows as %.100q, want %.100q", got, want)
		}
		// first keeps no text of more than 256 bytes
		if got := p.js(`document.querySelector('#card-worst .value').textContent`); got != want && len(text) < 256 {
			t.Errorf("the value shows as %.100q, want %.100q", got, want)
		}
		if wide := evaluate[int](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("%.60q makes the page %d pixels too wide", text, wide)
		}
	}
	if title := p.js("document.title"); strings.Contains(title, "owned") {
		t.Error("a script of an event ran")
	}
	if n := p.js(`document.querySelectorAll('main img, main script, main iframe').length`); n != "0" {
		t.Errorf("an event brought %s elements", n)
	}
}

func contains(all []string, wanted string) bool {
	for _, one := range all {
		if one == wanted {
			return true
		}
	}
	return false
}
