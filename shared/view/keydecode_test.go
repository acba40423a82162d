package view_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/view"
)

func TestDecodeKey(t *testing.T) {
	for _, c := range []struct {
		name string
		key  view.Key
		want []string
		ok   bool
	}{
		{"no field", "", nil, true},
		{"an empty value", "\x00", []string{""}, true},
		{"values", "a\x00\x00/über\x00", []string{"a", "", "/über"}, true},
		{"escaped bytes", "\x01\x01\x00\x01\x02\x00", []string{"\x00", "\x01"}, true},
		{"no key: a value without an end", "a\x00b", []string{"a"}, false},
		{"no key: half an escape", "a\x00\x01", []string{"a"}, false},
		{"no key: an escaped letter", "a\x00\x01a\x00", []string{"a"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := view.DecodeKey(c.key)
			if diff := cmp.Diff(c.want, got); diff != "" || ok != c.ok {
				t.Errorf("ok is %v, values (-want +got): %s", ok, diff)
			}
		})
	}
}

func TestDecodeKeyOfAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := drawKey(t, "values")
		if got, ok := view.DecodeKey(view.EncodeKey(values)); !ok || !slices.Equal(got, values) {
			t.Fatalf("%q came back as %q, ok %v", values, got, ok)
		}
	})
}

// FuzzDecodeKey checks that any bytes can be decoded, and that a key has one encoding.
func FuzzDecodeKey(f *testing.F) {
	for _, seed := range []string{"", "\x00", "a\x00/über\x00", "\x01\x01\x00", "\x01\x03\x00", "\xff", "a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		values, ok := view.DecodeKey(view.Key(key))
		if again := view.EncodeKey(values); ok != (string(again) == key) {
			t.Errorf("%q reads as %q, ok %v, which encodes to %q", key, values, ok, again)
		}
	})
}
