//go:build browser

package browser_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/anabranch/anabranch/localstack/sample"
)

// TestLooks opens each part of the page in light and dark, on a desk and on a phone. axe-core finds nothing serious in
// any of them, and a phone needs no scrolling to the side.
func TestLooks(t *testing.T) {
	axe := axeCore(t)
	s := start(t, sample.Views+orders[len("views:"):], 8*time.Second, false)
	lines, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	s.send(append(lines[:len(lines)-1:len(lines)-1], ordersOf(500)...))
	p := newTab(t, s.URL)
	p.open("#view=traffic")
	p.wait("batch", `document.querySelector('#card-requests .state')?.innerText === 'exact'`)
	s.send(lines[len(lines)-1:]) // so that some rows are live
	for _, c := range []struct {
		name, hash, ready string
	}{
		{"keys", "#view=page_views&values=views,largest", `document.querySelectorAll('table.top tbody tr').length === 10`},
		{"kinds", "#view=orders&values=n,latency,buyers,best", `document.querySelectorAll('.panel').length === 4`},
		{"empty", "#view=page_views&key.path=%2Fnowhere", `document.querySelector('.empty h2')`},
		{"problem", "#view=page_views&from=yesterday", `document.querySelector('.problem')`},
		{"operators", "#tab=status", `document.querySelector('section.status')`},
	} {
		for _, dark := range []bool{false, true} {
			for _, phone := range []bool{false, true} {
				name := c.name + map[bool]string{true: "-dark"}[dark] + map[bool]string{true: "-phone"}[phone]
				t.Run(name, func(t *testing.T) {
					q := newTab(t, s.URL)
					if dark {
						q.dark()
					}
					if phone {
						q.window(390, 844, true)
					}
					q.do(chromedp.Navigate(s.URL + "/" + c.hash))
					q.wait(c.ready, c.ready)
					if c.name == "kinds" {
						q.js(`document.querySelector('details').open = true, ''`)
					}
					q.inspect(axe)
					q.shotAll(name)
					if wide := evaluate[int](q, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
						t.Errorf("the page is %d pixels wider than its window", wide)
					}
				})
			}
		}
	}
	t.Run("the list of keys", func(t *testing.T) {
		q := newTab(t, s.URL)
		q.open("#view=page_views")
		q.click("#pick-path")
		q.wait("keys", `document.querySelectorAll('#pick-path-list li').length === 100`)
		q.press(kb.ArrowDown)
		q.inspect(axe)
		q.shot("picker")
	})
}

// axeCore returns the text of axe-core, which it installs below build/ once. Only tests use it.
func axeCore(t *testing.T) string {
	t.Helper()
	const dir, file = "../../build/axe", "../../build/axe/node_modules/axe-core/axe.min.js"
	if _, err := os.Stat(file); err != nil {
		out, err := exec.CommandContext(t.Context(), "npm", "install", "--no-audit", "--no-fund", "--prefix", dir,
			"axe-core@4.14.1").CombinedOutput()
		if err != nil {
			t.Fatalf("install axe-core: %v\n%s", err, out)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// inspect runs axe-core. Anything that it calls serious or critical is an error.
func (p *tab) inspect(axe string) {
	p.t.Helper()
	p.js(axe + "; ''")
	found := evaluate[[]string](p, `axe.run(document).then((r) => [String(r.passes.length), ...r.violations
		.filter((v) => v.impact === 'serious' || v.impact === 'critical')
		.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 200) + ' ' + n.failureSummary).join('\n'))])`)
	if passed, err := strconv.Atoi(found[0]); err != nil || passed < 10 {
		p.t.Errorf("only %s rules of axe-core apply", found[0])
	}
	for _, violation := range found[1:] {
		p.t.Errorf("axe-core finds %s", violation)
	}
}

// TestPartsOfARow checks that a row's parts show below the pointer and by keyboard, and that they are the API's.
func TestPartsOfARow(t *testing.T) {
	s := start(t, orders, 4*time.Second, false)
	s.send(ordersOf(100))
	p := newTab(t, s.URL)
	p.open("#view=orders&key.shop=oslo")
	p.wait("batch", `document.querySelector('#card-n .state')?.innerText === 'exact'`)
	first := time.Now().Add(-time.Hour).Truncate(time.Minute)
	s.send([][]byte{event("late", first, map[string]any{"shop": "oslo"})})
	p.wait("the late event", `document.querySelector('#card-n .value').innerText === '51'`)
	where := evaluate[[]float64](p, `(() => { const r = document.querySelector('.plot').getBoundingClientRect();
		return [r.left + r.width - 20, r.top + r.height / 2]; })()`)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, where[0], where[1]))
	p.wait("the parts", `!document.querySelector('.words').hidden`)
	p.shot("parts")
	rows := s.get("/v1/views/orders/query?shop=oslo&parts=true")["data"].([]any)
	p.checkParts(rows[len(rows)-1])
	p.js(`document.querySelector('.plot').focus(), ''`)
	p.press(kb.Home)
	p.wait("the first row", fmt.Sprintf(`document.querySelector('.words .when').innerText.includes(%q)`,
		first.UTC().Format("15:04")))
	p.checkParts(rows[0])
	if got := p.js(`document.querySelector('.plot').getAttribute('aria-valuetext')`); !strings.Contains(got, "n 1, ") {
		t.Errorf("a screen reader says %q", got)
	}
}

func (p *tab) checkParts(row any) {
	p.t.Helper()
	parts := row.(map[string]any)["parts"].(map[string]any)
	for _, part := range []string{"batch", "speed"} {
		want := "–"
		if values, ok := parts[part].(map[string]any); ok {
			want = fmt.Sprint(values["n"])
		}
		if got := p.text(".words ." + part + " .number"); got != want {
			p.t.Errorf("%s has %q, want %q: %v", part, got, want, parts)
		}
	}
}
