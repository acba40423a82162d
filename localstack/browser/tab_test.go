//go:build browser

package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// pictures is where the tests keep pictures, for people to look at.
const pictures = "../../build/page"

// longest bounds a wait. It is long, because CI is slow; nothing waits longer than it needs to.
const longest = 60 * time.Second

// chromium is the browser that all tests of the process share.
var chromium context.Context

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	path, err := exec.LookPath("chromium")
	if err != nil {
		fmt.Println("these tests need chromium: apt-get install chromium")
		return 1
	}
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		fmt.Println(err)
		return 1
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox,
		chromedp.NoFirstRun, chromedp.WindowSize(1280, 900), chromedp.Flag("force-color-profile", "srgb")}
	for _, name := range []string{"disable-gpu", "disable-quic", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage", "disable-default-apps"} {
		options = append(options, chromedp.Flag(name, true))
	}
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...) // with a new user-data-dir
	defer free()
	browser, closeBrowser := chromedp.NewContext(allocator)
	defer closeBrowser()
	if err := chromedp.Do(browser); err != nil {
		fmt.Println("start chromium:", err)
		return 1
	}
	chromium = browser
	return m.Run()
}

// tab is a browser window with a profile of its own.
type tab struct {
	t      *testing.T
	ctx    context.Context
	origin string

	mu       sync.Mutex
	asked    []string // URLs of all requests
	statuses []string // "304 /v1/views/traffic/query"
	faults   []string // exceptions, and what the browser refused, such as a violation of the policy
}

// newTab opens a tab for a server. When the test ends, every request must have gone to that server, and no script may
// have failed.
func newTab(t *testing.T, origin string) *tab {
	t.Helper()
	p := &tab{t: t, origin: origin}
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	p.ctx = ctx
	t.Cleanup(cancel)
	t.Cleanup(p.check)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal("open a tab:", err)
	}
	p.window(1280, 900, false)
	return p
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.asked = append(p.asked, e.Request.URL)
	case *network.EventResponseReceived:
		p.statuses = append(p.statuses, fmt.Sprint(e.Response.Status, strings.TrimPrefix(e.Response.URL, p.origin)))
	case *runtime.EventExceptionThrown:
		p.faults = append(p.faults, fmt.Sprintf("%s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork { // a status such as 401 is no fault of the page
			p.faults = append(p.faults, e.Entry.Text)
		}
	}
}

func (p *tab) check() {
	if p.t.Failed() {
		p.shot("failed-" + strings.ReplaceAll(p.t.Name(), "/", "-"))
		p.t.Logf("%s shows:\n%.3000s", p.js("location.href"), p.js("document.body.innerText"))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, url := range p.asked {
		if !strings.HasPrefix(url, p.origin+"/") && !strings.HasPrefix(url, "data:") &&
			!strings.HasPrefix(url, "blob:"+p.origin+"/") && url != "about:blank" {
			p.t.Errorf("the page asked %s", url)
		}
	}
	for _, fault := range p.faults {
		p.t.Errorf("the browser reports: %s", fault)
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, longest)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// open opens an address of the page, such as "#view=traffic", and waits until its first answers are drawn.
func (p *tab) open(hash string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.origin + "/" + hash))
	p.settle()
}

// settle waits until the page has drawn an answer.
func (p *tab) settle() {
	p.t.Helper()
	p.wait("an answer", `document.querySelector('main')?.getAttribute('aria-busy') === 'false'`)
}

// js is the value of an expression of JavaScript, as text.
func (p *tab) js(expression string) string {
	p.t.Helper()
	var text string
	value := evaluate[any](p, expression)
	if s, ok := value.(string); ok {
		return s
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		p.t.Fatal(err)
	}
	text = string(encoded)
	return text
}

func evaluate[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, longest)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// wait waits until a condition in JavaScript holds, and returns how long that took.
func (p *tab) wait(what, condition string) time.Duration {
	p.t.Helper()
	began := time.Now()
	for time.Since(began) < longest {
		if evaluate[bool](p, "(async () => Boolean(await ("+condition+")))()") {
			return time.Since(began)
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.t.Fatalf("waited %s in vain for %s: %s", longest, what, condition)
	return 0
}

// text is what a person reads in the first element that a selector finds; "" if there is none.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return p.js(fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// press sends keys to the element that has the focus.
func (p *tab) press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// window sets the size of the window; a phone also has a touch screen.
func (p *tab) window(width, height int64, phone bool) {
	p.t.Helper()
	if phone {
		p.do(chromedp.EmulateViewport(width, height, chromedp.EmulateMobile, chromedp.EmulateTouch,
			chromedp.EmulateScale(2)))
		return
	}
	p.do(chromedp.EmulateViewport(width, height))
}

// dark asks the page for dark colours.
func (p *tab) dark() {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
		})
		return err
	}))
}

// shot keeps a picture of the window.
func (p *tab) shot(name string) []byte {
	p.t.Helper()
	return p.keep(name, chromedp.CaptureScreenshot())
}

// shotAll keeps a picture of the whole page.
func (p *tab) shotAll(name string) []byte {
	p.t.Helper()
	return p.keep(name, chromedp.FullScreenshot(100))
}

func (p *tab) keep(name string, take chromedp.Action[[]byte]) []byte {
	p.t.Helper()
	picture, err := chromedp.Run(p.ctx, take)
	if err == nil {
		err = os.WriteFile(filepath.Join(pictures, name+".png"), picture, 0o644)
	}
	if err != nil {
		p.t.Errorf("picture %s: %v", name, err)
	}
	return picture
}

// count counts the requests whose status and address hold a text.
func (p *tab) count(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, status := range p.statuses {
		if strings.Contains(status, text) {
			n++
		}
	}
	return n
}
