package spelling_test

import (
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/view/spelling"
)

func TestNearest(t *testing.T) {
	known := []string{"type", "time", "data", "source", "id"}
	for word, want := range map[string]string{
		"tpye": "type", "Type": "type", "dta": "data", "sorce": "source", "scourse": "source", "data": "data",
		"name": "", "rate": "", "ids": "", "x": "", "": "", "sourcesources": "",
	} {
		if got := spelling.Nearest(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"count", "sum"}
	if got, want := spelling.Suggest("summ", "aggregates", known), `did you mean "sum"?`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := spelling.Suggest("total", "aggregates", known), "the aggregates are count, sum"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A message repeats at most 60 characters, and never cuts a character.
func TestShorten(t *testing.T) {
	if got, want := spelling.Shorten(strings.Repeat("é", 60)), strings.Repeat("é", 60); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := spelling.Shorten(strings.Repeat("é", 61)), strings.Repeat("é", 60)+"..."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
