package runs_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/runs"
)

// goldenIdentities never changes: "ABID", version 1, then per event identity, arrival and payload hash, big-endian.
const goldenIdentities = "4142494401" +
	"0102030405060708" + "1112131415161718" + "000001a20f2a8a60" + "2122232425262728" +
	"ffffffffffffffff" + "0000000000000000" + "ffffffffffffffff" + "0000000000000001"

func sampleSeen() []runs.Seen {
	return []runs.Seen{
		{Identity: event.Identity{Hi: 0x0102030405060708, Lo: 0x1112131415161718}, Arrival: 0x01a20f2a8a60,
			Payload: 0x2122232425262728},
		{Identity: event.Identity{Hi: math.MaxUint64}, Arrival: -1, Payload: 1},
	}
}

// decodeIdentities collects what the decoder passes to its callback.
func decodeIdentities(data []byte) ([]runs.Seen, error) {
	var all []runs.Seen
	err := runs.DecodeIdentities(data, func(s runs.Seen) { all = append(all, s) })
	return all, err
}

func TestGoldenIdentities(t *testing.T) {
	golden, err := hex.DecodeString(goldenIdentities)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(goldenIdentities, hex.EncodeToString(runs.EncodeIdentities(sampleSeen()))); diff != "" {
		t.Errorf("encoded (-want +got):\n%s", diff)
	}
	got, err := decodeIdentities(golden)
	if diff := cmp.Diff(sampleSeen(), got); diff != "" || err != nil {
		t.Errorf("decoded (-want +got), error %v:\n%s", err, diff)
	}
	if got := runs.EncodeIdentities(nil); !bytes.Equal(got, golden[:5]) {
		t.Errorf("no identities are %x, want only the header %x", got, golden[:5])
	}
}

func TestIdentitiesRoundTripInOrder(t *testing.T) {
	one := rapid.Custom(func(t *rapid.T) runs.Seen {
		return runs.Seen{
			Identity: event.Identity{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")},
			Arrival:  event.Millis(rapid.Int64().Draw(t, "arrival")), Payload: rapid.Uint64().Draw(t, "payload"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(one).Draw(t, "identities")
		got, err := decodeIdentities(runs.EncodeIdentities(want))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("round trip (-want +got), error %v:\n%s", err, diff)
		}
	})
}

func TestCorruptIdentities(t *testing.T) {
	good := runs.EncodeIdentities(sampleSeen())
	newer := bytes.Clone(good)
	newer[4] = 2
	for name, data := range map[string][]byte{
		"empty": nil, "part of the header": good[:4], "another magic": append([]byte("XBID\x01"), good[5:]...),
		"newer format": newer,
		"cut short":    good[:len(good)-1], "only a part": good[:6], "a byte more": append(bytes.Clone(good), 0),
	} {
		got, err := decodeIdentities(data)
		if !errors.Is(err, runs.ErrCorrupt) || len(got) > 0 {
			t.Errorf("%s: %d identities, error %v; want none before %v", name, len(got), err, runs.ErrCorrupt)
		}
	}
}

func FuzzDecodeIdentities(f *testing.F) {
	f.Add(runs.EncodeIdentities(nil))
	f.Add(runs.EncodeIdentities(sampleSeen()))
	f.Add([]byte("ABID\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := decodeIdentities(data)
		switch {
		case err == nil && !bytes.Equal(runs.EncodeIdentities(all), data):
			t.Errorf("%d identities, written again, are other bytes", len(all))
		case err != nil && (!errors.Is(err, runs.ErrCorrupt) || len(all) > 0):
			t.Errorf("%d identities, error %v", len(all), err)
		}
	})
}
