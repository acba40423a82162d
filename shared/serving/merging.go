package serving

import (
	"fmt"

	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// merging merges the items of keys into rows: the windows of a key into those of its group, and the windows of a step,
// or of a whole range, into one.
type merging struct {
	Reader
	question
	groups map[view.Key]*group
	rows   []mergedRow

	// States of rows: row i is window i. Where rows have halves, items are merged into batch and speed, and in the end
	// these two into all. Otherwise batch and speed are the same as all.
	all, batch, speed *view.Windows
	whole             *view.Windows // window 0: a group over the whole range

	keys        int         // keys merged so far
	read        Reads       // items merged so far, and those that take no part
	first, last view.Window // first and last window with events, where there are rows
	found       piece       // the step that was found last
	uneven      piece       // the first step that ends inside a window with events; zero: none does
	err         error       // why windows cannot be rows
}

// group is the keys of one group, merged.
type group struct {
	place
	values []string
	rows   map[int64]int // numbers of rows, by window, or by the start of the step; 0 for the whole range
	latest int           // the row that was found last; -1: none
}

// mergedRow is a row that grows.
type mergedRow struct {
	piece
	at       int64     // its place in group.rows
	hasSpeed bool      // a speed item is a part of it
	ahead    slot.Slot // the horizon of its parts that are ahead of the pointer's; 0: none is
}

func (r Reader) newMerging(q question) *merging {
	p := r.Program
	m := &merging{Reader: r, question: q, groups: map[view.Key]*group{}, all: p.NewWindows(), whole: p.NewWindows()}
	m.batch, m.speed = m.all, m.all
	if m.hasHalves() {
		m.batch, m.speed = p.NewWindows(), p.NewWindows()
	}
	return m
}

// hasHalves reports whether rows say what base items and what speed items hold of them.
func (q question) hasHalves() bool { return q.Parts || q.isOfOneKey }

func (m *merging) groupOf(values []string) *group {
	of := make([]string, len(m.by))
	for i, at := range m.by {
		of[i] = values[at]
	}
	key := m.Program.KeyOf(m.subset, of) // with the subset, as listed keys: a cursor names one of either
	if known, ok := m.groups[key]; ok {
		return known
	}
	made := &group{place: place{key: key}, values: of, rows: map[int64]int{}, latest: -1}
	m.groups[key] = made
	return made
}

// addItem merges a page into a half of the rows of a group. part is what the page makes of each of these rows.
func (m *merging) addItem(to *group, half *view.Windows, page view.Page, states []byte, part mergedRow) error {
	err := half.MergePageInto(page, states, func(w view.Window) (view.Window, bool) {
		if !m.at.includes(w) {
			return 0, false
		}
		number := m.rowOf(to, w)
		row := &m.rows[number]
		row.hasSpeed, row.ahead = row.hasSpeed || part.hasSpeed, max(row.ahead, part.ahead)
		return view.Window(number), true
	})
	if err != nil {
		return err
	}
	if m.MaxMerged > 0 && m.merged() > m.MaxMerged {
		return m.tooLarge()
	}
	return nil
}

// merged is how much memory the states of all rows take in the end, at most.
func (m *merging) merged() int {
	if m.hasHalves() {
		return 2 * (m.batch.Bytes() + m.speed.Bytes()) // all has what the halves have
	}
	return m.all.Bytes()
}

// tooLarge returns the error for rows whose states take too much memory.
func (m *merging) tooLarge() error {
	what := fmt.Sprintf("more than %d bytes of states in its rows, the maximum; narrow from and to", m.MaxMerged)
	if !m.Whole {
		what += ", or ask for longer steps with step"
	}
	return m.overLimit(what, ErrTooManyBytes)
}

// tooMuch returns the error for items that take too long to read.
func (m *merging) tooMuch() error {
	what := fmt.Sprintf("more than %d bytes of items to read, the maximum; narrow from and to", m.MaxRead)
	return m.overLimit(what, ErrTooMuchRead)
}

// overLimit returns an ErrTooManyWindows or ErrTooManyKeys that names what the selection has too much of.
func (m *merging) overLimit(what string, cause error) error {
	if m.isOfOneKey {
		return withCause{fmt.Errorf("%w: the selection has %s", ErrTooManyWindows, what), cause}
	}
	return withCause{m.tooMany(m.question, what), cause}
}

// withCause is an error for which errors.Is also finds the cause. Its text leaves the cause out.
type withCause struct {
	error
	cause error
}

// Is implements what errors.Is asks for.
func (e withCause) Is(target error) bool { return target == e.cause }

// Unwrap returns the ErrTooManyKeys or ErrTooManyWindows.
func (e withCause) Unwrap() error { return e.error }

// rowOf returns the number of the row of a group that a window belongs to.
func (m *merging) rowOf(to *group, w view.Window) int {
	if len(m.rows) == 0 {
		m.first, m.last = w, w
	}
	m.first, m.last = min(m.first, w), max(m.last, w)
	at, of := m.pieceOf(w)
	if to.latest >= 0 && m.rows[to.latest].at == at {
		return to.latest
	}
	number, ok := to.rows[at]
	if !ok {
		number = m.newRow(to, at, of)
	}
	to.latest = number
	return number
}

// mostMerged bounds the rows in memory, as a multiple of those of an answer: groups are chosen once all are merged.
const mostMerged = 10

func (m *merging) newRow(to *group, at int64, of piece) (number int) {
	number = len(m.rows)
	m.rows = append(m.rows, mergedRow{piece: of, at: at})
	to.rows[at] = number
	if m.MaxRows > 0 && number >= m.mostRows() {
		m.err = fmt.Errorf("%w: the selection merges more than %d rows; narrow from and to, or ask for longer steps "+
			"with step", ErrTooManyWindows, m.mostRows())
	}
	return number
}

// mostRows returns the maximum number of rows in memory. Without a limit of groups, the answer has them all. The rows
// of one key are counted in the end, so that an error can say how many there are.
func (m *merging) mostRows() int {
	if m.Limit > 0 && !m.isPaged() || m.isOfOneKey {
		return mostMerged * m.MaxRows
	}
	return m.MaxRows
}

// pieceOf returns the piece of a window, and what names it among the rows of a group.
func (m *merging) pieceOf(w view.Window) (at int64, of piece) {
	switch {
	case m.Whole:
		return 0, piece{}
	case !m.question.at.step.Step.Exists():
		return int64(w), piece{m.Program.Start(w), m.Program.End(w)}
	}
	start := m.Program.Start(w)
	if start.Before(m.found.start) || !start.Before(m.found.end) {
		m.found = m.pieceAt(m.question.at, start)
	}
	if m.Program.End(w).After(m.found.end) && (m.uneven == piece{} || m.found.start.Before(m.uneven.start)) {
		m.uneven, m.err = m.found, m.inside(m.question.at, m.found.end)
	}
	return m.found.start.UnixMilli(), m.found
}
