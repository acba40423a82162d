package setting

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
)

// longestCommit leaves ingest the time to answer: the gateway waits 30 s for an answer.
const longestCommit = 20 * time.Second

// The keys of the HTTP API. For a key that nobody knows the authorizer reads the secret this often at most; while the
// secret cannot be read, known keys stay good for the longer time.
const (
	KeyMiss  = 10 * time.Second
	KeyStale = time.Hour
)

// Rule is what must hold of some settings.
type Rule struct {
	Settings []string // the fields of All that it looks at; it looks at no other
	// says what is wrong and what would be right, with settings by their fields' names; "": nothing
	check func(All) string
}

// Rules are all rules, in the order of the fields of All.
//
// Source: docs/design.md 7.
func Rules() []Rule {
	return []Rule{
		about(checkSlot, "Slot"),
		about(func(s All) string {
			return want(s.Lanes >= 1 && s.Lanes <= event.MaxLanes, "Lanes=%d: want 1 to %d", s.Lanes, event.MaxLanes)
		}, "Lanes"),
		above0("SpeedWindow", func(s All) time.Duration { return s.SpeedWindow }),
		about(func(s All) string {
			return want(
				s.SpeedWindow <= s.DedupeWindow,
				"SpeedWindow=%s: want at most DedupeWindow, %s: speed may drop no copy that batch counts", s.SpeedWindow,
				s.DedupeWindow,
			)
		}, "SpeedWindow", "DedupeWindow"),
		notNegative("ClockMargin", func(s All) time.Duration { return s.ClockMargin }),
		notNegative("ClockUnit", func(s All) time.Duration { return s.ClockUnit }),
		about(func(s All) string {
			return want(
				s.CommitWithin > 0 && s.CommitWithin <= longestCommit, "CommitWithin=%s: want above 0 and at most %s",
				s.CommitWithin, longestCommit,
			)
		}, "CommitWithin"),
		about(checkSealDelay, "SealDelay", "CommitWithin", "ClockMargin", "ClockUnit"),
		above0("BatchEvery", func(s All) time.Duration { return s.BatchEvery }),
		about(func(s All) string {
			return want(
				s.Lookback >= s.SealDelay,
				"Lookback=%s: want at least SealDelay, %s: batch would not look for an object that comes late", s.Lookback,
				s.SealDelay,
			)
		}, "Lookback", "SealDelay"),
		notNegative("PublishTime", func(s All) time.Duration { return s.PublishTime }),
		notNegative("SweepAfter", func(s All) time.Duration { return s.SweepAfter }),
		about(func(s All) string {
			return want(
				s.MaxStreamAge >= s.SpeedWindow,
				"MaxStreamAge=%s: want at least SpeedWindow, %s: a copy that speed knows could not be published again",
				s.MaxStreamAge, s.SpeedWindow,
			)
		}, "MaxStreamAge", "SpeedWindow"),
		about(checkMaxStreamAge, "MaxStreamAge", "Slot", "SealDelay", "SweepAfter"),
		about(func(s All) string {
			return want(
				s.MaxStreamAge >= s.StreamRetention,
				"MaxStreamAge=%s: want at least StreamRetention, %s: what waits in the stream would be given up "+
					"before it is read",
				s.MaxStreamAge,
				s.StreamRetention,
			)
		}, "MaxStreamAge", "StreamRetention"),
		above0("StreamRetention", func(s All) time.Duration { return s.StreamRetention }),
		notNegative("QueueRetention", func(s All) time.Duration { return s.QueueRetention }),
		about(func(s All) string {
			return want(
				s.SpeedRetain > s.StreamRetention,
				"SpeedRetain=%s: want above StreamRetention, %s: an item must outlive its records, or a late one "+
					"would be folded again",
				s.SpeedRetain,
				s.StreamRetention,
			)
		}, "SpeedRetain", "StreamRetention"),
		notNegative("RetainFor", func(s All) time.Duration { return s.RetainFor }),
		notNegative("ConfirmWithin", func(s All) time.Duration { return s.ConfirmWithin }),
		notNegative("DropGrace", func(s All) time.Duration { return s.DropGrace }),
		about(func(s All) string {
			return want(
				s.AuditEvery > s.LongestInvocation, "AuditEvery=%s: want above %s, so that an audit ends before the next is due",
				s.AuditEvery, s.LongestInvocation,
			)
		}, "AuditEvery", "LongestInvocation"),
		about(func(s All) string {
			return want(s.ReplayTickBytes >= 0, "ReplayTickBytes=%d: want 0 or more", s.ReplayTickBytes)
		}, "ReplayTickBytes"),
		about(func(s All) string {
			return want(s.ShadowPercent >= 0 && s.ShadowPercent <= 100, "ShadowPercent=%d: want 0 to 100", s.ShadowPercent)
		}, "ShadowPercent"),
		about(func(s All) string {
			return want(
				s.KeyFresh >= KeyMiss && s.KeyFresh <= KeyStale, "KeyFresh=%s: want %s to %s", s.KeyFresh, KeyMiss, KeyStale,
			)
		}, "KeyFresh"),
		notNegative("KeyGrace", func(s All) time.Duration { return s.KeyGrace }),
		atLeastOne("RunBytes", func(s All) int64 { return s.RunBytes }),
		atLeastOne("ReplayBytes", func(s All) int64 { return s.ReplayBytes }),
		atLeastOne("MaxBody", func(s All) int64 { return int64(s.MaxBody) }),
		atLeastOne("MaxRows", func(s All) int64 { return int64(s.MaxRows) }),
		atLeastOne("PublishTries", func(s All) int64 { return int64(s.PublishTries) }),
		atLeastOne("WriteTries", func(s All) int64 { return int64(s.WriteTries) }),
	}
}

