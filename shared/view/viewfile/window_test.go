package viewfile_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

const day = 24 * time.Hour

func TestWindowNotations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1s": time.Second, "90s": 90 * time.Second, "5m": 5 * time.Minute, "1h": time.Hour, "24h": day,
		"1h30m": 90 * time.Minute, "168h": 7 * day, "7d": 7 * day, "1w": 7 * day,
		"0w7d": 7 * day, "0w1d": day, "6d24h": 7 * day,
		"1d": day, "0d12h": 12 * time.Hour, "60000ms": time.Minute, "1.5h": 90 * time.Minute, "1440m": day,
		"PT1H": time.Hour, "P1D": day, "PT5M": 5 * time.Minute, "P1W": 7 * day, "P7D": 7 * day, "P0DT12H": 12 * time.Hour,
		"PT90S": 90 * time.Second, "PT1.5H": 90 * time.Minute,
	} {
		definitions, err := viewfile.Parse("v.yaml", []byte(with(windowLine, "    window: "+text)))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := definitions[0].Window; got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestWindowRefused(t *testing.T) {
	for _, text := range []string{
		"0s", "0d", "0w", "1", "w", "2w", "1w1d", "1w-1d", "1d1w", "1W", "1ww", "-1w", "1d12h", "36h", "366d", "P1DT12H",
		"P2W",
		"7h", "50m", "PT7H", "-1d", "1d-1h", "d", "1dd", "1h1d", "1 h", "1H", "0.5s", "1500ms", "366d1s", "99999999999d",
		"9999999h", "1e3s",
		"P", "PT", "P0D", "-PT1H", "P1Y", "P1M", "PT0.5S", "P367D", "P1", "PT1D", "p1d", "PT99999999999999999999H", "P1e300D",
		"PT1h",
	} {
		if definitions, err := viewfile.Parse("v.yaml", []byte(with(windowLine, `    window: "`+text+`"`))); err == nil {
			t.Errorf("%s: taken as %s", text, definitions[0].Window)
		}
	}
}

// A window can be read back from both forms in which it is written.
func TestWindowRoundTrip(t *testing.T) {
	for want := time.Second; want <= 7*day; want += time.Second {
		if want != 7*day && (want > day || day%want != 0) {
			continue
		}
		for _, text := range []string{view.FormatWindow(want), want.String()} {
			definitions, err := viewfile.Parse("v.yaml", []byte(with(windowLine, "    window: "+text)))
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if got := definitions[0].Window; got != want {
				t.Errorf("%s: got %s, want %s", text, got, want)
			}
		}
	}
}
