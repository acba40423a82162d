package event_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
)

func TestParseTimeTable(t *testing.T) {
	for text, want := range map[string]event.Millis{
		"1970-01-01T00:00:00Z":                0,
		"2015-05-17T10:05:03Z":                1431857103000,
		"2015-05-17t10:05:03z":                1431857103000,
		"2015-05-17T10:05:03.25+02:00":        1431849903250,
		"2015-05-17T10:05:03-00:00":           1431857103000,
		"2015-05-17T10:05:03.9999999999999Z":  1431857103999,
		"2015-05-17T10:05:03.0Z":              1431857103000,
		"1969-12-31T23:59:59.9999Z":           -1,
		"1969-12-31T23:59:59.9990Z":           -1,
		"1969-12-31T23:59:59Z":                -1000,
		"2000-02-29T23:59:59+23:59":           951868799000 - 86340000,
		"0000-01-01T00:00:00Z":                -62167219200000,
		"0000-02-29T00:00:00.5Z":              -62167219200000 + 59*86400000 + 500,
		"9999-12-31T23:59:59.999Z":            253402300799999,
		"1900-03-01T00:00:00Z":                -2203891200000,
		"2024-02-29T00:00:00Z":                1709164800000,
		"2024-12-31T23:59:59.123456789-23:59": 1735689599123 + 86340000,

		// A leap second is the second after it, at the end of a month of UTC.
		"2016-12-31T23:59:60Z":      1483228800000,
		"2016-12-31t23:59:60z":      1483228800000,
		"2016-12-31T23:59:60.75Z":   1483228800750,
		"2017-01-01T00:59:60+01:00": 1483228800000,
		"2016-12-31T15:59:60-08:00": 1483228800000,
		"2017-01-01T05:29:60+05:30": 1483228800000,
		"1990-12-31T23:59:60Z":      662688000000,
		"2015-06-30T23:59:60Z":      1435708800000,
		"1972-06-30T23:59:60.999Z":  78796800999,
		"2024-02-29T23:59:60Z":      1709251200000,
		"0000-01-31T23:59:60Z":      -62167219200000 + 31*86400000,
	} {
		if got, ok := event.ParseTime([]byte(text)); !ok || got != want {
			t.Errorf("ParseTime(%q) = %d, %t; want %d", text, got, ok, want)
		}
	}
}

func TestParseTimeRefuses(t *testing.T) {
	for _, text := range []string{
		"", "2015", "2015-05-17", "2015-05-17T10:05Z", "2015-05-17T10:05:03", "2015-05-17 10:05:03Z", "2015-05-17T10:05:03ZZ",
		"2015-05-17T10:05:03Z ",
		"2015-05-17T10:05:03.Z", "2015-05-17T10:05:03,5Z", "2015-05-17T10:05:03.5", "2015-05-17T10:05:03.5x",
		"2015-05-17T10:05:03+0200",
		"2015-05-17T10:05:03+02", "2015-05-17T10:05:03+24:00", "2015-05-17T10:05:03+23:60", "2015-05-17T10:05:03*02:00",
		"2015-05-17T10:05:03+0a:00", "2015-05-17T10:05:03+00:0/", "2015-05-17T10:05:03+02-00",
		"2015-05-17T24:00:00Z", "2015-05-17T10:60:00Z", "2015-13-17T10:05:03Z",
		"2016-12-31T23:59:61Z", "2016-12-30T23:59:60Z", "2016-12-31T23:58:60Z", "2016-12-31T22:59:60Z",
		"2016-12-31T23:59:60+01:00", "2023-02-29T23:59:60Z", "2023-02-27T23:59:60Z", "9999-12-31T23:59:60Z",
		"2017-01-01T00:00:60Z", "2016-12-31T23:59:60.5+00:01", "2026-03-01T02:00:00 02:00", "2016-12-31T23:59:99Z",
		"2015-00-17T10:05:03Z", "2015-05-00T10:05:03Z",
		"2015-05-32T10:05:03Z", "2015-04-31T10:05:03Z", "2015-02-29T10:05:03Z", "1900-02-29T10:05:03Z",
		"-015-05-17T10:05:03Z", "+2015-05-17T10:05:03Z",
		"2015/05/17T10:05:03Z", "2015-05-17T10.05:03Z", "2015-05-17T10:05.03Z", "2015-05-17T1:05:03.0Z",
		"20a5-05-17T10:05:03Z", "2015-05-17T10:05:0:Z",
		"0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2015-05-17T10:05:03\x5a\x00", "20\xb05-05-17T10:05:03Z",
		"２015-05-17T10:05:03Z",
	} {
		if got, ok := event.ParseTime([]byte(text)); ok {
			t.Errorf("ParseTime(%q) = %d; want a refusal", text, got)
		}
	}
}

