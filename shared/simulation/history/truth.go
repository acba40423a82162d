package history

import (
	"bytes"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/stream"
)

// truth is what has happened, as the oracle tells it, without any code of the layers: which events there are, where
// their copies stand in the archive and in the lanes, and what each real run is to count.
type truth struct {
	identities []*identity
	objects    map[ulid.ULID]*object // landed
	landed     []*object             // in the order of landing
	published  map[string][]*copyOf  // by a record's data: its lines
	delivered  map[event.Sequence]*record
	runs       []lifecycle.Run
	runOf      map[slot.Slot]uint64 // by horizon
	folds      map[cell]*fold
	counting   map[cell][]*position // those that count
	held       map[cell][]*copyOf   // those that real runs hold
	places     int                  // in archive order, given so far
	windows    map[rowsOf][]int64   // starts of the windows that there is anything of, by view and key
	built      map[int]uint64       // per view: the run through which its generation was built in one pass
}

// identity is one event, however often it is sent.
type identity struct {
	n         int
	variants  []sample // its payloads; the first is the right one
	copies    []*copyOf
	positions []*position // in the order of the lane
	sent      time.Time   // first
	acked     bool        // some request with it was acknowledged
	ackedAt   time.Time
	shown     int // how often the marks view counted it when it was looked at last
	showings  map[lifecycle.Set]*showing
}

// showing is how an event was seen in the marks view, as far as answers are made of one set of speed items.
type showing struct {
	n  int    // how often it counted when it was looked at last
	at uint64 // the step when it was first seen, 0 for never
}

// shownIn is how the event was seen in answers of a set.
func (i *identity) shownIn(set lifecycle.Set) *showing {
	s := i.showings[set]
	if s == nil {
		if i.showings == nil {
			i.showings = map[lifecycle.Set]*showing{}
		}
		s = &showing{}
		i.showings[set] = s
	}
	return s
}

// The marks view tells of each event how often it is counted: events are dealt out to groups, and every event of a
// group adds a power of ten of its own to the group's sum. Sums have 38 digits, which are as many events; a digit is
// how often an event is counted.
const marksPerGroup = 38

func (i *identity) group() string { return "g" + strconv.Itoa(i.n/marksPerGroup) }
func (i *identity) place() int    { return i.n % marksPerGroup }

// sample is an event as a client sends it.
type sample struct {
	text   string // JSON, compact, as it is to stand in the archive but for its stamp
	kind   string // type
	test   bool   // data.kind is "test"
	user   string
	amount *big.Int // in units of 10^-18, nil for none that counts
	at     int64    // Unix milliseconds, or timeless
}

const timeless = -1 << 62

// copyOf is one line of the archive.
type copyOf struct {
	*identity
	variant int
	object  *object
	index   int
	nth     int  // in archive order, from 1; 0 while no real run holds it
	counted bool // by the run that holds it
	dropped bool // likewise
}

func (c *copyOf) sample() *sample { return &c.variants[c.variant] }
func (c *copyOf) arrival() int64  { return int64(c.object.request.Time()) }
func (c *copyOf) time() int64 {
	if at := c.sample().at; at != timeless {
		return at
	}
	return c.arrival()
}

// object is an object of events.
type object struct {
	key     archive.Key
	request ulid.ULID
	slot    slot.Slot
	copies  []*copyOf
	run     uint64 // that holds it, 0 for none
	acked   bool
}

// record is a record of the stream as speed gets it.
type record struct {
	sequence event.Sequence
	lines    []*position
	junk     bool
	put      time.Time
	done     uint64 // the step at which speed first said that it is applied, 0 for never
}

// position is a line of a record.
type position struct {
	*copyOf
	record *record
	counts bool // no earlier position of the lane holds the identity within the speed window
}

// fold is what a cell holds after each run that changed it.
type fold struct {
	runs   []uint64
	states []state
}

// at is the state after the given run.
func (f *fold) at(run uint64) (s state) {
	if f == nil {
		return s
	}
	for i := len(f.runs) - 1; i >= 0; i-- {
		if f.runs[i] <= run {
			return f.states[i]
		}
	}
	return s
}

// state is what the oracle keeps of a window: enough for every aggregate of every view.
type state struct {
	count         int64
	numbers       int64 // of those, with an amount
	sum, min, max *big.Int
}

func (s state) add(amount *big.Int) state {
	if amount == nil {
		return s.merge(state{count: 1})
	}
	return s.merge(state{1, 1, amount, amount, amount})
}

// merge is the state of the events of both.
func (s state) merge(other state) state {
	s.count += other.count
	if other.numbers == 0 {
		return s
	}
	if s.numbers += other.numbers; s.sum == nil {
		s.sum, s.min, s.max = other.sum, other.min, other.max
		return s
	}
	s.sum = new(big.Int).Add(s.sum, other.sum)
	if other.min.Cmp(s.min) < 0 {
		s.min = other.min
	}
	if other.max.Cmp(s.max) > 0 {
		s.max = other.max
	}
	return s
}

