package viewfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
			`6:10: unknown aggregate "nope"; the aggregates are count, max, mean, min, sum`,
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