func TestParseInstant(t *testing.T) {
	for text, want := range map[string]string{
		"2015-05-17t10:05:03.123456789123z": "2015-05-17T10:05:03.123456789Z",
		"2015-05-17T10:05:03.0001+02:00":    "2015-05-17T08:05:03.0001Z",
		"2016-12-31T23:59:60.5Z":            "2017-01-01T00:00:00.5Z",
		"1969-12-31T23:59:59.9Z":            "1969-12-31T23:59:59.9Z",
		"9999-12-31T23:59:59.999999999Z":    "9999-12-31T23:59:59.999999999Z",
	} {
		if at, ok := event.ParseInstant(text); !ok || at.Format(time.RFC3339Nano) != want {
			t.Errorf("ParseInstant(%q) = %s, %t; want %s", text, at.Format(time.RFC3339Nano), ok, want)
		}
	}
	for _, text := range []string{"", "2015-05-17", "2015-05-17T10:05:03 02:00", "9999-12-31T23:59:59-00:01"} {
		if at, ok := event.ParseInstant(text); ok {
			t.Errorf("ParseInstant(%q) = %s", text, at)
		}
	}
}

func TestTimeFault(t *testing.T) {
	const leap, other = "has second 60, and a leap second is only at the end of a month of UTC",
		`is not an RFC 3339 time in the years 0000 to 9999; an example is "2015-05-17T10:05:03Z"`
	meant := func(time string) string {
		return `is not an RFC 3339 time in the years 0000 to 9999; did you mean "` + time + `"? Z is UTC`
	}
	for text, want := range map[string]string{
		"2016-12-30T23:59:60Z": leap, "2016-12-31T23:59:60+01:00": leap, "2016-12-31T10:10:60.5Z": leap,
		"2016-12-31T23:59:61Z": "has second 61; seconds are 00 to 59",
		"2016-12-31T23:60:61Z": "has minute 60; minutes are 00 to 59",
		"2016-12-31 24:00:00Z": "has hour 24; hours are 00 to 23",
		"2016-13-31T23:59:60Z": "has month 13; months are 01 to 12",
		"2016-00-31T23:59:59Z": "has month 00; months are 01 to 12",
		"2026-11-31":           "has day 31; 2026-11 has the days 01 to 30",
		"2026-11-31T10:05:03Z": "has day 31; 2026-11 has the days 01 to 30",
		"2015-02-29T10:05:03Z": "has day 29; 2015-02 has the days 01 to 28",
		"2016-02-30T10:05:03Z": "has day 30; 2016-02 has the days 01 to 29",
		"0000-01-00T10:05:03Z": "has day 00; 0000-01 has the days 01 to 31",
		"":                     other,
		"yesterday":            other, "9999-12-31T23:59:59-00:01": other, "28.11.2026": other, "20261128": other,
		"2026-1-31T10:05:03Z": other, "2026-11-+1T10:05:03Z": other, "2026-11-30T10:0x:03Z": other,
		"2016-12-31T23:59:60":           meant("2016-12-31T23:59:60Z"),
		"2026-11-28T10:05:03":           meant("2026-11-28T10:05:03Z"),
		"2026-11-28 10:05:03":           meant("2026-11-28T10:05:03Z"),
		"2026-11-28 10:05:03.25 UTC":    meant("2026-11-28T10:05:03.25Z"),
		"2026-11-28 10:05:03 +0100":     meant("2026-11-28T10:05:03+01:00"),
		"2026-11-28 10:05:03.123456-08": meant("2026-11-28T10:05:03.123456-08:00"),
		"2026-11-28T10:05":              meant("2026-11-28T10:05:00Z"),
		"2026-11-28T10:05Z":             meant("2026-11-28T10:05:00Z"),
		"2026-11-28":                    meant("2026-11-28T00:00:00Z"),
		"1795860303":                    meant("2026-11-28T10:05:03Z"),
		"1795860303250":                 meant("2026-11-28T10:05:03.25Z"),
	} {
		if got := event.TimeFault([]byte(text)); got != want {
			t.Errorf("%q %s, want %s", text, got, want)
		}
	}
}

