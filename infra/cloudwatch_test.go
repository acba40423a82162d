package infra_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// State is the state of an alarm.
type state string

const (
	okay         state = "OK"
	alarmed      state = "ALARM"
	insufficient state = "INSUFFICIENT_DATA"
	retained     state = "" // the state stays as it is
)

// none is a data point that is missing.
var none = math.NaN()

// rule is the definition of an alarm on one metric, with the comparison GreaterThanThreshold.
type rule struct {
	statistic string  // Sum or Maximum
	period    int     // minutes
	n, m      int     // EvaluationPeriods and DatapointsToAlarm
	threshold float64 // a data point above it is breaching
	missing   string  // TreatMissingData
}

// ruleOf reads the definition of an alarm.
func ruleOf(t testing.TB, r resource) rule {
	t.Helper()
	want(t, r.name+": comparison", r.property("ComparisonOperator"), "GreaterThanThreshold")
	a := rule{
		statistic: text(r.property("Statistic")), period: number(t, r.property("Period")) / 60,
		n: number(t, r.property("EvaluationPeriods")), threshold: float64(number(t, r.property("Threshold"))),
		missing: text(r.property("TreatMissingData")),
	}
	if a.m = a.n; r.property("DatapointsToAlarm") != nil {
		a.m = number(t, r.property("DatapointsToAlarm"))
	}
	return a
}

// point returns the data point of a period from the values of its minutes.
func (a rule) point(values []float64) float64 {
	point := none
	for _, v := range values {
		switch {
		case math.IsNaN(v):
		case math.IsNaN(point):
			point = v
		case a.statistic == "Sum":
			point += v
		default:
			point = max(point, v)
		}
	}
	return point
}

// evaluate returns the state that follows from the data points of the evaluation range, the newest last.
//
// Source: Amazon CloudWatch User Guide, Configuring how CloudWatch alarms treat missing data. Where its tables and its
// text differ, this follows the tables.
func (a rule) evaluate(points []float64) state {
	var breaching []bool // of the data points that exist, the newest first
	oldest := 0          // how many periods ago the oldest of them is; 1: it is the newest of the range
	for i, p := range slices.Backward(points) {
		if !math.IsNaN(p) {
			breaching, oldest = append(breaching, p > a.threshold), len(points)-i
		}
	}
	if len(breaching) >= a.n {
		return a.decide(count(breaching[:a.n]))
	}
	filled := a.n - len(breaching)
	switch a.missing {
	case "breaching":
		return a.decide(count(breaching) + filled)
	case "notBreaching":
		return a.decide(count(breaching))
	}
	switch keeps := a.missing == "ignore"; {
	case len(breaching) == 0 && keeps:
		return retained
	case len(breaching) == 0:
		return insufficient
	case count(breaching) >= a.m:
		return alarmed
	case count(breaching) < len(breaching):
		return okay
	case oldest < a.m || keeps: // too early to tell: the next data point may be a good one
		return retained
	}
	return alarmed // "premature alarm state": all data points are breaching, and the oldest is old enough
}

func (a rule) decide(breaching int) state {
	if breaching >= a.m {
		return alarmed
	}
	return okay
}

func count(breaching []bool) (n int) {
	for _, b := range breaching {
		if b {
			n++
		}
	}
	return n
}

// play returns the state after each minute, for values of a metric by minute. CloudWatch looks at more periods than the
// alarm has, and does not say at how many.
func (a rule) play(values []float64, more int) []state {
	now, states := insufficient, make([]state, len(values))
	for minute := range values {
		points := make([]float64, a.n+more)
		for i := range points {
			end := minute + 1 - (len(points)-1-i)*a.period
			points[i] = a.point(values[max(0, end-a.period):max(0, end)])
		}
		if next := a.evaluate(points); next != retained {
			now = next
		}
		states[minute] = now
	}
	return states
}

// TestEvaluate holds the evaluation to the two tables of the user guide: X is a breaching data point, 0 another one,
// and - a missing one.
func TestEvaluate(t *testing.T) {
	for _, c := range []struct {
		m                                        int
		points                                   string
		missing, ignore, breaching, notBreaching state
	}{
		{3, "0-X-X", okay, okay, okay, okay},
		{3, "0----", okay, okay, okay, okay},
		{3, "-----", insufficient, retained, alarmed, okay},
		{3, "0XX-X", alarmed, alarmed, alarmed, alarmed},
		{3, "--X--", alarmed, retained, alarmed, okay},
		{3, "---X-", retained, retained, alarmed, okay}, // in the text below the tables, like the next two
		{3, "----X", retained, retained, alarmed, okay},
		{3, "--X-0", okay, okay, okay, okay},
		{2, "0-X-X", alarmed, alarmed, alarmed, alarmed},
		{2, "00X0X", alarmed, alarmed, alarmed, alarmed},
		{2, "0-X--", okay, okay, alarmed, okay},
		{2, "----0", okay, okay, alarmed, okay},
		{2, "---X-", alarmed, retained, alarmed, okay},
	} {
		points := make([]float64, len(c.points))
		for i, p := range c.points {
			points[i] = map[rune]float64{'0': 0, 'X': 1, '-': none}[p]
		}
		for missing, wanted := range map[string]state{
			"missing": c.missing, "ignore": c.ignore, "breaching": c.breaching, "notBreaching": c.notBreaching,
		} {
			if got := (rule{n: 3, m: c.m, missing: missing}).evaluate(points); got != wanted {
				t.Errorf("%d of 3, %s, %s: %q, want %q", c.m, c.points, missing, got, wanted)
			}
		}
	}
}

// TestPoint checks the statistics of a period, and that a period without values has no data point.
func TestPoint(t *testing.T) {
	for statistic, wanted := range map[string]string{"Sum": "6", "Maximum": "4"} {
		a := rule{statistic: statistic}
		if got := fmt.Sprint(a.point([]float64{none, 2, 4, none})); got != wanted {
			t.Errorf("%s is %s, want %s", statistic, got, wanted)
		}
		if got := fmt.Sprint(a.point([]float64{none, none})); !strings.Contains(got, "NaN") {
			t.Errorf("%s of nothing is %s", statistic, got)
		}
	}
}
