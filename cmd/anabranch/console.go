package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/anabranch/anabranch/cmd/anabranch/send"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// shownRejections is how many rejected events are named without --verbose.
const shownRejections = 20

// redraw is the least time between two drawings of the bar.
const redraw = 100 * time.Millisecond

// console is stderr while events are sent: lines that stay, and on a terminal a progress bar below them. It is safe for concurrent use.
type console struct {
	mu       sync.Mutex
	out      io.Writer
	bar      *progressbar.ProgressBar // nil when stderr is no terminal
	now      func() time.Time
	drawn    time.Time // when the bar was drawn last
	verbose  bool
	accepted int
	named    int // rejected events that have a line
	unnamed  int // and those that have none
	retried  bool
}

func newConsole(w *world, sources []send.Source, verbose bool) *console {
	c := &console{out: w.stderr, now: w.now, verbose: verbose}
	if w.terminal {
		c.bar = progressbar.NewOptions64(stored(sources), progressbar.OptionSetWriter(w.stderr), progressbar.OptionShowBytes(true),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(20),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetDescription("sending"), progressbar.OptionSetRenderBlankState(true),
			progressbar.OptionSetSpinnerChangeInterval(0)) // no goroutine of its own: it would draw over lines and outlive the bar
	}
	return c
}

// stored is the size of all sources in bytes, -1 when one of them is unknown: then rate and count are shown, and no time left.
func stored(sources []send.Source) int64 {
	var total int64
	for _, source := range sources {
		if source.Size < 0 {
			return -1
		}
		total += source.Size
	}
	return total
}

// result names the rejected events of a batch and moves the bar to where the batch ends.
func (c *console) result(r send.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rejected := range r.Rejected {
		if !c.verbose && c.named == shownRejections {
			c.unnamed++
			continue
		}
		c.named++
		c.line("%s: %s %s %s %s", rejected.Origin, orDash(rejected.ID), orDash(rejected.Code), orDash(rejected.Pointer), rejected.Detail)
	}
	if c.accepted += r.Accepted; r.Err == nil {
		c.draw(r.Read)
	}
}

// draw moves the bar, now and then, to the stored bytes that are done with.
func (c *console) draw(read int64) {
	now := c.now()
	if c.bar == nil || now.Sub(c.drawn) < redraw {
		return
	}
	c.drawn = now
	c.bar.Describe(fmt.Sprintf("%d accepted", c.accepted))
	c.check(c.bar.Set64(read))
}

// retrying says that the server makes us wait. One line is enough for a reader who did not ask for all.
func (c *console) retrying(wait time.Duration, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.verbose:
		c.line("%v; trying again in %s", cause, wait.Round(time.Millisecond))
	case !c.retried:
		c.line("%v; trying again in %s (further attempts are only counted)", cause, wait.Round(time.Millisecond))
	}
	c.retried = true
}

// stopping says what Ctrl-C does.
func (c *console) stopping() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line("stopping; waiting for the requests under way (Ctrl-C again quits at once)")
}

// close takes the bar away.
func (c *console) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar != nil {
		c.check(c.bar.Clear())
	}
	c.bar = nil
	if c.unnamed > 0 {
		c.line("and %d more (--verbose names all)", c.unnamed)
	}
}

// line writes one line that stays, where the bar stood.
func (c *console) line(format string, args ...any) {
	if c.bar != nil {
		c.check(c.bar.Clear())
	}
	fmt.Fprintln(c.out, table.Printable(fmt.Sprintf(format, args...)))
}

// check gives the bar up when it cannot be drawn, or when a file has grown past its size: sending goes on, and the summary has the numbers.
func (c *console) check(err error) {
	if err != nil {
		c.bar = nil
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
