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

// longestCommit leaves ingest time to answer: the gateway waits 30 s for an answer.
const longestCommit = 20 * time.Second

// Limits for the authorizer's copy of the secret with the keys of the HTTP API.
const (
	// KeyMiss is the shortest time between two reads of the secret that unknown keys cause.
	KeyMiss = 10 * time.Second
	// KeyStale is how long known keys stay valid while the authorizer cannot read the secret.
	KeyStale = time.Hour
)

// Rule is a condition that some settings must meet.
type Rule struct {
	Settings []string // fields of All that the rule reads; it reads no other
	// check returns what is wrong and what would be right, and names settings by their fields; "" when the rule holds.
	check func(All) string
}

// Rules returns all rules, in the order of the fields of All.
//
// Source: docs/design.md 7.
func Rules() []Rule {
	return []Rule{
		about(checkSlot, "Slot"),
		atLeastOne("Layout", func(s All) int64 { return int64(s.Layout) }),
		about(func(s All) string {
			return want(s.Lanes >= 1 && s.Lanes <= event.MaxLanes, "Lanes=%d: must be 1 to %d", s.Lanes, event.MaxLanes)
		}, "Lanes"),
		above0("SpeedWindow", func(s All) time.Duration { return s.SpeedWindow }),
		about(func(s All) string {
			return want(
				s.SpeedWindow <= s.DedupeWindow,
				"SpeedWindow=%s: must be at most DedupeWindow, %s: speed must not drop a duplicate that batch counts",
				s.SpeedWindow, s.DedupeWindow,
			)
		}, "SpeedWindow", "DedupeWindow"),
		notNegative("ClockMargin", func(s All) time.Duration { return s.ClockMargin }),
		notNegative("ClockUnit", func(s All) time.Duration { return s.ClockUnit }),
		about(func(s All) string {
			return want(
				s.CommitWithin > 0 && s.CommitWithin <= longestCommit, "CommitWithin=%s: must be above 0 and at most %s",
				s.CommitWithin, longestCommit,
			)
		}, "CommitWithin"),
		about(checkSealDelay, "SealDelay", "CommitWithin", "ClockMargin", "ClockUnit"),
		above0("BatchEvery", func(s All) time.Duration { return s.BatchEvery }),
		about(func(s All) string {
			return want(
				s.Lookback >= s.SealDelay,
				"Lookback=%s: must be at least SealDelay, %s: otherwise batch never finds late objects", s.Lookback,
				s.SealDelay,
			)
		}, "Lookback", "SealDelay"),
		notNegative("PublishTime", func(s All) time.Duration { return s.PublishTime }),
		notNegative("SweepAfter", func(s All) time.Duration { return s.SweepAfter }),
		about(func(s All) string {
			return want(
				s.MaxStreamAge >= s.SpeedWindow,
				"MaxStreamAge=%s: must be at least SpeedWindow, %s: otherwise an event within the speed window "+
					"could not be published again",
				s.MaxStreamAge, s.SpeedWindow,
			)
		}, "MaxStreamAge", "SpeedWindow"),
		about(checkMaxStreamAge, "MaxStreamAge", "Slot", "SealDelay", "SweepAfter"),
		about(func(s All) string {
			return want(
				s.MaxStreamAge >= s.StreamRetention,
				"MaxStreamAge=%s: must be at least StreamRetention, %s: otherwise the sweep would give up events that still "+
					"wait in the stream",
				s.MaxStreamAge,
				s.StreamRetention,
			)
		}, "MaxStreamAge", "StreamRetention"),
		about(func(s All) string {
			work := s.LongestInvocation + 2*s.ClockMargin
			return want(
				s.StreamRetention > work,
				"StreamRetention=%s: must be above %s, so that speed ends before the stream drops what it works on",
				s.StreamRetention, work,
			)
		}, "StreamRetention", "LongestInvocation", "ClockMargin"),
		notNegative("QueueRetention", func(s All) time.Duration { return s.QueueRetention }),
		about(func(s All) string {
			return want(
				s.SpeedRetain > s.MaxStreamAge+s.StreamRetention,
				"SpeedRetain=%s: must be above MaxStreamAge + StreamRetention, %s: otherwise an item could expire before the "+
					"last record of its slot is read, and answers would lack its events",
				s.SpeedRetain, s.MaxStreamAge+s.StreamRetention,
			)
		}, "SpeedRetain", "MaxStreamAge", "StreamRetention"),
		notNegative("RetainFor", func(s All) time.Duration { return s.RetainFor }),
		notNegative("ConfirmWithin", func(s All) time.Duration { return s.ConfirmWithin }),
		notNegative("DropGrace", func(s All) time.Duration { return s.DropGrace }),
		about(func(s All) string {
			return want(
				s.AuditEvery > s.LongestInvocation, "AuditEvery=%s: must be above %s, so that an audit ends before the next is due",
				s.AuditEvery, s.LongestInvocation,
			)
		}, "AuditEvery", "LongestInvocation"),
		about(func(s All) string {
			return want(s.ReplayTickBytes >= 0, "ReplayTickBytes=%d: must be 0 or more", s.ReplayTickBytes)
		}, "ReplayTickBytes"),
		about(func(s All) string {
			return want(s.ShadowPercent >= 0 && s.ShadowPercent <= 100, "ShadowPercent=%d: must be 0 to 100", s.ShadowPercent)
		}, "ShadowPercent"),
		about(func(s All) string {
			return want(
				s.KeyFresh >= KeyMiss && s.KeyFresh <= KeyStale, "KeyFresh=%s: must be %s to %s", s.KeyFresh, KeyMiss, KeyStale,
			)
		}, "KeyFresh"),
		notNegative("KeyGrace", func(s All) time.Duration { return s.KeyGrace }),
		atLeastOne("RunBytes", func(s All) int64 { return s.RunBytes }),
		atLeastOne("ReplayBytes", func(s All) int64 { return s.ReplayBytes }),
		atLeastOne("MaxBody", func(s All) int64 { return int64(s.MaxBody) }),
		atLeastOne("MaxRows", func(s All) int64 { return int64(s.MaxRows) }),
		atLeastOne("MaxKeys", func(s All) int64 { return int64(s.MaxKeys) }),
		atLeastOne("MaxRead", func(s All) int64 { return int64(s.MaxRead) }),
		atLeastOne("MaxMerged", func(s All) int64 { return int64(s.MaxMerged) }),
		atLeastOne("MaxAnswer", func(s All) int64 { return int64(s.MaxAnswer) }),
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
		"SealDelay=%s: must be at least CommitWithin + ClockMargin + %s, %s: "+
			"otherwise batch could cover a slot while ingest still puts events into it",
		s.SealDelay,
		s.ClockUnit,
		sealed,
	)
}

