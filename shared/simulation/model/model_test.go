package model_test

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/simulation/model"
)

// What Spin 6.5.2 prints, shortened where nothing is read.
const (
	header = `
(Spin Version 6.5.2 -- 6 December 2019)
	+ Partial Order Reduction
	+ Compression

Full statespace search for:
	never claim         	- (none specified)
	assertion violations	+
	cycle checks       	- (disabled by -DSAFETY)
	invalid end states	+

`
	full = header + `State-vector 100 byte, depth reached 58, errors: 0
     1064 states, stored
     1253 states, matched
  128.730	total actual memory usage


pan: elapsed time 0.02 seconds
`
	tooDeep   = "error: max search depth too small\n" + full
	outOfRoom = `pan: reached -DMEMLIM bound
	1.4041e+08 bytes used
hint: to reduce memory, recompile with
  -DBITSTATE # supertrace, approximation

(Spin Version 6.5.2 -- 6 December 2019)
Warning: Search not completed
	+ Partial Order Reduction

Full statespace search for:
	never claim         	- (none specified)

State-vector 124 byte, depth reached 97, errors: 0
   123632 states, stored
  133.905	total actual memory usage

pan: elapsed time 0.39 seconds
`
	stopped = `
(Spin Version 6.5.2 -- 6 December 2019)
Warning: Search not completed

Full statespace search for:

State-vector 124 byte, depth reached 106, errors: %
  1109519 states, stored
  185.125	total actual memory usage

pan: elapsed time 10.7 seconds
`
)

// refuted is the output of a search that ended at an error.
func refuted(line string) string {
	return line + "\npan: wrote boundary.pml.trail\n" + strings.Replace(stopped, "%", "1", 1)
}

func TestParse(t *testing.T) {
	small := model.Result{States: 1064, Depth: 58, Megabytes: 128.73, Elapsed: 20 * time.Millisecond}
	found := model.Result{Verdict: model.Refuted, States: 1109519, Depth: 106, Megabytes: 185.125,
		Elapsed: 10700 * time.Millisecond}
	with := func(r model.Result, verdict model.Verdict, property string) model.Result {
		r.Verdict, r.Property = verdict, property
		return r
	}
	for _, test := range []struct {
		name, output string
		want         model.Result
	}{
		{"a full search", full, with(small, model.Holds, "")},
		{"a search that was too deep", tooDeep, with(small, model.CutOff, "")},
		{"a search that lacked memory", outOfRoom, model.Result{
			Verdict: model.CutOff, States: 123632, Depth: 97, Megabytes: 133.905, Elapsed: 390 * time.Millisecond}},
		{"a search that was stopped", strings.Replace(stopped, "%", "0", 1), with(found, model.CutOff, "")},
		{"a search that does not say that it was full", strings.Replace(full, "Full statespace", "Bit statespace", 1),
			with(small, model.CutOff, "")},
		{"an assertion", refuted("pan:1: assertion violated visible (at depth 82)"), with(found, model.Refuted, "visible")},
		{"an assertion in brackets", refuted("pan:1: assertion violated (exact) (at depth 82)"),
			with(found, model.Refuted, "exact")},
		{"something that waits for ever", refuted("pan:1: invalid end state (at depth 71)"),
			with(found, model.Refuted, "rest")},
		{"an assertion of a search that was too deep as well",
			"error: max search depth too small\n" + refuted("pan:1: assertion violated once (at depth 9)"),
			with(found, model.Refuted, "once")},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := model.Parse(test.output)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, output := range map[string]string{
		"nothing":                           "",
		"a verifier that was killed":        header,
		"a model that steps out of a array": refuted("pan:1: assertion violated - invalid array index (at depth 67)"),
		"an error of another kind":          refuted("pan:1: aborting -- stack overflow"),
	} {
		if got, err := model.Parse(output); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
}

func TestInstalledNamesWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := model.Installed()
	if !errors.Is(err, model.ErrMissing) || !strings.Contains(err.Error(), "spin: ") ||
		!strings.Contains(err.Error(), "apt-get install -y spin gcc") {
		t.Errorf("error %v, want one that names spin and says how to install it", err)
	}
}

// TestConfigurations checks that the list and the model have the same mistakes, and that every mistake has a search
// that expects something of it.
func TestConfigurations(t *testing.T) {
	text, err := os.ReadFile("boundary.pml")
	if err != nil {
		t.Fatal(err)
	}
	inModel := regexp.MustCompile(`\b(?:M|E|REACH)_[A-Z_]+\b`).FindAllString(string(text), -1)
	slices.Sort(inModel)
	inModel = slices.Compact(inModel)

	var inList, names []string
	count := map[model.Verdict]int{}
	for _, c := range model.Configurations() {
		names = append(names, c.Name)
		if c.Mistake != "" {
			inList = append(inList, c.Mistake)
		}
		count[c.Expect]++
		harmless := strings.HasPrefix(c.Mistake, "E_")
		if harmless != (c.Why != "") {
			t.Errorf("%s: mistake %q, reason %q: a reason goes with a mistake that changes no answer, and only with one", c.Name,
				c.Mistake, c.Why)
		}
		if wrong := c.Mistake != "" && !harmless; wrong && c.Expect != model.Refuted || harmless && c.Expect != model.Holds {
			t.Errorf("%s: mistake %q is expected to be: %s", c.Name, c.Mistake, c.Expect)
		}
		for _, size := range strings.Fields(c.Sizes) {
			name, _, _ := strings.Cut(size, "=")
			if !regexp.MustCompile(`\b` + name + `\b`).Match(text) {
				t.Errorf("%s: the model knows no %s", c.Name, name)
			}
		}
	}
	slices.Sort(inList)
	if diff := cmp.Diff(inModel, slices.Compact(inList)); diff != "" {
		t.Errorf("mistakes in the model and in the list (-model +list):\n%s", diff)
	}
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(names) {
		t.Errorf("%d configurations have %d names", len(names), n)
	}
	if count[model.Holds] < 6 || count[model.Refuted] < 12 {
		t.Errorf("expectations %v, want at least 6 that hold and 12 that are refuted", count)
	}
}
