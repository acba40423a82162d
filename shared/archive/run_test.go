package archive_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
)

// goldenManifest never changes: runs of this format are read for as long as there are any.
const goldenManifest = `{"version":2,"run":7,"from":1795553700000,"to":1795554000000,"late_objects":1,"objects":[` +
	`{"key":"events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst","size":1234,"lanes":[{"lane":0,"events":12},{"lane":3,"events":1}]},` +
	`{"key":"events/dt=2026-11-22/slot=212000/01KY58SNJXZ0W6V3T5YJ9K4M2P.ndjson.zst","size":0}]}`

func manifest() archive.Manifest {
	return archive.Manifest{
		Version: 2, Run: 7, From: 1795553700000, To: 1795554000000, LateObjects: 1,
		Objects: []archive.Input{
			{Object: archive.Object{Key: "events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst", Size: 1234},
				Lanes: []archive.LaneEvents{{Lane: 0, Events: 12}, {Lane: 3, Events: 1}}},
			{Object: archive.Object{Key: "events/dt=2026-11-22/slot=212000/01KY58SNJXZ0W6V3T5YJ9K4M2P.ndjson.zst"}},
		},
	}
}

func TestGoldenManifest(t *testing.T) {
	m := manifest()
	m.Version = 0 // the encoder sets it
	if diff := cmp.Diff(goldenManifest, string(archive.EncodeManifest(m))); diff != "" {
		t.Errorf("encoded (-want +got):\n%s", diff)
	}
	got, err := archive.DecodeManifest([]byte(goldenManifest))
	if diff := cmp.Diff(manifest(), got); diff != "" || err != nil {
		t.Errorf("decoded (-want +got), error %v:\n%s", err, diff)
	}
}

func TestManifestRoundTrip(t *testing.T) {
	object := rapid.Custom(func(t *rapid.T) archive.Input {
		id := arrival.Draw(t, "request")
		s := length.Draw(t, "length").Of(event.Stamp{Request: id})
		return archive.Input{Object: archive.Object{Key: archive.EventsKey(s, id), Size: rapid.Int64Min(0).Draw(t, "size")}}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := archive.Manifest{
			Version: 2, Run: rapid.Uint64().Draw(t, "run"),
			From: slot.Slot(rapid.Int64().Draw(t, "from")), To: slot.Slot(rapid.Int64().Draw(t, "to")),
			LateObjects: rapid.IntMin(0).Draw(t, "late_objects"), Objects: rapid.SliceOf(object).Draw(t, "objects"),
		}
		text := archive.EncodeManifest(want)
		got, err := archive.DecodeManifest(text)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("round trip (-want +got), error %v:\n%s", err, diff)
		}
		if !bytes.Equal(archive.EncodeManifest(got), text) {
			t.Fatal("equal manifests have different bytes")
		}
	})
}

func TestManifestsThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"newer format":   strings.Replace(goldenManifest, `"version":2`, `"version":3`, 1),
		"no version":     strings.Replace(goldenManifest, `"version":2,`, ``, 1),
		"empty":          "",
		"cut short":      goldenManifest[:len(goldenManifest)-1],
		"two of them":    goldenManifest + goldenManifest,
		"another type":   `"manifest"`,
		"negative run":   strings.Replace(goldenManifest, `"run":7`, `"run":-7`, 1),
		"slot as a text": strings.Replace(goldenManifest, `"to":1795554000000`, `"to":"2026-11-22T21:20:00Z"`, 1),
	} {
		got, err := archive.DecodeManifest([]byte(text))
		if err == nil || !strings.Contains(err.Error(), "manifest") || len(got.Objects) > 0 {
			t.Errorf("%s: %+v, error %v", name, got, err)
		}
	}
}

