package viewfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// rolled is a views file whose view has key fields a and b and these roll-ups.
func rolled(rollups string) string {
	return "views:\n- name: v\n  key: {a: data.a, b: data.b}\n  window: 1h\n  aggregates: {n: count()}\n  rollups: " +
		rollups + "\n"
}

func TestParseRollups(t *testing.T) {
	for text, want := range map[string][][]string{
		"[[b], []]":               {{"b"}, {}},
		"\n  - - b\n  - - a\n":    {{"b"}, {"a"}},
		"\n  - []\n  - [ \"a\" ]": {{}, {"a"}},
	} {
		definitions, err := viewfile.Parse("v.yaml", []byte(rolled(text)))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, definitions[0].Rollups); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestParseBrokenRollups(t *testing.T) {
	const list = "rollups must be a list of lists of key fields; write for example rollups: [[status], []], " +
		"or leave it out"
	const item = "a roll-up must be a list of key fields; write for example [status], or [] for one row per window"
	const field = "a field of a roll-up must be text; write for example [status]"
	var nine []string
	for i := range 9 {
		nine = append(nine, fmt.Sprintf("[f%d]", i))
	}
	runBroken(t, []broken{
		{"empty", rolled(""), "v.yaml:6:3: " + list},
		{"no list", rolled("a"), "v.yaml:6:3: " + list},
		{"no roll-up", rolled("[]"), "v.yaml:6:3: " + list},
		{"a list of fields", rolled("[a, b]"), "v.yaml:6:13: " + item + "\nv.yaml:6:16: " + item},
		{"a mapping", rolled("[{a: b}, [c]]"), "v.yaml:6:13: " + item},
		{"a list in a list", rolled("[[[a]], [c]]"), "v.yaml:6:14: " + field},
		{"an empty field", rolled("[[a, null]]"), "v.yaml:6:17: a field of a roll-up is empty; write for example [status]"},
		{"unknown fields", rolled("[[a], [c], [a, bb]]"), `v.yaml:6:19: unknown key field "c"; the key fields are a, b` +
			"\n" + `v.yaml:6:27: unknown key field "bb"; the key fields are a, b`},
		{"a field twice", rolled("[[a, a]]"), `v.yaml:6:17: the key field "a" appears twice in this roll-up; remove one`},
		{"the full key", rolled("[[], [b, a]]"), "v.yaml:6:17: the roll-up [a, b] has all key fields, and the view keeps " +
			"these rows anyway; remove the roll-up, or leave out a field"},
		{"twice", rolled("\n  - [a]\n  - []\n  - [a]"), "v.yaml:9:5: the roll-up [a] appears twice; remove one"},
		{"too many", rolled("[" + strings.Join(nine, ", ") + "]"), "v.yaml:6:61: there are 9 roll-ups; the maximum is 8"},
		{"of a view without a key", strings.Replace(rolled("[[]]"), "{a: data.a, b: data.b}", "{}", 1),
			"v.yaml:6:13: the roll-up [] has all key fields, and the view keeps these rows anyway; remove the roll-up, or " +
				"leave out a field"},
		{"beside a key that is missing", strings.Replace(rolled("[[a]]"), "  key: {a: data.a, b: data.b}\n", "", 1),
			"v.yaml:2:3: the view has no key; write for example key: {path: data.path}, or key: {} for one row per window"},
	})
}