// cell names one window of one key of one view.
type cell struct {
	rowsOf
	start int64 // Unix milliseconds
}

type rowsOf struct {
	view int
	key  string
}

// The views.
const (
	byUser = iota
	everything
	marks
	views
)

var (
	viewNames   = [views]string{"by_user", "everything", "marks"}
	viewWindows = [views]time.Duration{time.Minute, time.Hour, time.Minute}
)

// Views are the views of a history, beside those of package simulation.
const marksView = `
  - name: marks
    key:
      group: data.group
    window: 1m
    aggregates:
      events: count()
      marks: sum(data.mark)
`

// each calls do for every cell that a copy belongs to, with what it adds there.
func (c *copyOf) each(do func(cell, *big.Int)) {
	s := c.sample()
	at := c.time()
	in := func(view int, key string) cell { return cell{rowsOf{view, key}, startOf(view, at)} }
	if s.kind == "purchase" && !s.test {
		do(in(byUser, s.user), s.amount)
	}
	do(in(everything, ""), s.amount)
	do(in(marks, c.group()), markOf[c.place()])
}

// startOf is the start of the window of a view that holds an instant after 1970, in Unix milliseconds.
func startOf(view int, at int64) int64 { return at - at%viewWindows[view].Milliseconds() }

// markOf are the powers of ten of the places, in units of 10^-18.
var markOf = func() (all [marksPerGroup]*big.Int) {
	for i := range all {
		all[i] = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(i)), nil)
	}
	return all
}()

// digits reads a sum of marks: how often each event of the group is counted.
func digits(text string) (all [marksPerGroup]int, err error) {
	whole, fraction, _ := strings.Cut(text, ".")
	fraction += "000000000000000000"[len(fraction):]
	number := whole + fraction
	for i := range number {
		place, d := len(number)-1-i, int(number[i]-'0')
		if d < 0 || d > 9 || place >= marksPerGroup && d != 0 {
			return all, fmt.Errorf("%q is no sum of marks", text)
		}
		if d != 0 {
			all[place] = d
		}
	}
	return all, nil
}

// parse reads the lines of an object or a record, which the client made and ingest stamped. The bytes are to be the
// client's own.
func (t *truth) parse(lines []byte) ([]*copyOf, []event.Stamp, error) {
	var all []*copyOf
	var stamps []event.Stamp
	for line := range bytes.Lines(lines) {
		const member = `,"stamp":"`
		cut := bytes.LastIndex(line, []byte(member))
		if cut < 0 || !bytes.HasSuffix(line, []byte("\"}\n")) {
			return nil, nil, fmt.Errorf("line %q has no stamp", line)
		}
		stamp, err := event.ParseStamp(line[cut+len(member) : len(line)-3])
		if err != nil {
			return nil, nil, err
		}
		c, err := t.recognise(string(line[:cut]) + "}")
		if err != nil {
			return nil, nil, err
		}
		c.index = stamp.Index
		all, stamps = append(all, c), append(stamps, stamp)
	}
	return all, stamps, nil
}

func (t *truth) recognise(text string) (*copyOf, error) {
	const before = `"id":"e`
	at := strings.Index(text, before)
	if at < 0 {
		return nil, fmt.Errorf("%s was never sent", text)
	}
	rest := text[at+len(before):]
	n, err := strconv.Atoi(rest[:strings.IndexByte(rest, '"')])
	if err != nil || n >= len(t.identities) {
		return nil, fmt.Errorf("%s was never sent", text)
	}
	i := t.identities[n]
	for v := range i.variants {
		if i.variants[v].text == text {
			return &copyOf{identity: i, variant: v}, nil
		}
	}
	return nil, fmt.Errorf("%s was never sent like this", text)
}

// land takes in an object of events.
func (h *history) land(key archive.Key, body []byte) (*object, error) {
	s, request, err := archive.ParseEventsKey(key)
	if err != nil {
		return nil, err
	}
	lines, err := h.kit.codec.Decompress(nil, body)
	if err != nil {
		return nil, err
	}
	o := &object{key: key, request: request, slot: s}
	var stamps []event.Stamp
	if o.copies, stamps, err = h.parse(lines); err != nil {
		return nil, err
	}
	for i, stamp := range stamps {
		if stamp.Request != request || stamp.Index != i || h.layout.Slot.Of(stamp) != s {
			return nil, fmt.Errorf("line %d of %s has the stamp %s", i, key, stamp)
		}
		o.copies[i].object = o
		o.copies[i].identity.copies = append(o.copies[i].identity.copies, o.copies[i])
	}
	h.objects[request] = o
	h.landed = append(h.landed, o)
	return o, nil
}