func checkSlot(s All) string {
	if _, err := slot.NewLength(s.Slot); err != nil {
		return "Slot: " + err.Error()
	}
	return ""
}

func checkSealDelay(s All) string {
	sealed := s.CommitWithin + s.ClockMargin + s.ClockUnit
	return want(
		s.SealDelay >= sealed,
		"SealDelay=%s: want at least CommitWithin + ClockMargin + %s, %s: batch could take a slot while events may still "+
			"be put into it",
		s.SealDelay,
		s.ClockUnit,
		sealed,
	)
}

func checkMaxStreamAge(s All) string {
	least := s.Slot + s.SealDelay + 2*s.SweepAfter
	return want(
		s.MaxStreamAge >= least,
		"MaxStreamAge=%s: want at least Slot + SealDelay + 2 x SweepAfter, %s: what was lost would be given up before it "+
			"is looked for",
		s.MaxStreamAge,
		least,
	)
}

func about(check func(All) string, settings ...string) Rule { return Rule{settings, check} }

func above0(setting string, of func(All) time.Duration) Rule {
	return about(func(s All) string { return want(of(s) > 0, "%s=%s: want above 0", setting, of(s)) }, setting)
}

func notNegative(setting string, of func(All) time.Duration) Rule {
	return about(func(s All) string { return want(of(s) >= 0, "%s=%s: want 0 or more", setting, of(s)) }, setting)
}

func atLeastOne(setting string, of func(All) int64) Rule {
	return about(func(s All) string { return want(of(s) >= 1, "%s=%d: want at least 1", setting, of(s)) }, setting)
}

func want(ok bool, format string, values ...any) string {
	if ok {
		return ""
	}
	return fmt.Sprintf(format, values...)
}

// Check names each broken rule, and the settings by the names of their fields.
func (s All) Check() error { return s.CheckAs(func(setting string) string { return setting }) }

// CheckAs is Check for somebody who knows the settings by other names: spell gives them.
func (s All) CheckAs(spell func(setting string) string) error {
	return s.check(func(string) bool { return true }, spell)
}

// check checks the rules all of whose settings are known.
func (s All) check(known func(setting string) bool, spell func(setting string) string) error {
	var all []error
	for _, r := range Rules() {
		if slices.ContainsFunc(r.Settings, func(setting string) bool { return !known(setting) }) {
			continue
		}
		if message := r.check(s); message != "" {
			all = append(all, errors.New(r.respell(message, spell)))
		}
	}
	return errors.Join(all...)
}

// respell replaces the names of the rule's settings.
func (r Rule) respell(message string, spell func(setting string) string) string {
	var pairs []string
	for _, setting := range r.Settings {
		pairs = append(pairs, setting, spell(setting))
	}
	return strings.NewReplacer(pairs...).Replace(message)
}

// HasVariable says whether a setting, given by its field's name, is a variable of functions. One that is not has its
// default in every function.
func HasVariable(setting string) bool {
	f, ok := reflect.TypeFor[All]().FieldByName(setting)
	return ok && f.Tag.Get("variable") != "-"
}
