//go:build browser

package browser_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "take the picture of README.md anew, which takes three minutes")

const checkouts = `views:
  - name: checkouts
    description: Orders, revenue and latency per shop and plan
    where: type == "t"
    key: {shop: data.shop, plan: data.plan}
    rollups: [[]]
    window: 10s
    aggregates:
      orders: count()
      revenue: sum(data.amount)
      latency: quantiles(data.ms)
      customers: distinct(data.customer)
  - name: shops
    description: Orders per shop and minute, by the stream alone
    architecture: kappa
    where: type == "t"
    key: {shop: data.shop}
    window: 1m
    aggregates: {orders: count()}
`

// TestPicture takes the picture of README.md: events of some minutes, of which batch has counted the older ones.
func TestPicture(t *testing.T) {
	if !*update {
		t.Skip("the picture is taken with -update")
	}
	const slot = 30 * time.Second
	s := start(t, checkouts, slot, false)
	r, id := rand.New(rand.NewPCG(4, 2)), 0
	checkout := func(at time.Time) []byte {
		id++
		return event(fmt.Sprint(id), at, map[string]any{
			"shop": []string{"lisbon", "kyoto", "oslo", "lima", "lisbon", "kyoto", "lisbon"}[r.IntN(7)],
			"plan": []string{"pro", "free", "free"}[r.IntN(3)], "amount": math.Round(4000*math.Exp(r.NormFloat64()*0.8)) / 100,
			"ms": math.Round(400*math.Exp(r.NormFloat64()*0.7)) / 10, "customer": r.IntN(900),
		})
	}
	// The rate goes up and down within some minutes.
	rate := func(at time.Time) float64 { return 5 + 2.2*math.Sin(float64(at.Unix())/95) }
	var old [][]byte
	for at := time.Now().Add(-13 * time.Minute); at.Before(time.Now()); {
		at = at.Add(time.Duration(r.ExpFloat64() / rate(at) * float64(time.Second)))
		old = append(old, checkout(at))
	}
	s.send(old)
	for end := time.Now().Truncate(slot).Add(4*slot + 28*time.Second); time.Now().Before(end); {
		var now [][]byte
		for range int(rate(time.Now())) {
			now = append(now, checkout(time.Now().Add(-time.Duration(r.IntN(1000))*time.Millisecond)))
		}
		s.send(now)
		time.Sleep(time.Second) // events of the picture come as time goes by
	}
	p := newTab(t, s.URL)
	p.window(1240, 1130, false)
	p.open("#view=checkouts&range=15m")
	p.wait("keys", `document.querySelectorAll('table.top tbody tr').length >= 8`)
	// The row that ends at the horizon has late events, so batch and speed each have a part of it.
	where := evaluate[[]float64](p, `(() => { const r = document.querySelector('.horizon line').getBoundingClientRect();
		return [r.left - 4, r.top + r.height / 2]; })()`)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, where[0], where[1]))
	p.wait("the parts", `!document.querySelector('.words').hidden`)
	picture := p.shot("readme")
	if len(picture) > 150_000 {
		t.Errorf("the picture has %d bytes, want at most 150,000", len(picture))
	}
	if err := os.WriteFile("../../docs/page.png", picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
