package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
)

const layoutVersion = 2 // version 1 was a single object without a beginning

// Layout is what every function of a stack must agree on for one archive. An archive has a layout for every stream that
// it ever had, numbered from 1. Each is written once. The slot length, the hash key and the windows for duplicates are
// the same in all of them.
//
// Source: docs/design.md 2 and 3.10.
type Layout struct {
	Number       int           // number of the layout, from 1: the first part of a lane's name
	Begins       slot.Slot     // first slot whose events go through the stream; slot.Beginning for layout 1: all slots
	Slot         slot.Length   // default 5 min
	Lanes        int           // default 4
	HashKey      event.HashKey // secret; made when layout 1 is created
	DedupeWindow time.Duration // maximum time between the stamps of duplicates that batch finds; default 24 h
	SpeedWindow  time.Duration // maximum time between the stamps of duplicates that speed finds; default 1 h
	Stream       string        // name of the stream
}

// layoutText is the stored form.
type layoutText struct {
	Version      int            `json:"version"`
	Number       int            `json:"layout"`
	Begins       string         `json:"begins,omitempty"` // RFC 3339, UTC; "" in layout 1
	Slot         string         `json:"slot"`
	Lanes        int            `json:"lanes"`
	HashKey      *event.HashKey `json:"hash_key"`
	DedupeWindow string         `json:"dedupe_window"`
	SpeedWindow  string         `json:"speed_window"`
	Stream       string         `json:"stream"`
}

// Lane returns the lane of an identity under this layout.
func (l Layout) Lane(id event.Identity) event.Lane { return event.LaneOf(id, l.Number, l.Lanes) }

// Streams reports whether events of a slot go through the layout's stream. Events of earlier slots went through the
// stream of an earlier layout. Nobody puts them into this one: its lanes could not tell them from new events.
func (l Layout) Streams(s slot.Slot) bool { return s >= l.Begins }

func encodeLayout(l Layout) []byte {
	t := layoutText{
		Version: layoutVersion, Number: l.Number, Slot: time.Duration(l.Slot).String(), Lanes: l.Lanes, HashKey: &l.HashKey,
		DedupeWindow: l.DedupeWindow.String(), SpeedWindow: l.SpeedWindow.String(), Stream: l.Stream,
	}
	if l.Begins != slot.Beginning {
		t.Begins = l.Begins.String()
	}
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return append(text, '\n')
}

func decodeLayout(text []byte) (Layout, error) {
	// Read the version alone first: in another version, no other field is known.
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return Layout{}, err
	}
	if v.Version != layoutVersion {
		return Layout{}, fmt.Errorf("unknown layout format %d: this version reads format %d", v.Version, layoutVersion)
	}
	var t layoutText
	if err := json.Unmarshal(text, &t); err != nil {
		return Layout{}, err
	}
	return t.layout()
}

// layout checks the stored form.
func (t layoutText) layout() (Layout, error) {
	var all []error
	duration := func(name, text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", name, err))
		}
		return d
	}
	l := Layout{
		Number: t.Number, Lanes: t.Lanes, Stream: t.Stream,
		DedupeWindow: duration("dedupe_window", t.DedupeWindow), SpeedWindow: duration("speed_window", t.SpeedWindow),
	}
	var err error
	if l.Slot, err = slot.NewLength(duration("slot", t.Slot)); err != nil {
		all = append(all, err)
	}
	if l.Number < 1 || l.Lanes < 1 || l.Lanes > event.MaxLanes {
		all = append(all, fmt.Errorf("layout %d with %d lanes: the layout must be 1 or more, with 1 to %d lanes", l.Number,
			l.Lanes, event.MaxLanes))
	}
	if l.Begins, err = t.begins(l.Slot); err != nil {
		all = append(all, err)
	}
	if t.HashKey == nil {
		all = append(all, errors.New("hash_key is missing: every identity and lane depends on it"))
	} else {
		l.HashKey = *t.HashKey
	}
	if len(all) > 0 {
		return Layout{}, errors.Join(all...)
	}
	return l, nil
}

// begins reads the beginning. Layout 1 has none, and every other layout has one.
func (t layoutText) begins(length slot.Length) (slot.Slot, error) {
	if (t.Number == 1) != (t.Begins == "") {
		return 0, fmt.Errorf("layout %d begins %q: layout 1 must have no beginning, and every other layout one", t.Number,
			t.Begins)
	}
	if t.Begins == "" {
		return slot.Beginning, nil
	}
	at, err := time.Parse(time.RFC3339, t.Begins)
	if err != nil {
		return 0, fmt.Errorf("begins: %w", err)
	}
	begins := slot.Slot(event.MillisOf(at))
	if length > 0 && length.At(at) != begins || begins == slot.Beginning || begins.String() != t.Begins {
		return 0, fmt.Errorf("begins %q: must be the start of a slot, in UTC", t.Begins)
	}
	return begins, nil
}
