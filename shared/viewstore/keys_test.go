package viewstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// TestShardsGolden checks shards that must never change, since items are stored under them.
func TestShardsGolden(t *testing.T) {
	for key, want := range map[view.Key]int{"": 5, "a\x00": 4, "/\x00GET\x00": 2, "b\x00": 15} {
		if got := viewstore.ShardOf(key); got != want {
			t.Errorf("%q is in shard %d, want %d", key, got, want)
		}
	}
	var keys [viewstore.Shards]int
	for n := range 16_000 {
		keys[viewstore.ShardOf(view.EncodeKey([]string{fmt.Sprint("/path/", n)}))]++
	}
	for shard, n := range keys {
		if n < 800 || n > 1200 {
			t.Errorf("shard %d has %d of 16,000 keys", shard, n)
		}
	}
}

// TestLiveGolden checks bytes that must never change. An item of live keys is named after them.
func TestLiveGolden(t *testing.T) {
	keys := []view.Key{"a\x00", "", view.Key(strings.Repeat("x", 200))}
	encoded := viewstore.EncodeLive(keys)
	if want := "\x01\x02a\x00\x00\xc8\x01" + strings.Repeat("x", 200); string(encoded) != want {
		t.Errorf("encoded as %q, want %q", encoded, want)
	}
	item := viewstore.LiveKeys{Set: "s", Slot: 1, Keys: []view.Key{"a\x00"}}
	if got := fmt.Sprintf("%x", item.Name()); got != "204533efd7dc10c8fe1ada1f35b19e9c" {
		t.Errorf("the name is %s", got)
	}
}

func TestLiveOfAnyKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var keys []view.Key
		size := 0
		for _, text := range rapid.SliceOf(rapid.String()).Draw(t, "keys") {
			keys = append(keys, view.Key(text))
			size += viewstore.LiveBytes(view.Key(text))
		}
		encoded := viewstore.EncodeLive(keys)
		got, err := viewstore.DecodeLive(encoded)
		if err != nil || !slices.Equal(got, keys) || len(encoded) > size+1 {
			t.Fatalf("%q came back as %q in %d bytes of %d, %v", keys, got, len(encoded), size, err)
		}
	})
}

func FuzzDecodeLive(f *testing.F) {
	for _, seed := range []string{
		"", "\x00", "\x01", "\x01\x02a\x00", "\x01\x02a", "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := viewstore.DecodeLive(b)
		if err == nil && len(viewstore.EncodeLive(keys)) > len(b) {
			t.Errorf("%q reads as %q, which encodes to more", b, keys)
		}
	})
}
