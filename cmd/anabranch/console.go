package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/anabranch/anabranch/cmd/anabranch/send"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// Without --verbose, send names up to shownRejections rejected events, and up to shownUnlike of a request of which none
// was accepted, since what the file looks like says more.
const (
	shownRejections = 20
	shownUnlike     = 3
)

// redraw is the minimum time between two drawings of the bar.
const redraw = 100 * time.Millisecond

// console writes to stderr while events are sent: lines that stay and, on a terminal, a progress bar below them. It is
// safe for concurrent use.
type console struct {
	mu       sync.Mutex
	out      io.Writer
	bar      *progressbar.ProgressBar // nil when stderr is no terminal
	now      func() time.Time
	drawn    time.Time // when the bar was last drawn
	verbose  bool
	accepted int
	named    int // rejected events with a line of their own
	unnamed  int // rejected events without a line
	unlike   []send.Unlike
	retried  bool
}

func newConsole(w *world, sources []send.Source, verbose bool) *console {
	c := &console{out: w.stderr, now: w.now, verbose: verbose}
	if w.terminal {
		c.bar = progressbar.NewOptions64(
			stored(sources),
			progressbar.OptionSetWriter(w.stderr),
			progressbar.OptionShowBytes(true),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetWidth(20),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetDescription("sending"),
			progressbar.OptionSetRenderBlankState(true),
			progressbar.OptionSetSpinnerChangeInterval(0),
		) // no goroutine: it would draw over lines and outlive the bar
	}
	return c
}

// stored returns the stored size of all sources in bytes; -1 if the size of one is unknown. The bar then shows rate and
// count, but no time left.
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

// result names the rejected events of a batch and moves the bar to the end of the batch.
func (c *console) result(r send.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := shownRejections
	for _, u := range r.Unlike {
		if u.Looks.Like == "" {
			continue
		}
		c.unlike = append(c.unlike, u)
		if r.Accepted == 0 {
			most = min(most, c.named+shownUnlike)
		}
	}
	for _, rejected := range r.Rejected {
		if !c.verbose && c.named >= most {
			c.unnamed++
			continue
		}
		c.named++
		c.line(
			"%s: %s %s %s %s",
			rejected.Origin,
			table.Cell(orDash(rejected.ID)),
			orDash(rejected.Code),
			table.Cell(orDash(rejected.Pointer)),
			table.Cell(rejected.Detail),
		)
	}
	if c.accepted += r.Accepted; r.Err == nil {
		c.draw(r.Read)
	}
}

// draw moves the bar to the stored bytes that have been sent, if enough time has passed since the last drawing.
func (c *console) draw(read int64) {
	now := c.now()
	if c.bar == nil || now.Sub(c.drawn) < redraw {
		return
	}
	c.drawn = now
	c.bar.Describe(fmt.Sprintf("%d accepted", c.accepted))
	c.check(c.bar.Set64(read))
}

// retrying prints that a request failed and when it is repeated. Without --verbose it prints only the first one.
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

// stopping prints what Ctrl-C does.
func (c *console) stopping() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line("stopping; waiting for the open requests (Ctrl-C again quits at once)")
}

// blank names sources that have no line to send. That is no error: a file of a quiet day has none.
func (c *console) blank(names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		c.line("%s has no events: it is empty, or all its lines are blank", name)
	}
}

// close removes the bar and prints how many rejected events have no line.
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
	for _, u := range c.unlike[:min(len(c.unlike), shownUnlike)] {
		c.explain(u)
	}
}

// explain says what a source looks like of which nothing was accepted, and how to send it. A command stands on a line
// of its own, to be copied.
func (c *console) explain(u send.Unlike) {
	c.line("%s looks like %s. Send takes one CloudEvent in JSON a line. Do this instead:", u.Name, u.Looks.Like)
	c.line("    %s", u.Looks.How)
	if strings.Contains(u.Looks.How, "source:") {
		c.line("Choose source and type, and add time: $e.FIELD if a field has the time of the event (RFC 3339).")
		c.line("Give every file another source, such as one with its date: an event counts once by source and id.")
	}
	if strings.Contains(u.Looks.How, "jq ") {
		c.line("(jq before version 1.7 rounds long numbers.)")
	}
}

// line writes one line that stays, in place of the bar.
func (c *console) line(format string, args ...any) {
	if c.bar != nil {
		c.check(c.bar.Clear())
	}
	fmt.Fprintln(c.out, table.Printable(fmt.Sprintf(format, args...)))
}

// check removes the bar if it cannot be drawn, or if a file has grown past its size. Sending continues; the summary has
// the numbers.
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
