package infra_test

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// phase is a time in which a metric has a value each so many minutes, and is missing in between; if every is negative,
// it is 0 in between.
type phase struct {
	minutes, every int
	value          float64
}

func silent(minutes int) phase                 { return phase{minutes, 1, none} }
func steady(minutes int, value float64) phase  { return phase{minutes, 1, value} }
func each(every, minutes int, v float64) phase { return phase{minutes, every, v} }

// rare is a time that begins with a value, and goes on with 0.
func rare(minutes int, value float64) phase { return phase{minutes, -minutes, value} }

// story says what an alarm does in a stack that is new and healthy, while a fault lasts, and afterwards.
type story struct {
	healthy []phase // after half an hour in which the new stack says nothing
	fault   []phase
	fires   int // by this minute of the fault the alarm is in ALARM, and stays there until the fault ends
	ended   []phase
	clears  int   // by this minute after the fault the alarm is in OK; -1: it stays in ALARM
	silence state // the state after two hours without data; "": as before
}

// stories has one story for each alarm.
var stories = map[string]story{
	// The watch prints 0 each minute; then seconds that grow. It clears with the first period in which batch is in time.
	"BatchOverdueAlarm": {
		healthy: []phase{steady(120, 0)}, fault: []phase{steady(60, 30)}, fires: 15,
		ended: []phase{steady(60, 0)}, clears: 6, silence: insufficient,
	},
	// These are printed only while they are above 0.
	"StreamOverdueAlarm": {
		healthy: []phase{silent(120)}, fault: []phase{steady(60, 30)}, fires: 15, ended: []phase{silent(60)}, clears: 45,
		silence: okay,
	},
	"ReplayOverdueAlarm": {
		healthy: []phase{silent(120)}, fault: []phase{steady(60, 30)}, fires: 15, ended: []phase{silent(60)}, clears: 45,
		silence: okay,
	},
	"AuditOverdueAlarm": {
		healthy: []phase{silent(120)}, fault: []phase{steady(60, 30)}, fires: 15, ended: []phase{silent(60)}, clears: 45,
		silence: okay,
	},
	"GivenUpAlarm": {
		healthy: []phase{silent(120)}, fault: []phase{steady(60, 1)}, fires: 15, ended: []phase{silent(60)}, clears: 45,
		silence: okay,
	},
	// What an audit has found is printed at every tick, until an audit, or a rebuild, says that it is mended: then 0 is
	// printed for an hour or more. Nobody may take the silence of the audit function for that.
	"DriftAlarm": {
		healthy: []phase{steady(60, 0), silent(300), steady(60, 0), silent(300)},
		fault:   []phase{steady(30, 3), silent(300), steady(30, 3)}, fires: 1,
		ended: []phase{steady(60, 0), silent(300)}, clears: 6,
	},
	"LostObjectsAlarm": {
		healthy: []phase{steady(60, 0), silent(300), steady(60, 0), silent(300)},
		fault:   []phase{steady(30, 3), silent(300), steady(30, 3)}, fires: 1,
		ended: []phase{steady(60, 0), silent(300)}, clears: 6,
	},
	// Speed prints it once. Only an operator knows that the record was looked at.
	"SetAsideAlarm": {
		healthy: []phase{silent(120)}, fault: []phase{steady(1, 1)}, fires: 1, ended: []phase{silent(600)}, clears: -1,
	},
	// The sweep prints it once, when it passes a run by. Only an operator knows that the views were rebuilt.
	"TooOldAlarm": {
		healthy: []phase{silent(120)}, fault: []phase{steady(1, 4)}, fires: 1, ended: []phase{silent(600)}, clears: -1,
	},
	// Republish prints 0 when it serves other requests.
	"RepublishTooOldAlarm": {
		healthy: []phase{silent(60), each(7, 60, 0)}, fault: []phase{steady(1, 1), silent(300)}, fires: 1,
		ended: []phase{steady(60, 0)}, clears: 6,
	},
	// A run of each slot prints it, of five minutes or of an hour. It stays between two runs, and ends with a smaller one.
	"RunLoadAlarm": {
		healthy: []phase{silent(60), each(5, 120, 50), each(60, 300, 12)}, fault: []phase{each(60, 300, 51)}, fires: 1,
		ended: []phase{each(5, 60, 26)}, clears: 6,
	},
	// SQS reports on a queue for six hours after its last use, whether it holds messages or not.
	"ScheduleDeadLettersAlarm": {
		healthy: []phase{silent(120)}, fault: []phase{each(1, 360, 1), silent(360)}, fires: 1,
		ended: []phase{steady(60, 0)}, clears: 6,
	},
	"RepublishDeadLettersAlarm": {
		healthy: []phase{silent(120), steady(60, 0)}, fault: []phase{each(1, 360, 1), silent(360)}, fires: 1,
		ended: []phase{steady(60, 0)}, clears: 6,
	},
	// A failed request in each of three periods, however many do not fail. Before, some fail among good ones, and many for
	// six minutes. Where the API reports failed requests only, three of them within forty minutes may count as three
	// periods in a row.
	"ApiErrorsAlarm": {
		healthy: []phase{
			silent(30), each(30, 120, 1), steady(60, 0), steady(6, 40), steady(60, 0), rare(11, 1), rare(11, 1), rare(11, 1),
			steady(30, 0),
		},
		fault: []phase{each(4, 60, 1)},
		fires: 15, ended: []phase{steady(60, 0)}, clears: 6, silence: okay,
	},
	"IteratorAgeAlarm": {
		healthy: []phase{silent(30), steady(120, 2000), steady(6, 900_000), steady(60, 2000)},
		fault:   []phase{steady(60, 700_000)}, fires: 15, ended: []phase{steady(60, 1000)}, clears: 6, silence: okay,
	},
	"SpeedErrorsAlarm": {
		healthy: []phase{silent(30), steady(120, 0), steady(5, 1), steady(120, 0)}, fault: []phase{each(2, 120, 1)},
		fires: 15, ended: []phase{steady(120, 0)}, clears: 60, silence: okay,
	},
	"SpeedThrottlesAlarm": {
		healthy: []phase{silent(30), steady(120, 0), steady(5, 1), steady(120, 0)}, fault: []phase{each(2, 120, 1)},
		fires: 15, ended: []phase{steady(120, 0)}, clears: 60, silence: okay,
	},
	// Lambda reports what it drops, and nothing else. Ticks that are killed after a quarter of an hour drop one then.
	"BatchDroppedAlarm": {
		healthy: []phase{silent(60), steady(5, 1), silent(120), each(60, 180, 1)}, fault: []phase{each(15, 180, 1)},
		fires: 45, ended: []phase{silent(180)}, clears: 90, silence: okay,
	},
	"ReplayDroppedAlarm": {
		healthy: []phase{silent(60), steady(5, 1), silent(120), each(60, 180, 1)}, fault: []phase{each(1, 120, 1)},
		fires: 15, ended: []phase{silent(180)}, clears: 90, silence: okay,
	},
	"AuditDroppedAlarm": {
		healthy: []phase{silent(60), steady(5, 1), silent(120), each(60, 180, 1)}, fault: []phase{each(1, 120, 1)},
		fires: 15, ended: []phase{silent(180)}, clears: 90, silence: okay,
	},
}

