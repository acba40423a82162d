package view_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/view"
)

// TestEncodeKeyGolden checks bytes that must never change, since items are stored under them.
func TestEncodeKeyGolden(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	hash := func(key string) string { h := sha256.Sum256([]byte(key)); return string(h[:16]) }
	for _, c := range []struct {
		name   string
		values []string
		want   string
	}{
		{"no field", nil, ""},
		{"an empty value", []string{""}, "\x00"},
		{"values behind their lengths", []string{"a", "", "/über"}, "\x01a\x00\x06/über"},
		{"127 bytes", []string{x(127)}, "\x7f" + x(127)},
		{"128 bytes", []string{x(128)}, "\x80\x01" + x(128)},
		{"815 bytes encoded", []string{x(813)}, "\xad\x06" + x(813)},
		{"816 bytes encoded, as many as a shortened key", []string{x(814)}, "\xae\x06" + x(798) + hash("\xae\x06"+x(814))},
		{"817 bytes encoded", []string{x(815)}, "\xaf\x06" + x(815)},
		{"900 bytes encoded", []string{x(898)}, "\x82\x07" + x(898)},
		{"901 bytes encoded", []string{x(899)}, "\x83\x07" + x(798) + hash("\x83\x07"+x(899))},
		{"two values, 901 bytes encoded", []string{"a", x(897)}, "\x01a\x81\x07" + x(796) + hash("\x01a\x81\x07"+x(897))},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := view.EncodeKey(c.values); string(got) != c.want {
				t.Errorf("key is %x, want %x", string(got), c.want)
			}
		})
	}
	t.Run("3 KB", func(t *testing.T) {
		key := string(view.EncodeKey([]string{x(3000)}))
		if got := hex.EncodeToString([]byte(key[800:])); len(key) != 816 || got != "7652b3f365fcbabeda4784b946b4c165" {
			t.Errorf("the key has %d bytes and ends in %s", len(key), got)
		}
	})
}

// drawKey draws similar values: made of few letters, which can be read as lengths too, and of lengths near the limits.
func drawKey(t *rapid.T, label string) []string {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
		length := rapid.SampledFrom([]int{0, 1, 2, 3, 97, 98, 127, 128, 797, 798, 799, 813, 897, 898, 899, 3000}).Draw(t,
			"length")
		end := rapid.SampledFrom([]string{"", "\x00", "\x01", "a", "\x01a", "b"}).Draw(t, "end")
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

func TestEncodeKeyBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if key := view.EncodeKey(drawKey(t, "values")); len(key) > 900 {
			t.Fatalf("a key of %d bytes", len(key))
		}
	})
}

// TestShortenedKeyIsNobodyElses checks that a value that imitates the end of a shortened key does not get that key.
func TestShortenedKeyIsNobodyElses(t *testing.T) {
	first := strings.Repeat("x", 798) // 800 bytes when encoded, which is all that a shortened key keeps
	for n := range 100_000 {
		long := []string{first, fmt.Sprint(strings.Repeat("y", 200), n)}
		key := string(view.EncodeKey(long))
		if len(key) != 816 {
			t.Fatalf("the key has %d bytes", len(key))
		}
		// The hash could be read as a value of 15 bytes.
		if key[800] == 15 {
			if string(view.EncodeKey([]string{first, key[801:]})) == key {
				t.Errorf("%x after 800 bytes is two keys", key[800:])
			}
			return
		}
	}
	t.Fatal("no hash reads as a value")
}

// TestFoldedKey checks that a fold makes the same key from an event's fields as a query makes from their texts.
func TestFoldedKey(t *testing.T) {
	set := compiled(t, hitViews()...)
	for text, value := range keyTexts {
		if value == "" {
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
		path, code := rapid.String().Draw(t, "path"), rapid.StringN(100, 400, 1200).Draw(t, "code")
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
