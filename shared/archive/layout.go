package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
)

const layoutVersion = 1

// Layout is what every function must agree on for one archive. It is written once. The slot length and the hash key
// never change.
//
// Source: docs/design.md 2.
type Layout struct {
	Number       int           // number of the layout, from 1: the first part of a lane's name
	Slot         slot.Length   // default 5 min
	Lanes        int           // default 4
	HashKey      event.HashKey // secret; made when the layout is created
	DedupeWindow time.Duration // maximum time between the stamps of duplicates that batch finds; default 24 h
	SpeedWindow  time.Duration // maximum time between the stamps of duplicates that speed finds; default 1 h
	Stream       string        // name of the stream
}

// layoutText is the stored form.
type layoutText struct {
	Version      int            `json:"version"`
	Number       int            `json:"layout"`
	Slot         string         `json:"slot"`
	Lanes        int            `json:"lanes"`
	HashKey      *event.HashKey `json:"hash_key"`
	DedupeWindow string         `json:"dedupe_window"`
	SpeedWindow  string         `json:"speed_window"`
	Stream       string         `json:"stream"`
}

// Lane returns the lane of an identity under this layout.
func (l Layout) Lane(id event.Identity) event.Lane { return event.LaneOf(id, l.Number, l.Lanes) }

// OpenLayout reads the archive's layout, and creates it as wanted when there is none. It also returns the store's
// clock. It uses wanted.HashKey only when it creates the layout.
//
// Errors: one that names each setting in which the archive differs from wanted; nothing is changed, and retrying does
// not help. OpenLayout also refuses a wanted layout that could not be read back, since a written layout is permanent.
// Errors of the store are retryable.
func OpenLayout(ctx context.Context, a Archive, wanted Layout) (Layout, time.Time, error) {
	text := encodeLayout(wanted)
	if _, err := decodeLayout(text); err != nil {
		return Layout{}, time.Time{}, fmt.Errorf("wanted layout: %w", err)
	}
	_, putErr := a.Put(ctx, LayoutKey, text)
	layout, date, err := ReadLayout(ctx, a)
	if putErr != nil && !errors.Is(putErr, ErrExists) && err != nil {
		return Layout{}, time.Time{}, fmt.Errorf("create layout: %w", putErr)
	}
	if err != nil { // else the layout is there, also if nothing can be put now
		return Layout{}, date, err
	}
	return layout, date, layout.differs(wanted)
}

// ReadLayout reads the archive's layout. It also returns the store's clock.
func ReadLayout(ctx context.Context, a Archive) (Layout, time.Time, error) {
	text, date, err := a.Get(ctx, LayoutKey)
	if err != nil {
		return Layout{}, date, fmt.Errorf("read layout %s: %w", LayoutKey, err)
	}
	layout, err := decodeLayout(text)
	if err != nil {
		return Layout{}, date, fmt.Errorf("read layout %s: %w", LayoutKey, err)
	}
	return layout, date, nil
}

func encodeLayout(l Layout) []byte {
	text, err := json.MarshalIndent(layoutText{
		Version: layoutVersion, Number: l.Number, Slot: time.Duration(l.Slot).String(), Lanes: l.Lanes, HashKey: &l.HashKey,
		DedupeWindow: l.DedupeWindow.String(), SpeedWindow: l.SpeedWindow.String(), Stream: l.Stream,
	}, "", "  ")
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

// differs returns an error that names each setting in which the archive is not as wanted.
func (l Layout) differs(wanted Layout) error {
	var all []error
	compare := func(name string, is, want any) {
		if is != want {
			all = append(all, fmt.Errorf("the archive has %s %v, not %v; this setting cannot change", name, is, want))
		}
	}
	compare("layout number", l.Number, wanted.Number)
	compare("slot length", time.Duration(l.Slot), time.Duration(wanted.Slot))
	compare("lane count", l.Lanes, wanted.Lanes)
	compare("dedupe window", l.DedupeWindow, wanted.DedupeWindow)
	compare("speed window", l.SpeedWindow, wanted.SpeedWindow)
	compare("stream", l.Stream, wanted.Stream)
	return errors.Join(all...)
}