// valuesOf returns the value of each minute of some phases.
func valuesOf(phases ...phase) (values []float64) {
	for _, p := range phases {
		for minute := range p.minutes {
			switch {
			case minute%p.every == 0:
				values = append(values, p.value)
			case p.every < 0:
				values = append(values, 0)
			default:
				values = append(values, none)
			}
		}
	}
	return values
}

// ranges says how many periods CloudWatch looks at beyond those of an alarm. It does not document the number, so no
// alarm may depend on it.
var ranges = []int{0, 2, 5}

// TestAlarmStories plays the story of each alarm against its definition.
func TestAlarmStories(t *testing.T) {
	left := maps.Clone(stories)
	for _, r := range application(t).resources("AWS::CloudWatch::Alarm") {
		s, ok := left[r.name]
		if !ok {
			t.Errorf("%s has no story: add one to stories", r.name)
			continue
		}
		delete(left, r.name)
		for _, more := range ranges {
			t.Run(fmt.Sprint(r.name, more), func(t *testing.T) { s.play(t, ruleOf(t, r), more) })
		}
	}
	for name := range left {
		t.Errorf("story %s is about no alarm", name)
	}
}

func (s story) play(t *testing.T, a rule, more int) {
	before := valuesOf(append([]phase{silent(30)}, s.healthy...)...)
	fault, after := valuesOf(s.fault...), valuesOf(s.ended...)
	states := a.play(slices.Concat(before, fault, after), more)
	if i := slices.Index(states[:len(before)], alarmed); i >= 0 {
		t.Errorf("the healthy stack is in ALARM in minute %d", i)
	}
	states = states[len(before):]
	for i, got := range states[min(s.fires-1, len(fault)-1):len(fault)] {
		if got != alarmed {
			t.Fatalf("minute %d of the fault: %s, want ALARM from minute %d on", i+s.fires-1, got, s.fires)
		}
	}
	states = states[len(fault):]
	switch {
	case s.clears < 0 && slices.ContainsFunc(states, func(s state) bool { return s != alarmed }):
		t.Error("the alarm goes back by itself")
	case s.clears > 0 && slices.ContainsFunc(states[s.clears:], func(s state) bool { return s != okay }):
		t.Errorf("the alarm is not in OK from minute %d after the fault on: %v", s.clears, states)
	}
	s.fallSilent(t, a, more)
}

