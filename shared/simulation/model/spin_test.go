//go:build spin

package model_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/simulation/model"
)

// One small world, and a mistake in it. Spin that is missing fails these tests: whoever asks for the tag means to run
// them.
const small = "REQUESTS=1 SLOTS=1 INGEST_AT_ONCE SPEED_AT_ONCE"

func check(t *testing.T, c model.Configuration) (model.Result, string, error) {
	t.Helper()
	if err := model.Installed(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	result, err := model.Check(t.Context(), folder, c)
	return result, folder, err
}

func TestCheck(t *testing.T) {
	result, _, err := check(t, model.Configuration{Name: "small", Sizes: small})
	if err != nil || result.Verdict != model.Holds || result.States < 1000 {
		t.Errorf("%+v, error %v; want that it holds, over 1,000 states or more", result, err)
	}
}

func TestCheckTellsAStory(t *testing.T) {
	c := model.Configuration{Name: "small", Sizes: small, Mistake: "M_HORIZON_BEFORE_ITEMS"}
	result, folder, err := check(t, c)
	if err != nil || result.Verdict != model.Refuted || result.Property != "visible" {
		t.Fatalf("%+v, error %v; want that visible is refuted", result, err)
	}
	story, err := model.Trace(t.Context(), folder, c)
	if err != nil || !strings.Contains(story, "batch 5: run 1 is real") || !strings.Contains(story, "counts 0 times") {
		t.Errorf("error %v, story:\n%s", err, story)
	}
}

func TestCheckOfABrokenModel(t *testing.T) {
	for name, sizes := range map[string]string{
		"too many records for the stream": "REQUESTS=2 RECORDS=1 SPEED_AT_ONCE BATCH_AT_ONCE INGEST_AT_ONCE",
		"no number":                       "REQUESTS=two",
	} {
		if result, _, err := check(t, model.Configuration{Name: name, Sizes: sizes}); err == nil ||
			!strings.Contains(err.Error(), name) {
			t.Errorf("%s: %+v, error %v; want an error that names the configuration", name, result, err)
		}
	}
}

func TestCheckNeedsItsFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "missing")
	if _, err := model.Check(t.Context(), folder, model.Configuration{Name: "small", Sizes: small}); !errors.Is(err,
		fs.ErrNotExist) {
		t.Errorf("error %v, want that the folder does not exist", err)
	}
}
