package main

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// meter shows the progress of something on a terminal. Without a terminal it shows nothing.
type meter struct {
	w     *world
	bar   *progressbar.ProgressBar // nil when there is none
	shown progress                 // the progress when the bar began, with the current total
	drawn time.Time
}

// progress is the state of something that takes time.
type progress struct {
	of    string // identifies the work; each value has a bar of its own
	text  string // for people
	unit  string // unit of done and total, for example "runs"; "" hides the count
	done  int64
	total int64 // -1 if unknown: the bar then shows a count but no time left
}

// runs shows how many runs a generation has applied.
func (m *meter) runs(s client.Status, id string) {
	g, ok := generation(s, id)
	switch {
	case !ok:
		m.show(progress{of: "begin", text: "waiting for batch to begin", total: -1})
	case g.RunsLeft <= 0:
		m.show(progress{of: "wait " + id, text: doctor.Short(id) + ": " + orDash(string(g.Waits)), total: -1})
	default:
		all := g.Run + g.RunsLeft
		m.show(progress{
			of:    id,
			text:  fmt.Sprintf("%s: run %d of %d", doctor.Short(id), g.Run, all),
			unit:  "runs",
			done:  g.Run,
			total: all,
		})
	}
}

// show moves the bar. The bar computes rate and time left from the work done since it began. If it cannot be drawn,
// show removes it.
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
	options := []progressbar.Option{
		progressbar.OptionSetWriter(m.w.stderr),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetDescription(table.Printable(p.text)),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionSetSpinnerChangeInterval(0),
	} // no goroutine, as in newConsole
	if p.unit != "" {
		options = append(
			options,
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetItsString(p.unit),
		)
	}
	size := int64(-1)
	if p.total >= 0 {
		size = p.total - p.done
	}
	m.shown, m.bar = p, progressbar.NewOptions64(size, options...)
}

// close removes the bar; the next show begins another. It ignores the error of clearing, since show reports nothing
// about a broken terminal either.
func (m *meter) close() {
	if m.bar != nil {
		_ = m.bar.Clear()
	}
	m.bar = nil
}