// fallSilent checks what becomes of an alarm in OK, and of one in ALARM, when the metric stops.
func (s story) fallSilent(t *testing.T, a rule, more int) {
	for _, was := range []state{okay, alarmed} {
		last := steady(120, a.threshold)
		if was == alarmed {
			last = steady(120, a.threshold+1)
		}
		wanted := s.silence
		if wanted == retained {
			wanted = was
		}
		states := a.play(valuesOf(last, silent(120)), more)
		if states[119] != was || states[len(states)-1] != wanted {
			t.Errorf("was %s, without data %s; want %s and %s", states[119], states[len(states)-1], was, wanted)
		}
	}
}

// TestNewStack checks that no alarm goes to ALARM in a stack of which nothing is known, or whose first data points are
// good ones.
func TestNewStack(t *testing.T) {
	for _, r := range application(t).resources("AWS::CloudWatch::Alarm") {
		a := ruleOf(t, r)
		for _, first := range []float64{none, a.threshold, 0} {
			for _, more := range ranges {
				states := a.play(valuesOf(silent(20), each(3, 240, first)), more)
				if slices.Contains(states, alarmed) {
					t.Errorf("%s: a new stack is in ALARM", r.name)
				}
			}
		}
	}
}

// TestEveryFunctionIsWatched checks that for each function an alarm tells of errors, and one of throttles: on the
// function itself, or on what follows from both.
func TestEveryFunctionIsWatched(t *testing.T) {
	app := application(t)
	watched := map[string][2]string{ // errors, throttles
		"ingest": {"ApiErrorsAlarm", "ApiErrorsAlarm"}, "query": {"ApiErrorsAlarm", "ApiErrorsAlarm"},
		"mcp":        {"ApiErrorsAlarm", "ApiErrorsAlarm"},
		"prometheus": {"ApiErrorsAlarm", "ApiErrorsAlarm"},
		"admin":      {"ApiErrorsAlarm", "ApiErrorsAlarm"}, "authorizer": {"ApiErrorsAlarm", "ApiErrorsAlarm"},
		"speed": {"SpeedErrorsAlarm", "SpeedThrottlesAlarm"}, "batch": {"BatchDroppedAlarm", "BatchDroppedAlarm"},
		"replay": {"ReplayDroppedAlarm", "ReplayDroppedAlarm"}, "audit": {"AuditDroppedAlarm", "AuditDroppedAlarm"},
		// SQS gives a message to republish ten times, then it is a dead letter.
		"republish": {"RepublishDeadLettersAlarm", "RepublishDeadLettersAlarm"},
	}
	for _, name := range functionNames() {
		for _, alarm := range watched[name] {
			if alarm == "" {
				t.Errorf("no alarm tells of errors or throttles of %s", name)
				continue
			}
			r := app.resource(alarm)
			value := text(at(listOf(r.property("Dimensions"))[0], "Value"))
			switch metric := text(r.property("MetricName")); {
			case metric == "5xx" || metric == "ApproximateNumberOfMessagesVisible":
			case value != "!Ref "+large(name)+"Function":
				t.Errorf("%s, which is to tell of %s, is about %s", alarm, name, value)
			case metric == "AsyncEventsDropped":
				want(t, name+": tries", app.resource(large(name)+"Function").property("EventInvokeConfig",
					"MaximumRetryAttempts"), "0")
			}
		}
	}
}

// TestAlarmPrice checks that docs/cost.md counts the alarms, at $0.10 a month each, and that no alarm takes longer
// than CloudWatch permits for periods below an hour.
func TestAlarmPrice(t *testing.T) {
	alarms := application(t).resources("AWS::CloudWatch::Alarm")
	body, err := os.ReadFile("../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	if said := fmt.Sprintf("%d alarms x $0.10", len(alarms)); !strings.Contains(string(body), said) {
		t.Errorf("docs/cost.md does not say %q", said)
	}
	for _, r := range alarms {
		if a := ruleOf(t, r); a.n*a.period > 24*60 || math.Mod(float64(a.period), 1) != 0 {
			t.Errorf("%s looks at %d minutes; maximum is a day", r.name, a.n*a.period)
		}
	}
}
