package view_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/view"
)

const day = 24 * time.Hour

func TestFormatWindow(t *testing.T) {
	for window, want := range map[time.Duration]string{
		time.Second: "PT1S", 90 * time.Second: "PT1M30S", 5 * time.Minute: "PT5M", time.Hour: "PT1H",
		36 * time.Hour: "P1DT12H", day: "P1D", 366 * day: "P366D",
		time.Hour + time.Second: "PT1H1S", 0: "PT0S",
	} {
		if got := view.FormatWindow(window); got != want {
			t.Errorf("%s: got %s, want %s", window, got, want)
		}
	}
}