func checkMaxStreamAge(s All) string {
	least := s.Slot + s.SealDelay + 2*s.SweepAfter
	return want(
		s.MaxStreamAge >= least,
		"MaxStreamAge=%s: must be at least Slot + SealDelay + 2 x SweepAfter, %s: "+
			"otherwise the sweep would give up lost events before it looks for them",
		s.MaxStreamAge,
		least,
	)
}

func about(check func(All) string, settings ...string) Rule { return Rule{settings, check} }

func above0(setting string, of func(All) time.Duration) Rule {
	return about(func(s All) string { return want(of(s) > 0, "%s=%s: must be above 0", setting, of(s)) }, setting)
}

func notNegative(setting string, of func(All) time.Duration) Rule {
	return about(func(s All) string { return want(of(s) >= 0, "%s=%s: must be 0 or more", setting, of(s)) }, setting)
}

func atLeastOne(setting string, of func(All) int64) Rule {
	return about(func(s All) string { return want(of(s) >= 1, "%s=%d: must be at least 1", setting, of(s)) }, setting)
}

func want(ok bool, format string, values ...any) string {
	if ok {
		return ""
	}
	return fmt.Sprintf(format, values...)
}

// Check returns an error with one line per broken rule. It names settings by their fields. Retrying is useless.
func (s All) Check() error { return s.CheckAs(func(setting string) string { return setting }) }

// CheckAs is like Check, but names each setting as spell does, for readers who know other names.
func (s All) CheckAs(spell func(setting string) string) error {
	return s.check(func(string) bool { return true }, spell)
}

// check checks the rules whose settings are all known.
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

// respell replaces the names of the rule's settings in a message.
func (r Rule) respell(message string, spell func(setting string) string) string {
	var pairs []string
	for _, setting := range r.Settings {
		pairs = append(pairs, setting, spell(setting))
	}
	return strings.NewReplacer(pairs...).Replace(message)
}

// HasVariable reports whether functions read the setting from an environment variable. The setting is given by the name
// of its field. Every function uses the default of a setting without a variable.
func HasVariable(setting string) bool {
	f, ok := reflect.TypeFor[All]().FieldByName(setting)
	return ok && f.Tag.Get("variable") != "-"
}
