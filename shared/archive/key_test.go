package archive_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
)

// request is the ULID of the examples, made at 2026-07-22T15:58:33.565Z.
func request(t *testing.T) ulid.ULID {
	t.Helper()
	id, err := ulid.ParseStrict("01KY58SNJXZ0W6V3T5YJ9K4M2N")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestGoldenKeys never changes: archives hold objects under these keys.
func TestGoldenKeys(t *testing.T) {
	id := request(t)
	s := slot.Slot(time.Date(2026, 11, 22, 21, 15, 0, 0, time.UTC).UnixMilli())
	const sequence = event.Sequence("49546986683135544286507457936321625675700192471156785154")
	for _, test := range []struct {
		name      string
		got, want archive.Key
	}{
		{"layout", archive.LayoutKey(1), "events/_layouts/1.json"},
		{"layout 12", archive.LayoutKey(12), "events/_layouts/12.json"},
		{"slot", archive.SlotKey(s), "events/dt=2026-11-22/slot=211500/"},
		{"slot before 1970", archive.SlotKey(-1000), "events/dt=1969-12-31/slot=235959/"},
		{"events", archive.EventsKey(s, id), "events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst"},
		{"rejected", archive.RejectedKey(id), "rejected/dt=2026-07-22/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst"},
		{"set aside", archive.SetAsideKey("1.4.2", sequence), "setaside/key=312e342e32/" + archive.Key(sequence) + ".json"},
		{"manifest", archive.ManifestKey(7, id), "runs/000000000007/01KY58SNJXZ0W6V3T5YJ9K4M2N/manifest.json"},
		{"identities", archive.IdentitiesKey(7, id), "runs/000000000007/01KY58SNJXZ0W6V3T5YJ9K4M2N/identities"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q, want %q", test.name, test.got, test.want)
		}
	}
}

// TestIsOfRun checks that only the keys of manifests and identities belong to a run.
func TestIsOfRun(t *testing.T) {
	id := request(t)
	for key, want := range map[archive.Key]bool{
		archive.ManifestKey(7, id): true, archive.IdentitiesKey(7, id): true,
		archive.LayoutKey(1): false, archive.EventsKey(0, id): false, archive.RejectedKey(id): false,
		archive.SetAsideKey("runs/", "1"): false, "": false,
	} {
		if got := key.IsOfRun(); got != want {
			t.Errorf("%q: %t, want %t", key, got, want)
		}
	}
}

// TestSetAsideKeyStaysShortAndApart checks the keys of records with foreign partition keys. Such a partition key may
// have any bytes, and up to 1,024. A file name has at most 255 bytes, an S3 key 1,024.
func TestSetAsideKeyStaysShortAndApart(t *testing.T) {
	long := strings.Repeat("\u00e4", 128)
	seen := map[archive.Key]string{}
	for _, partitionKey := range []string{
		"", "a", "/", "../..", "\x00\xff", long[:63], long[:64], long[:65], long[:66], long, long + "a", long + "b",
		strings.Repeat("\U0001f600", 256),
	} {
		key := archive.SetAsideKey(partitionKey, event.Sequence(strings.Repeat("9", 129)))
		if other, ok := seen[key]; ok {
			t.Errorf("partition keys %q and %q share %s", other, partitionKey, key)
		}
		seen[key] = partitionKey
		parts := strings.Split(string(key), "/")
		if len(parts) != 3 || len(key) > 1024 || slices.ContainsFunc(parts, func(p string) bool {
			return len(p) > 255 || p == "" || p[0] == '.'
		}) {
			t.Errorf("partition key %.20q of %d bytes: %s", partitionKey, len(partitionKey), key)
		}
	}
}

func TestAfterIsTheNextKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := archive.Key(rapid.String().Draw(t, "key"))
		other := archive.Key(rapid.String().Draw(t, "other"))
		if key.After() <= key {
			t.Fatalf("%q does not come after %q", key.After(), key)
		}
		if other > key && other < key.After() {
			t.Fatalf("%q lies between %q and its After", other, key)
		}
	})
}

// arrival is a request of any time for which keys have four-digit years.
var arrival = rapid.Custom(func(t *rapid.T) ulid.ULID {
	var id ulid.ULID
	ms := rapid.Uint64Range(0, uint64(time.Date(9998, 12, 31, 23, 59, 59, 0, time.UTC).UnixMilli())).Draw(t, "ms")
	if err := id.SetTime(ms); err != nil {
		t.Fatal(err)
	}
	copy(id[6:], rapid.SliceOfN(rapid.Byte(), 10, 10).Draw(t, "entropy"))
	return id
})

