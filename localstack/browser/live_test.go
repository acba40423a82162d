//go:build browser

package browser_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/anabranch/anabranch/localstack/sample"
)

// TestLiveThenExact sends the sample while the page is open: the chart shows the events by the next poll, hatched,
// and becomes solid when batch takes over. Nobody touches the page meanwhile.
func TestLiveThenExact(t *testing.T) {
	const slot = 12 * time.Second
	s := start(t, sample.Views, slot, false)
	p := newTab(t, s.URL)
	p.open("#view=traffic")
	if got := p.text("main .empty"); !strings.Contains(got, "No events") {
		t.Errorf("before the first event, the page says %q", got)
	}
	lines, err := sample.Lines()
	if err != nil {
		t.Fatal(err)
	}
	untilSlotBegins(slot)
	s.send(lines)
	sent := time.Now()
	s.untilComplete()
	answered, asked := time.Since(sent), p.count("/query?values=requests")
	p.wait("all events", `document.querySelector('#card-requests .value')?.innerText === '9,999'`)
	t.Logf("all %d events are in the API's answer %s after they were acknowledged, and on the page after %s", len(lines),
		answered.Round(time.Millisecond), time.Since(sent).Round(time.Millisecond))
	// One poll may be on its way when the events arrive. Polls are a second apart, so the next one is within two.
	if polls := p.count("/query?values=requests") - asked; polls > 2 {
		t.Errorf("the page asked %d times until it showed the events that the API had, want at most 2", polls)
	}
	if got := p.text("#card-requests .state"); got != "live" {
		t.Errorf("the card says %q, want live", got)
	}
	if hatched, solid := p.pixels(".panel .chart"); hatched < 2000 || solid < 2000 {
		t.Errorf("live: %d pixels between the lines of the hatch, %d of lines; want a hatched chart", hatched, solid)
	}
	p.shotAll("live")
	p.wait("batch", `document.querySelector('#card-requests .state').innerText === 'exact'`)
	if hatched, solid := p.pixels(".panel .chart"); hatched > 0 || solid < 20000 {
		t.Errorf("exact: %d pixels between the lines of a hatch, %d of bars; want a solid chart", hatched, solid)
	}
	p.shotAll("exact")
}

// untilComplete waits until the API counts all events of the sample.
func (s *server) untilComplete() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), longest)
	defer cancel()
	complete := func(a sample.Answer) bool { return a.Requests() == sample.Events }
	if err := s.Wait(ctx, "every event in the answers", complete); err != nil {
		s.t.Fatal(err)
	}
}

// The colours of the style sheet, in light.
var (
	accent      = color.RGBA{0x0b, 0x67, 0x85, 0xff} // bars that are exact, and the lines of a hatch
	hatchGround = color.RGBA{0xe3, 0xf1, 0xf5, 0xff} // between the lines of a hatch
)

// pixels counts the pixels of an element that have the colour between a hatch's lines, and that of exact bars.
func (p *tab) pixels(selector string) (hatched, solid int) {
	p.t.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.Screenshot(chromedp.CSS(selector)))
	if err != nil {
		p.t.Fatal(err)
	}
	decoded, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		p.t.Fatal(err)
	}
	return countColour(decoded, hatchGround), countColour(decoded, accent)
}

func countColour(picture image.Image, wanted color.Color) (n int) {
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y++ {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x++ {
			if color.RGBAModel.Convert(picture.At(x, y)) == color.RGBAModel.Convert(wanted) {
				n++
			}
		}
	}
	return n
}
