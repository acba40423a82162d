package main

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// meter shows on a terminal how far something has come; elsewhere it shows nothing.
type meter struct {
	w     *world
	bar   *progressbar.ProgressBar // nil when there is none
	shown progress                 // what the bar began with; its total is kept up to date
	drawn time.Time
}

// progress is how far something has come.
type progress struct {
	of    string // what it is about: each has a bar of its own
	text  string // for people
	unit  string // of done and total: "runs"; "" when they say nothing
	done  int64
	total int64 // -1 when it is unknown: then there is a count, and no time left
}

// runs shows how far a generation has come.
func (m *meter) runs(s client.Status, id string) {
	g, ok := generation(s, id)
	switch {
	case !ok:
		m.show(progress{of: "begin", text: "waiting for batch to begin", total: -1})
	case g.RunsLeft <= 0:
		m.show(progress{of: "wait " + id, text: short(id) + ": " + orDash(string(g.Waits)), total: -1})
	default:
		all := g.Run + g.RunsLeft
		m.show(progress{of: id, text: fmt.Sprintf("%s: run %d of %d", short(id), g.Run, all), unit: "runs", done: g.Run, total: all})
	}
}

// show moves the bar. Rate and time left are of what came since the bar began. A bar that cannot be drawn is given up.
func (m *meter) show(p progress) {
	if !m.w.terminal {
		return
	}
	if m.bar == nil || m.shown.of != p.of {
		m.close()
		m.begin(p)
	}
	now := m.w.now()
	if now.Sub(m.drawn) < redraw {
		return
	}
	m.drawn = now
	if p.total != m.shown.total {
		m.shown.total = p.total
		m.bar.ChangeMax64(p.total - m.shown.done)
	}
	m.bar.Describe(table.Printable(p.text))
	if m.bar.Set64(max(0, p.done-m.shown.done)) != nil {
		m.close()
	}
}

func (m *meter) begin(p progress) {
	options := []progressbar.Option{progressbar.OptionSetWriter(m.w.stderr), progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetDescription(table.Printable(p.text)), progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionSetSpinnerChangeInterval(0)} // no goroutine of its own, as in newConsole
	if p.unit != "" {
		options = append(options, progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(p.unit))
	}
	size := int64(-1)
	if p.total >= 0 {
		size = p.total - p.done
	}
	m.shown, m.bar = p, progressbar.NewOptions64(size, options...)
}

// close takes the bar away. The next show begins another. A bar that cannot be cleared could not be drawn either.
func (m *meter) close() {
	if m.bar != nil {
		_ = m.bar.Clear()
	}
	m.bar = nil
}
