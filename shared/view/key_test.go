package view_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/view"
)

// TestEncodeKeyGolden checks bytes that must never change, since items are stored under them.
func TestEncodeKeyGolden(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []string
		want   string
	}{
		{"no field", nil, ""},
		{"an empty value", []string{""}, "\x00"},
		{"values before a byte 0 each", []string{"a", "", "/über"}, "a\x00\x00/über\x00"},
		{"bytes that stand for something else", []string{"\x00", "\x01a\x02", "\x00\x01"},
			"\x01\x01\x00\x01\x02a\x02\x00\x01\x01\x01\x02\x00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := view.EncodeKey(c.values); string(got) != c.want {
				t.Errorf("key is %x, want %x", string(got), c.want)
			}
		})
	}
}

// drawKey draws similar values: made of few bytes, some of which are escaped, and of lengths near the limit.
func drawKey(t *rapid.T, label string) []string {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
		length := rapid.SampledFrom([]int{0, 1, 2, 3, 898, 899, 900, 3000}).Draw(t,
			"length")
		end := rapid.SampledFrom([]string{"", "\x00", "\x01", "\x02", "a", "\x01a", "\x00\xff", "b", "\xff"}).Draw(t, "end")
		return strings.Repeat("a", length) + end
	}), 0, 3).Draw(t, label)
}

func TestEncodeKeyInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawKey(t, "a"), drawKey(t, "b")
		if same := view.EncodeKey(a) == view.EncodeKey(b); same != slices.Equal(a, b) {
			t.Fatalf("%.40q and %.40q: same key %v", a, b, same)
		}
	})
}

// TestKeysAreInTheOrderOfTheirValues checks that the keys of a directory can be listed in order.
func TestKeysAreInTheOrderOfTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawKey(t, "a"), drawKey(t, "b")
		if got := strings.Compare(string(view.EncodeKey(a)), string(view.EncodeKey(b))); got != slices.Compare(a, b) {
			t.Fatalf("keys of %.40q and %.40q compare as %d", a, b, got)
		}
	})
}

// TestKeyPrefix checks that exactly the keys with the first values, and the text at the beginning of the next one,
// begin with the prefix.
func TestKeyPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values, key := drawKey(t, "values"), drawKey(t, "key")
		if rapid.Bool().Draw(t, "alike") {
			key = append(slices.Clone(values), key...)
		}
		text := rapid.SampledFrom([]string{"", "\x00", "\x01", "a", "aa", "\xff"}).Draw(t, "text")
		n := len(values)
		want := len(key) > n && slices.Equal(key[:n], values) && strings.HasPrefix(key[n], text) ||
			text == "" && slices.Equal(key, values)
		if got := strings.HasPrefix(string(view.EncodeKey(key)), string(view.KeyPrefix(values, text))); got != want {
			t.Fatalf("%.40q begins with %.40q and %q: %v", key, values, text, got)
		}
	})
}

// TestKeyIsTooLong checks the last key that a view takes, and the first one that it skips, at the field that makes it
// too long.
func TestKeyIsTooLong(t *testing.T) {
	set := compiled(t, hitViews()...)
	for _, c := range []struct {
		name       string
		path, code int // bytes
		skipped    string
	}{
		{name: "900 bytes", path: 895, code: 3},
		{name: "901 bytes", path: 896, code: 3, skipped: "key.code"},
		{name: "the first field alone", path: 900, code: 3, skipped: "key.path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, code := strings.Repeat("p", c.path), strings.Repeat("4", c.code)
			b := scanned(t, set, []hit{{kind: `"hit"`, path: quoted(path), code: quoted(code), x: "1"}})
			d := set.Programs[1].NewDelta()
			d.Fold(b, allRows(b))
			if key := view.EncodeKey([]string{path, code}); (len(key) > view.MaxValues) != (c.skipped != "") {
				t.Fatalf("the key has %d bytes", len(key))
			}
			want := []view.Skip(nil)
			if c.skipped != "" {
				want = []view.Skip{{Name: c.skipped, Reason: aggregate.TooLarge, Events: 1}}
			}
			got := d.Skips()
			for i := range got {
				got[i].Place, got[i].Source, got[i].ID = view.Place{}, "", ""
			}
			if !slices.Equal(got, want) || d.Counts().Skipped != int64(len(want)) {
				t.Errorf("skipped %+v, counts %+v; want %+v", got, d.Counts(), want)
			}
		})
	}
}