// oracle is the standard library's strict parser of RFC 3339. Unlike ParseTime, it accepts only capital letters, and it
// also accepts offsets of hour 24 and minute 60, and instants outside the years 0000 to 9999. It accepts no
// leap second.
func oracle(text string) (event.Millis, bool) {
	if strings.Index(text, ":60") == len("2016-12-31T23:59") {
		before, ok := oracle(text[:len("2016-12-31T23:59:")] + "59" + text[len("2016-12-31T23:59:60"):])
		after := before.Add(time.Second)
		y, m, d := after.Time().Date()
		midnight := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		return after, ok && d == 1 && after.Time().Sub(midnight) < time.Second && after.Time().Year() < 10_000
	}
	if n := len(text); n > 6 && (text[n-6] == '+' || text[n-6] == '-') && (text[n-5:n-3] == "24" || text[n-2:] == "60") {
		return 0, false
	}
	var parsed time.Time
	if err := parsed.UnmarshalText([]byte(strings.ToUpper(text))); err != nil {
		return 0, false
	}
	year := parsed.UTC().Year()
	return event.MillisOf(parsed), year >= 0 && year <= 9999
}

func checkTime(t interface {
	Helper()
	Errorf(string, ...any)
}, text string) {
	t.Helper()
	got, ok := event.ParseTime([]byte(text))
	want, wantOK := oracle(text)
	if ok != wantOK || ok && got != want {
		t.Errorf("ParseTime(%q) = %d, %t; the oracle says %d, %t", text, got, ok, want, wantOK)
	}
}

func TestParseTimeAgreesWithStandardLibrary(t *testing.T) {
	for day := time.Date(0, 1, 1, 23, 59, 59, 0, time.UTC); day.Year() < 10_000; day = day.AddDate(0, 0, 29) {
		checkTime(t, day.Format(time.RFC3339))
	}
	rapid.Check(t, func(t *rapid.T) {
		digit := func(max int, name string) string {
			return rapid.StringMatching(`[0-`+string(rune('0'+max))+`][0-9]`).Draw(t, name)
		}
		text := rapid.StringMatching(`[0-9]{4}`).Draw(t, "year") + "-" + digit(1, "month") + "-" + digit(3, "day") + "T" + digit(2, "hour") + ":" +
			digit(6, "minute") + ":" + digit(6, "second") + rapid.StringMatching(`(\.[0-9]{0,12})?(Z|[+-][0-2][0-9]:[0-6][0-9])`).Draw(t, "rest")
		checkTime(t, text)
	})
}

func FuzzParseTime(f *testing.F) {
	for _, text := range []string{"2015-05-17T10:05:03Z", "2015-05-17t10:05:03.123456789+23:59",
		"0000-02-29T00:00:00-00:01", "9999-12-31T23:59:60Z", "2017-01-01T00:59:60.5+01:00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ToUpper(text) != strings.Map(upperASCII, text) {
			t.Skip("a letter that only becomes ASCII as a capital")
		}
		checkTime(t, text)
	})
}

func upperASCII(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r - 'a' + 'A'
	}
	return r
}