// length is a slot length that a layout may have.
var length = rapid.Custom(func(t *rapid.T) slot.Length {
	d := rapid.SampledFrom([]time.Duration{time.Second, 2 * time.Second, time.Minute, 5 * time.Minute, time.Hour,
		24 * time.Hour}).Draw(t, "slot length")
	l, err := slot.NewLength(d)
	if err != nil {
		t.Fatal(err)
	}
	return l
})

func TestEventsKeyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := arrival.Draw(t, "request")
		s := length.Draw(t, "length").Of(event.Stamp{Request: id})
		key := archive.EventsKey(s, id)
		gotSlot, gotID, err := archive.ParseEventsKey(key)
		if err != nil || gotSlot != s || gotID != id {
			t.Fatalf("%s: slot %s, request %s, error %v; want %s and %s", key, gotSlot, gotID, err, s, id)
		}
		if key < archive.FirstEvent || key >= archive.EndOfEvents || key == archive.LayoutKey(1) || key < archive.SlotKey(s) {
			t.Fatalf("%s lies outside the events", key)
		}
	})
}

// TestEventsKeysSortBySlotThenRequest checks the order of the keys. This is archive order, in which the first copy of
// an event counts.
func TestEventsKeysSortBySlotThenRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := length.Draw(t, "length")
		a, b := arrival.Draw(t, "a"), arrival.Draw(t, "b")
		if rapid.Bool().Draw(t, "close together") {
			b = a
			b[rapid.IntRange(4, 15).Draw(t, "at")] ^= rapid.Byte().Draw(t, "bits")
		}
		slotA, slotB := l.Of(event.Stamp{Request: a}), l.Of(event.Stamp{Request: b})
		keyA, keyB := archive.EventsKey(slotA, a), archive.EventsKey(slotB, b)
		want := cmp.Or(cmp.Compare(slotA, slotB), a.Compare(b))
		if got := cmp.Compare(keyA, keyB); got != want {
			t.Fatalf("%s and %s compare as %d, want %d", keyA, keyB, got, want)
		}
		if slotA < slotB && keyA >= archive.SlotKey(slotB) {
			t.Fatalf("%s does not come before the slot of %s", keyA, keyB)
		}
	})
}

func TestParseEventsKeyRefusesForeignObjects(t *testing.T) {
	for name, key := range map[string]archive.Key{
		"empty":                  "",
		"layout":                 archive.LayoutKey(1),
		"another prefix":         "rejected/dt=2026-11-22/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst",
		"another suffix":         "events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.gz",
		"no slot":                "events/dt=2026-11-22/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst",
		"no request":             "events/dt=2026-11-22/slot=211500/.ndjson.zst",
		"a day that is none":     "events/dt=2026-02-30/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst",
		"an hour that is none":   "events/dt=2026-11-22/slot=241500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst",
		"a fraction of a second": "events/dt=2026-11-22/slot=211500.5/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst",
		"a comma":                "events/dt=2026-11-22/slot=211500,000/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst",
		"a folder more":          "events/dt=2026-11-22/slot=211500/x/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst",
		"lower case":             "events/dt=2026-11-22/slot=211500/01ky58snjxz0w6v3t5yj9k4m2n.ndjson.zst",
		"not Crockford's":        "events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2U.ndjson.zst",
		"above 2^128":            "events/dt=2026-11-22/slot=211500/81KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst",
		"too short":              "events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2.ndjson.zst",
		"a copy":                 "events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N (1).ndjson.zst",
	} {
		if _, _, err := archive.ParseEventsKey(key); err == nil || !strings.Contains(err.Error(), string(key)) {
			t.Errorf("%s: error %v, want one that names %q", name, err, key)
		}
	}
}

func FuzzParseEventsKey(f *testing.F) {
	f.Add("events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst")
	f.Add("events/dt=2026-11-22/slot=211500.000/01ky58snjxz0w6v3t5yj9k4m2n.ndjson.zst")
	f.Add("events/_layouts/1.json")
	f.Fuzz(func(t *testing.T, text string) {
		s, id, err := archive.ParseEventsKey(archive.Key(text))
		if err != nil {
			return
		}
		if diff := gocmp.Diff(text, string(archive.EventsKey(s, id))); diff != "" {
			t.Errorf("a key that is not written so was read (-read +written):\n%s", diff)
		}
	})
}
