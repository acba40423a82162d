package setting_test

import (
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/setting"
)

func lookup(values map[string]string) setting.Lookup {
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

func TestSpellings(t *testing.T) {
	for name, want := range map[string][2]string{
		"Slot": {"SLOT", "--slot"}, "CommitWithin": {"COMMIT_WITHIN", "--commit-within"},
		"ReplayTickBytes": {"REPLAY_TICK_BYTES", "--replay-tick-bytes"},
	} {
		if got := [2]string{setting.Variable(name), setting.Flag(name)}; got != want {
			t.Errorf("%s is spelled %q, want %q", name, got, want)
		}
	}
}

func TestRead(t *testing.T) {
	want := setting.Default()
	for _, values := range []map[string]string{nil, {"LANES": "", "WRITE_TRIES": "1", "Lanes": "1"}} {
		if got, err := setting.Read(lookup(values)); err != nil || got != want {
			t.Errorf("%v: error %v, (-want +got):\n%s", values, err, cmp.Diff(want, got))
		}
	}
	want.Lanes, want.SealDelay, want.RunBytes, want.RequireApproval = 7, 90*time.Second, 9_000_000_000, true
	want.LogLevel = slog.LevelError
	got, err := setting.Read(lookup(map[string]string{
		"LANES": "7", "SEAL_DELAY": "1m30s", "RUN_BYTES": "9000000000", "REQUIRE_APPROVAL": "true",
		"LOG_LEVEL": "ERROR",
	}))
	if err != nil || got != want {
		t.Errorf("error %v, (-want +got):\n%s", err, cmp.Diff(want, got))
	}
}

func TestReadErrors(t *testing.T) {
	_, err := setting.Read(
		lookup(
			map[string]string{
				"LANES":            "four",
				"SEAL_DELAY":       "10",
				"RUN_BYTES":        "9223372036854775808",
				"REQUIRE_APPROVAL": "yes",
				"LOG_LEVEL":        "warn",
			},
		),
	)
	want := `LANES="four": must be a whole number
SEAL_DELAY="10": must be a duration, for example "1m30s"
RUN_BYTES="9223372036854775808": must be a whole number
REQUIRE_APPROVAL="yes": must be true or false
LOG_LEVEL="warn": must be DEBUG, INFO, WARN or ERROR`
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want:\n%s", err, want)
	}
}

// TestReadChecks checks that an environment is checked against the rules for which it has all variables, in the names
// of its own variables. A setting without a variable is always known.
func TestReadChecks(t *testing.T) {
	for _, c := range []struct {
		values map[string]string
		want   string // the error, or ""
	}{
		{map[string]string{"SEAL_DELAY": "1s"}, ""},
		{map[string]string{"SEAL_DELAY": "1s", "COMMIT_WITHIN": "10s"}, ""},
		{
			map[string]string{"SEAL_DELAY": "1s", "COMMIT_WITHIN": "10s", "CLOCK_MARGIN": "30s"},
			"SEAL_DELAY=1s: must be at least COMMIT_WITHIN + CLOCK_MARGIN + 1s, 41s: " +
				"otherwise batch could cover a slot while ingest still puts events into it",
		},
		{map[string]string{"AUDIT_EVERY": "15m"},
			"AUDIT_EVERY=15m0s: must be above 15m0s, so that an audit ends before the next is due"},
		{map[string]string{"SLOT": "7m", "LANES": "0"}, "SLOT: invalid slot length"},
	} {
		_, err := setting.Read(lookup(c.values))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%v: error is %v, want %q", c.values, err, c.want)
		}
	}
}

// TestRulesNameWhatTheyLookAt checks that a broken rule stays broken, with the same message, whatever the values of the
// settings that it does not name.
func TestRulesNameWhatTheyLookAt(t *testing.T) {
	broken := setting.All{ // every rule, as far as that goes
		Lanes: -1, SpeedWindow: -1, DedupeWindow: -2, ClockMargin: -1, ClockUnit: -3, CommitWithin: -1, SealDelay: -time.Hour,
		BatchEvery: -1,
		Lookback:   -2 * time.Hour, SweepAfter: -1, PublishTime: -1, MaxStreamAge: -24 * time.Hour, StreamRetention: -3,
		QueueRetention: -1, SpeedRetain: -25 * time.Hour, RetainFor: -1, ConfirmWithin: -1,
		DropGrace: -1, ReplayTickBytes: -1, ShadowPercent: -1, KeyGrace: -1,
	}
	lines := strings.Split(broken.Check().Error(), "\n")
	rules := setting.Rules()
	if len(lines) != len(rules) {
		t.Fatalf("%d of %d rules are broken:\n%s", len(lines), len(rules), strings.Join(lines, "\n"))
	}
	for i, r := range rules {
		s := setting.Default()
		from, into := reflect.ValueOf(broken), reflect.ValueOf(&s).Elem()
		for _, name := range r.Settings {
			if !into.FieldByName(name).IsValid() {
				t.Fatalf("a rule names %s, which is no setting", name)
			}
			into.FieldByName(name).Set(from.FieldByName(name))
		}
		if err := s.Check(); err == nil || !slices.Contains(strings.Split(err.Error(), "\n"), lines[i]) {
			t.Errorf(
				"the rule about %v looks at other settings, too: with the defaults of those it says %v, not %s", r.Settings, err,
				lines[i],
			)
		}
	}
}