// TestFoldedKey checks that a fold makes the same key from an event's fields as a query makes from their texts.
func TestFoldedKey(t *testing.T) {
	set := compiled(t, hitViews()...)
	for text, value := range keyTexts {
		if value == "" || len(view.EncodeKey([]string{value, "404"})) > view.MaxValues {
			continue
		}
		t.Run(fmt.Sprintf("%.20q", text), func(t *testing.T) {
			for _, h := range []hit{
				{kind: `"hit"`, path: text, code: "404", x: "1"}, {kind: `"hit"`, path: `"/"`, code: text, x: "1"},
			} {
				b := scanned(t, set, []hit{h})
				d := set.Programs[1].NewDelta()
				d.Fold(b, allRows(b))
				want := view.EncodeKey([]string{value, "404"})
				if h.path == `"/"` {
					want = view.EncodeKey([]string{"/", value})
				}
				for page := range d.Pages() {
					if page.Key != want {
						t.Errorf("folded under %.40q, asked under %.40q", page.Key, want)
					}
				}
				if d.Counts() != (view.Counts{Folded: 1}) {
					t.Errorf("counts are %+v", d.Counts())
				}
			}
		})
	}
}

func TestFoldedKeyOfAnyText(t *testing.T) {
	set := compiled(t, hitViews()...)
	rapid.Check(t, func(t *rapid.T) {
		path, code := rapid.String().Draw(t, "path"), rapid.StringN(100, 200, 400).Draw(t, "code")
		b := scanned(t, set, []hit{{kind: `"hit"`, path: quoted(path), code: quoted(code), x: "1"}})
		d := set.Programs[1].NewDelta()
		d.Fold(b, allRows(b))
		want := view.EncodeKey([]string{path, code})
		for page := range d.Pages() {
			if page.Key != want {
				t.Fatalf("folded under %q, asked under %q", page.Key, want)
			}
		}
		if d.Counts() != (view.Counts{Folded: 1}) {
			t.Fatalf("counts are %+v", d.Counts())
		}
	})
}

// TestKeyWithoutFields checks that a view without key fields has one row per window.
func TestKeyWithoutFields(t *testing.T) {
	p := windowed(t, time.Hour, "count()")
	set := compiled(t, p.Definition)
	b := scanned(t, set, []hit{{at: 0}, {at: 1}})
	d := set.Programs[0].NewDelta()
	d.Fold(b, allRows(b))
	if got := encodedPages(set.Programs[0], d); len(got) != 1 || got[0].Key != view.EncodeKey(nil) || got[0].Key != "" {
		t.Errorf("pages are %v, want one under the empty key", got)
	}
}

// TestEmptyValue checks that an empty string is a value like any other.
func TestEmptyValue(t *testing.T) {
	set := compiled(t, hitViews()...)
	b := scanned(t, set, []hit{{kind: `"hit"`, path: `""`, code: `""`, x: "1"}})
	d := set.Programs[1].NewDelta()
	d.Fold(b, allRows(b))
	for page := range d.Pages() {
		if want := view.EncodeKey([]string{"", ""}); page.Key != want {
			t.Errorf("folded under %q, asked under %q", page.Key, want)
		}
	}
	if d.Counts() != (view.Counts{Folded: 1}) {
		t.Errorf("counts are %+v", d.Counts())
	}
}
