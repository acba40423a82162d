package viewfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/view/viewfile"
)

const tooDeep = "lists, maps and macros are nested too deeply here; the maximum is 16 levels, " +
	"of which map and filter take two"

// TestRefusedInputs reads wrong files of users, and files that try to do harm. The expected problem is beside each
// file.
func TestRefusedInputs(t *testing.T) {
	for name, want := range map[string][]string{
		"text_doubled_41_times": {"7:102: " + tooDeep},
		"list_doubled_59_times": {"7:109: " + tooDeep},
		"list_nested_133_times": {"7:75: " + tooDeep},
		"no_break_space":        {"3:18: a no-break space (U+00A0) stands here; write an ordinary space"},
		"bare_words": {
			`51:13: unknown attribute "host"; did you mean data.host? An extension attribute is written ext.host`,
			`58:13: the event has no name in an expression; write data.host without event`,
			`63:30: - subtracts here; write data["retry-count"] for a field with a hyphen, or data.count for another field`,
		},
		"hyphens_and_windows": {
			`6:14: - subtracts here; write data["user-agent"] for a field with a hyphen, or data.agent for another field`,
			`10:15: - subtracts here; write data["cpu-usage"] for a field with a hyphen, or data.usage for another field`,
			`28:13: a window longer than a day must be a week; write 1d or 1w, and add up the rows of an answer`,
		},
		"two_problems": {
			`2:11: "V" cannot be the name of a view; write a letter a-z, then up to 62 of a-z, 0-9 and _`,
			`4:13: "x" is not a duration; write for example 30s, 5m, 1h, 1d, 1w or PT1H, P1W`,
			`6:10: unknown aggregate "nope"; the aggregates are count, distinct, first, last, max, mean, min, ` +
				`quantiles, rate, stddev, sum, top, variance`,
		},
	} {
		file := filepath.Join("testdata", "refused", name+".yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = viewfile.Parse(name, text)
		var problems viewfile.Problems
		if !errors.As(err, &problems) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.ReplaceAll(problems.Error(), name+":", ""); got != strings.Join(want, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, strings.Join(want, "\n"))
		}
	}
}

// TestReadInputs reads valid files.
func TestReadInputs(t *testing.T) {
	files, err := filepath.Glob("testdata/read/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := viewfile.Parse(file, text); err != nil {
			t.Error(err)
		}
	}
}

// TestCompilesSoon checks that expressions that grow when they are compiled are read or refused soon. A second is far
// more than any needs, and far less than they took without a bound.
func TestCompilesSoon(t *testing.T) {
	repeat := strings.Repeat
	for name, where := range map[string]string{
		"lists of lists":         repeat("[", 200) + "1" + repeat("]", 200) + " == data.a",
		"maps of maps":           repeat(`{"a":`, 200) + "1" + repeat("}", 200) + " == data.a",
		"lists within filter":    "[1]" + repeat(".filter(x, [x] != [])", 80) + ".size() > 0",
		"lists within map":       "[1]" + repeat(".map(x,[x,x])", 120) + ".size() > 0",
		"maps within map":        "[1]" + repeat(`.map(x,{"a":x})`, 100) + ".size() > 0",
		"exists within exists":   repeat("data.l.exists(x, ", 90) + "true" + repeat(")", 90),
		"all within exists_one":  repeat("data.l.exists_one(x, data.l.all(y, ", 45) + "true" + repeat("))", 45),
		"choices within choices": repeat("(data.a ? ", 120) + "true" + repeat(" : false)", 120),
		"choices of lists":       "(" + repeat("data.a ? [[1]] : ", 110) + "[[2]]).size() > 0",
		"parentheses":            repeat("(", 240) + "data.a" + repeat(")", 240),
		"negations":              repeat("!", 240) + "data.a",
		"many conditions":        "data.a" + repeat(" && data.a", 180),
		"a long sum":             "data.a" + repeat(" + data.a", 180) + " > 1",
		"a long path":            "data" + repeat(".a", 900),
		"many elements":          "data.a in [1" + repeat(",1", 900) + "]",
		"repeated patterns":      `data.a.matches("((((a{99}){99}){99}){99})")`,
		"a large pattern":        `data.a.matches("` + repeat("(a|b)*", 300) + `")`,
		"many patterns":          `data.a.matches("a{500}")` + repeat(` || data.a.matches("a{500}")`, 60),
	} {
		began := time.Now()
		_, err := viewfile.Parse("v.yaml", []byte(with(whereLine, "    where: '"+where+"'")))
		var problems viewfile.Problems
		if err != nil && !errors.As(err, &problems) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}
