package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/stream"
)

// digits reads a sum of marks. Digit i is how often event i of the group is counted.
func digits(text string) (all [marksPerGroup]int, err error) {
	whole, fraction, _ := strings.Cut(text, ".")
	fraction += strings.Repeat("0", places-len(fraction))
	number := whole + fraction
	for i := range number {
		place, d := len(number)-1-i, int(number[i]-'0')
		if d < 0 || d > 9 || place >= marksPerGroup && d != 0 {
			return all, fmt.Errorf("%q is not a sum of marks", text)
		}
		if d != 0 {
			all[place] = d
		}
	}
	return all, nil
}

// parse reads the lines of an object or a record. Each line must have the client's own bytes, and ingest's stamp.
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

// addObject adds an object of events to the truth.
func (h *history) addObject(key archive.Key, body []byte) (*object, error) {
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

// addEntries adds the entries of one Publish call. Every streamed event must be in the archive; otherwise an answer
// could count an event that no fold will ever have.
func (h *history) addEntries(layout archive.Layout, entries []stream.Entry) error {
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
				return fmt.Errorf("event %d is streamed as %s, but is not in the archive", c.n, stamps[i])
			}
			archived := o.copies[stamps[i].Index]
			if archived.identity != c.identity || archived.variant != c.variant {
				return fmt.Errorf("event %d is streamed as %s, but the archive has event %d there", c.n, stamps[i], archived.n)
			}
			if !layout.Streams(o.slot) {
				return fmt.Errorf("event %d of slot %s is streamed, but layout %d begins with slot %s", c.n, o.slot,
					layout.Number, layout.Begins)
			}
			copies[i] = archived
		}
		h.published[string(entry.Data)] = copies
	}
	return nil
}

// addRecord adds a record that the mapping has read, and decides which of its lines count. A position counts when no
// earlier position of the lane holds the identity with a stamp within the window of its own (design 3.5). All copies of
// an event go through one lane, and a lane is read in order, so the earlier positions are known.
func (h *history) addRecord(found memory.StreamRecord) {
	if _, known := h.delivered[found.Sequence]; known {
		return
	}
	r := &record{sequence: found.Sequence, lane: found.PartitionKey, put: found.Arrival}
	h.delivered[r.sequence] = r
	lines, ok := h.published[string(found.Data)]
	r.junk = !ok
	for _, c := range lines {
		p := &position{copyOf: c, record: r}
		c.positions = append(c.positions, p)
		if h.mayCount(p) {
			h.enter(p)
		}
		if c.expired {
			h.count(BroughtBack)
		}
		r.lines = append(r.lines, p)
	}
}

// mayCount reports whether no earlier position of the lane holds the identity within the speed window.
func (h *history) mayCount(p *position) bool {
	for _, earlier := range p.identity.positions {
		if earlier == p {
			break
		}
		if h.isNear(p.copyOf, earlier.copyOf) && !earlier.record.isUnknown() {
			return false
		}
	}
	return true
}

// enter makes a position count in its cells.
func (h *history) enter(p *position) {
	p.counts = true
	p.each(func(at cell, _ *big.Int) {
		h.noteCell(at)
		h.counting[at] = append(h.counting[at], p)
	})
}

// noteCell records that a cell may hold something.
func (t *ofStack) noteCell(at cell) {
	if t.folds[at] == nil {
		t.folds[at] = &fold{}
		t.windows[at.rowsOf] = append(t.windows[at.rowsOf], at.start)
	}
}

// addRun adds a committed run: which copies of its objects count, and the new state of every cell that they touch. A
// copy is dropped when an earlier one arrived within the window of its own arrival. Earlier means in a lower run, or
// before it in archive order. A dropped copy counts as an earlier copy, too.
func (h *history) addRun(run lifecycle.Run) error {
	var m struct { // the one member of a manifest that the oracle needs
		Objects []struct{ Key archive.Key }
	}
	if run.Manifest != "" {
		text, _, err := h.archive.Get(everywhere, archive.Key(run.Manifest))
		if err != nil {
			return fmt.Errorf("run %d is committed without its manifest: %w", run.N, err)
		}
		if err := json.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("manifest of run %d: %w", run.N, err)
		}
	}
	if n := len(h.runs); n > 0 && run.Horizon <= h.runs[n-1].Horizon {
		return fmt.Errorf("run %d has the horizon %s, which the run before already covers", run.N, run.Horizon)
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
			return fmt.Errorf("run %d reads %s, which does not exist, is in an earlier run, or is above its horizon",
				run.N, input.Key)
		}
		o.run = run.N
		for _, c := range o.copies {
			events++
			h.places++
			c.nth, c.counted = h.places, true
			c.each(func(at cell, _ *big.Int) {
				h.noteCell(at)
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

// findMissed returns an acknowledged object in a slot below the horizon that no committed run holds, or nil.
func (h *history) findMissed(horizon slot.Slot) *object {
	for _, o := range h.landed {
		if o.acked && o.run == 0 && o.slot < horizon {
			return o
		}
	}
	return nil
}