// TestOlderManifest: version 1 has another name for the number of late objects, so a reader that took it for today's
// would lose the number without a word.
func TestOlderManifest(t *testing.T) {
	_, err := archive.DecodeManifest([]byte(strings.Replace(goldenManifest, `"version":2`, `"version":1`, 1)))
	const want = "manifest of version 1, this release reads version 2: " +
		"run the release that wrote it, or deploy a new stack"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func FuzzDecodeManifest(f *testing.F) {
	f.Add([]byte(goldenManifest))
	f.Add([]byte(`{"version":2,"objects":null}`))
	f.Add([]byte(`{"version":2,"objects":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := archive.DecodeManifest(text)
		if err != nil {
			return
		}
		again, err := archive.DecodeManifest(archive.EncodeManifest(m))
		if diff := cmp.Diff(m, again, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("written and read again (-first +again), error %v:\n%s", err, diff)
		}
	})
}

// goldenIdentities never changes: "ABID", version 1, then per event identity, arrival and payload hash, big-endian.
const goldenIdentities = "4142494401" +
	"0102030405060708" + "1112131415161718" + "000001a20f2a8a60" + "2122232425262728" +
	"ffffffffffffffff" + "0000000000000000" + "ffffffffffffffff" + "0000000000000001"

func seen() []archive.Seen {
	return []archive.Seen{
		{Identity: event.Identity{Hi: 0x0102030405060708, Lo: 0x1112131415161718}, Arrival: 0x01a20f2a8a60,
			Payload: 0x2122232425262728},
		{Identity: event.Identity{Hi: math.MaxUint64}, Arrival: -1, Payload: 1},
	}
}

// decodeIdentities collects what the decoder calls back with.
func decodeIdentities(data []byte) ([]archive.Seen, error) {
	var all []archive.Seen
	err := archive.DecodeIdentities(data, func(s archive.Seen) { all = append(all, s) })
	return all, err
}

func TestGoldenIdentities(t *testing.T) {
	golden, err := hex.DecodeString(goldenIdentities)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(goldenIdentities, hex.EncodeToString(archive.EncodeIdentities(seen()))); diff != "" {
		t.Errorf("encoded (-want +got):\n%s", diff)
	}
	got, err := decodeIdentities(golden)
	if diff := cmp.Diff(seen(), got); diff != "" || err != nil {
		t.Errorf("decoded (-want +got), error %v:\n%s", err, diff)
	}
	if got := archive.EncodeIdentities(nil); !bytes.Equal(got, golden[:5]) {
		t.Errorf("no identities are %x, want only the header %x", got, golden[:5])
	}
}

func TestIdentitiesRoundTripInOrder(t *testing.T) {
	one := rapid.Custom(func(t *rapid.T) archive.Seen {
		return archive.Seen{
			Identity: event.Identity{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")},
			Arrival:  event.Millis(rapid.Int64().Draw(t, "arrival")), Payload: rapid.Uint64().Draw(t, "payload"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(one).Draw(t, "identities")
		got, err := decodeIdentities(archive.EncodeIdentities(want))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("round trip (-want +got), error %v:\n%s", err, diff)
		}
	})
}

func TestCorruptIdentities(t *testing.T) {
	good := archive.EncodeIdentities(seen())
	newer := bytes.Clone(good)
	newer[4] = 2
	for name, data := range map[string][]byte{
		"empty": nil, "part of the header": good[:4], "another magic": append([]byte("XBID\x01"), good[5:]...),
		"newer format": newer,
		"cut short":    good[:len(good)-1], "only a part": good[:6], "a byte more": append(bytes.Clone(good), 0),
	} {
		got, err := decodeIdentities(data)
		if !errors.Is(err, archive.ErrCorrupt) || len(got) > 0 {
			t.Errorf("%s: %d identities, error %v; want none before %v", name, len(got), err, archive.ErrCorrupt)
		}
	}
}

func FuzzDecodeIdentities(f *testing.F) {
	f.Add(archive.EncodeIdentities(nil))
	f.Add(archive.EncodeIdentities(seen()))
	f.Add([]byte("ABID\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := decodeIdentities(data)
		switch {
		case err == nil && !bytes.Equal(archive.EncodeIdentities(all), data):
			t.Errorf("%d identities, written again, are other bytes", len(all))
		case err != nil && (!errors.Is(err, archive.ErrCorrupt) || len(all) > 0):
			t.Errorf("%d identities, error %v", len(all), err)
		}
	})
}
