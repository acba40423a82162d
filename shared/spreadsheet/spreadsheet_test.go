package spreadsheet_test

import (
	"testing"

	"github.com/anabranch/anabranch/shared/spreadsheet"
)

func TestAsText(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "a", "1=1": "1=1", "é": "é", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "'a": "''a",
		"\ta": "'\ta", "\ra": "'\ra", "\na": "'\na",
	} {
		if got := spreadsheet.AsText(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
