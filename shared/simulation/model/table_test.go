package model_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/simulation/model"
)

// verdicts gives every configuration the verdict that its name says, and remembers the folders it was given.
func verdicts(folders *[]string) func(context.Context, string, model.Configuration) (model.Result, error) {
	return func(_ context.Context, folder string, c model.Configuration) (model.Result, error) {
		*folders = append(*folders, folder)
		if c.Name == "fails" {
			return model.Result{}, errors.New("it fails")
		}
		return model.Result{Verdict: model.Verdict(c.Name), States: 7}, nil
	}
}

func TestTable(t *testing.T) {
	holds := model.Configuration{Name: "holds", Expect: model.Holds}
	refuted := model.Configuration{Name: "refuted", Expect: model.Refuted}
	for _, test := range []struct {
		name string
		run  []model.Configuration
		fail string // what the error says; empty for none
		line string
	}{
		{"all as expected", []model.Configuration{holds, refuted}, "", "2 configurations, 14 states"},
		{"holds where a refutation was expected", []model.Configuration{refuted, {Name: "holds", Expect: model.Refuted}},
			`"holds": holds, expected: refuted`, "holds, NOT AS EXPECTED"},
		{"cut off where it was to hold", []model.Configuration{{Name: "cut off", Expect: model.Holds}, holds},
			`"cut off": cut off, expected: holds`, "cut off, NOT AS EXPECTED"},
		{"cut off where a refutation was expected", []model.Configuration{{Name: "cut off", Expect: model.Refuted}},
			`"cut off": cut off, expected: refuted`, "cut off, NOT AS EXPECTED"},
		{"a check that fails", []model.Configuration{{Name: "fails", Expect: model.Refuted}, holds}, "it fails", ""},
		{"a reason", []model.Configuration{{Name: "holds", Expect: model.Holds, Why: "since it does"}}, "",
			"changes no answer: since it does"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			var folders []string
			err := model.Table{Out: &out, Check: verdicts(&folders)}.Run(t.Context(), test.run)
			if test.fail == "" && err != nil || test.fail != "" && (err == nil || !strings.Contains(err.Error(), test.fail)) {
				t.Errorf("error %v, want %q", err, test.fail)
			}
			if !strings.Contains(out.String(), test.line) {
				t.Errorf("table:\n%s\nwant in it: %s", &out, test.line)
			}
			for _, folder := range folders {
				if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is left behind: %v", folder, err)
				}
			}
		})
	}
}
