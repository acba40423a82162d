package view_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/view"
)

func TestDecodeKey(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		name  string
		key   view.Key
		want  []string
		whole bool
	}{
		{"no field", "", nil, true},
		{"an empty value", "\x00", []string{""}, true},
		{"values behind their lengths", "\x01a\x00\x06/über", []string{"a", "", "/über"}, true},
		{"900 bytes", view.EncodeKey([]string{x(898)}), []string{x(898)}, true},
		{"shortened", view.EncodeKey([]string{"a", x(3000)}), []string{"a", x(796)}, false},
		{"shortened right behind a value", view.EncodeKey([]string{x(798), x(200)}), []string{x(798)}, false},
		{"shortened in a length", view.EncodeKey([]string{x(797), x(200)}), []string{x(797)}, false},
		{"shortened within a character of two bytes", view.EncodeKey([]string{strings.Repeat("ü", 500)}),
			[]string{strings.Repeat("ü", 399)}, false},
		{"the same, a byte later", view.EncodeKey([]string{"x" + strings.Repeat("ü", 500)}),
			[]string{"x" + strings.Repeat("ü", 398)}, false},
		{"within one of four", view.EncodeKey([]string{"x" + strings.Repeat("𝄞", 500)}),
			[]string{"x" + strings.Repeat("𝄞", 199)}, false},
		{"none: a length beyond the end", "\x05a", []string{"a"}, false},
		{"none: half a length", "\x01a\x80", []string{"a"}, false},
		{"none: longer than any", view.Key("\x87\x07" + x(903)), []string{x(903)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, whole := view.DecodeKey(c.key)
			if diff := cmp.Diff(c.want, got); diff != "" || whole != c.whole {
				t.Errorf("whole is %v, values (-want +got): %s", whole, diff)
			}
		})
	}
}

// TestDecodeKeyOfAny checks that a key that was not shortened is returned whole, and a shortened one as far as it was
// stored.
func TestDecodeKeyOfAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := drawKey(t, "values")
		got, whole := view.DecodeKey(view.EncodeKey(values))
		if whole {
			if !slices.Equal(got, values) {
				t.Fatalf("%q came back as %q", values, got)
			}
			return
		}
		if len(got) > len(values) {
			t.Fatalf("%d values came back as %d", len(values), len(got))
		}
		for i, value := range got {
			if value != values[i] && (i < len(got)-1 || !strings.HasPrefix(values[i], value)) {
				t.Fatalf("value %d of %q came back as %q", i, values, value)
			}
		}
	})
}

// FuzzDecodeKey checks that any bytes can be decoded. A key that is reported as whole encodes to the same bytes, unless
// a length was written in more bytes than needed.
func FuzzDecodeKey(f *testing.F) {
	for _, seed := range []string{"", "\x00", "\x01a\x06/über", "\x80\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		strings.Repeat("\x01a", 408)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		values, whole := view.DecodeKey(view.Key(key))
		bytes := 0
		for _, value := range values {
			bytes += len(value)
		}
		if bytes > len(key) {
			t.Errorf("%d bytes of values from %d", bytes, len(key))
		}
		again, wholeAgain := view.DecodeKey(view.EncodeKey(values))
		if whole && wholeAgain && !slices.Equal(values, again) {
			t.Errorf("%q came back as %q", values, again)
		}
		if whole && len(view.EncodeKey(values)) > len(key) {
			t.Errorf("%q encodes to more than it was read from", values)
		}
	})
}