// publishing takes in the entries of one publishing. What is streamed must be archived, or an answer could count what
// no fold will ever have.
func (h *history) publishing(entries []stream.Entry) error {
	for _, entry := range entries {
		if _, known := h.published[string(entry.Data)]; known {
			continue
		}
		lines, err := h.kit.codec.Decompress(nil, entry.Data)
		if err != nil {
			return err
		}
		copies, stamps, err := h.parse(lines)
		if err != nil {
			return err
		}
		for i, c := range copies {
			o := h.objects[stamps[i].Request]
			if o == nil || stamps[i].Index >= len(o.copies) {
				return fmt.Errorf("event %d is streamed as %s, and not in the archive", c.n, stamps[i])
			}
			archived := o.copies[stamps[i].Index]
			if archived.identity != c.identity || archived.variant != c.variant {
				return fmt.Errorf("event %d is streamed as %s, which is event %d in the archive", c.n, stamps[i], archived.n)
			}
			copies[i] = archived
		}
		h.published[string(entry.Data)] = copies
	}
	return nil
}

// deliver takes in a record that the mapping has read, with the verdicts of its lines: a position counts when no
// earlier one of the lane holds the identity with a stamp within the window of its own (design 3.5). All copies of an
// event go through one lane, and a lane is read in order, so the earlier ones are known.
func (h *history) deliver(sequence event.Sequence, data []byte, put time.Time) {
	if _, known := h.delivered[sequence]; known {
		return
	}
	r := &record{sequence: sequence, put: put}
	h.delivered[sequence] = r
	lines, ok := h.published[string(data)]
	r.junk = !ok
	for _, c := range lines {
		p := &position{copyOf: c, record: r, counts: true}
		for _, earlier := range c.positions {
			if apart(earlier.arrival(), c.arrival()) <= h.layout.SpeedWindow.Milliseconds() {
				p.counts = false
				break
			}
		}
		c.positions = append(c.positions, p)
		if p.counts {
			c.each(func(at cell, _ *big.Int) {
				h.know(at)
				h.counting[at] = append(h.counting[at], p)
			})
		}
		r.lines = append(r.lines, p)
	}
}

// know notes that there may be something of a cell.
func (t *truth) know(at cell) {
	if t.folds[at] == nil {
		t.folds[at] = &fold{}
		t.windows[at.rowsOf] = append(t.windows[at.rowsOf], at.start)
	}
}

func apart(a, b int64) int64 { return max(a-b, b-a) }

// take takes in a real run: what of its objects counts, and what every cell it touches then holds. A copy is dropped
// when an earlier one (of a lower run, or before it in archive order) arrived within the window of its own arrival;
// dropped copies are earlier copies too.
func (h *history) take(run lifecycle.Run) error {
	var m archive.Manifest
	if run.Manifest != "" {
		text, _, err := h.archive.Get(everywhere, archive.Key(run.Manifest))
		if err != nil {
			return fmt.Errorf("run %d is real without its manifest: %w", run.N, err)
		}
		if m, err = archive.DecodeManifest(text); err != nil {
			return err
		}
	}
	if n := len(h.runs); n > 0 && run.Horizon <= h.runs[n-1].Horizon {
		return fmt.Errorf("run %d has the horizon %s, which the run before has covered", run.N, run.Horizon)
	}
	var events, duplicates int64
	touched := map[cell]bool{}
	for _, input := range m.Objects {
		_, request, err := archive.ParseEventsKey(input.Key)
		if err != nil {
			return err
		}
		o := h.objects[request]
		if o == nil || o.run != 0 || o.slot >= run.Horizon {
			return fmt.Errorf("run %d reads %s, which is not there, in an earlier run, or above its horizon", run.N, input.Key)
		}
		o.run = run.N
		for _, c := range o.copies {
			events++
			h.places++
			c.nth, c.counted = h.places, true
			c.each(func(at cell, _ *big.Int) {
				h.know(at)
				h.held[at] = append(h.held[at], c)
			})
			for _, other := range c.copies {
				earlier := other != c && (other.counted || other.dropped)
				if earlier && apart(other.arrival(), c.arrival()) <= h.layout.DedupeWindow.Milliseconds() {
					c.counted, c.dropped = false, true
					duplicates++
					break
				}
			}
			if c.counted {
				h.add(c, run.N, touched)
			}
		}
	}
	if run.Events != events || run.Duplicates != duplicates {
		return fmt.Errorf("run %d says %d events, %d of them duplicates; it has %d and %d", run.N, run.Events, run.Duplicates,
			events, duplicates)
	}
	h.runs = append(h.runs, run)
	h.runOf[run.Horizon] = run.N
	return nil
}

// add counts a copy in the cells it belongs to.
func (h *history) add(c *copyOf, run uint64, touched map[cell]bool) {
	c.each(func(at cell, amount *big.Int) {
		h.know(at)
		f := h.folds[at]
		next := f.at(run).add(amount)
		if touched[at] {
			f.states[len(f.states)-1] = next
			return
		}
		touched[at] = true
		f.runs, f.states = append(f.runs, run), append(f.states, next)
	})
}

// missed is an acknowledged object in a slot below the horizon that no real run holds, or nil.
func (h *history) missed(horizon slot.Slot) *object {
	for _, o := range h.landed {
		if o.acked && o.run == 0 && o.slot < horizon {
			return o
		}
	}
	return nil
}
