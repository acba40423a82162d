package history

import (
	"math/big"
	"time"

	"github.com/anabranch/anabranch/shared/view/engine"
)

// Some histories deploy another version of the engine: the same views file, by a release whose rules are newer, and now
// and then by the release before again. The oracle folds what it knows by the rules of each generation's own version,
// which it has from nowhere but this file. One of the views has windows of a week, since weeks begin on another day.

// reading is how a definition reads events.
type reading struct {
	before bool // by the rules of the engine's previous version
	weekly bool // everything has windows of a week
}

var allReadings = [...]reading{{}, {before: true}, {weekly: true}, {before: true, weekly: true}}

// The deployments of histories with two versions of the engine. In the end, the newest is deployed for good.
var (
	engineBefore = deployment{byUser: {reading: reading{before: true}},
		everything: {reading: reading{before: true, weekly: true}}}
	engineNow         = deployment{everything: {reading: reading{weekly: true}}}
	engineBeforeKappa = deployment{byUser: {kappa: true, reading: reading{before: true}},
		everything: {kappa: true, reading: reading{before: true, weekly: true}}}
	engineNowKappa = deployment{byUser: {kappa: true}, everything: {kappa: true, reading: reading{weekly: true}}}
)

// engineVersion is the engine's version of a definition; 0 is the newest.
func (f flavour) engineVersion() int {
	if f.before {
		return engine.Previous
	}
	return 0
}

// read reads the amount of an event. The version before has no number above 18 decimals, or from 10^20 on.
func (by reading) read(text string) readAmount {
	amount := units(text)
	if amount != nil && by.before {
		exact, _ := new(big.Rat).SetString(text)
		whole := new(big.Rat).Mul(exact, new(big.Rat).SetInt(power(18))).IsInt()
		if !whole || amount.CmpAbs(power(places+20)) >= 0 {
			amount = nil
		}
	}
	if amount == nil {
		return readAmount{nil, labelOf(text)}
	}
	return readAmount{amount, ""}
}

// windowsOf returns the length of a view's windows and where the first begins, in milliseconds.
func windowsOf(view int, by reading) (length, origin int64) {
	if view%views != everything || !by.weekly {
		return viewWindows[view%views].Milliseconds(), 0
	}
	week, monday := 7*24*time.Hour, 4*24*time.Hour // 1970-01-05
	if by.before {
		return week.Milliseconds(), 0
	}
	return week.Milliseconds(), monday.Milliseconds()
}

// startOf returns the start of the window that holds an instant after 1970-01-05, in Unix milliseconds.
func startOf(view int, by reading, at int64) int64 {
	length, origin := windowsOf(view, by)
	return at - (at-origin)%length
}

// rows names the rows of one key of a generation.
func (g *generation) rows(key string) rowsOf { return rowsOf{g.view, g.reading, key} }
