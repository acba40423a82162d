package runs_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/runs"
	"github.com/anabranch/anabranch/shared/slot"
)

// goldenManifest never changes, since runs of this format must stay readable.
const goldenManifest = `{"version":2,"run":7,"from":1795553700000,"to":1795554000000,"late_objects":1,"objects":[` +
	`{"key":"events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst","size":1234,"lanes":[{"lane":0,"events":12},{"lane":3,"events":1}]},` +
	`{"key":"events/dt=2026-11-22/slot=212000/01KY58SNJXZ0W6V3T5YJ9K4M2P.ndjson.zst","size":0}]}`

func sampleManifest() runs.Manifest {
	return runs.Manifest{
		Version: 2, Run: 7, From: 1795553700000, To: 1795554000000, LateObjects: 1,
		Objects: []runs.ManifestObject{
			{Object: archive.Object{Key: "events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst", Size: 1234},
				Lanes: []runs.LaneEvents{{Lane: 0, Events: 12}, {Lane: 3, Events: 1}}},
			{Object: archive.Object{Key: "events/dt=2026-11-22/slot=212000/01KY58SNJXZ0W6V3T5YJ9K4M2P.ndjson.zst"}},
		},
	}
}

func TestGoldenManifest(t *testing.T) {
	m := sampleManifest()
	m.Version = 0 // the encoder sets it
	if diff := cmp.Diff(goldenManifest, string(runs.EncodeManifest(m))); diff != "" {
		t.Errorf("encoded (-want +got):\n%s", diff)
	}
	got, err := runs.DecodeManifest([]byte(goldenManifest))
	if diff := cmp.Diff(sampleManifest(), got); diff != "" || err != nil {
		t.Errorf("decoded (-want +got), error %v:\n%s", err, diff)
	}
}

func TestManifestRoundTrip(t *testing.T) {
	object := rapid.Custom(func(t *rapid.T) runs.ManifestObject {
		key := archive.Key(rapid.StringMatching(`events/[a-z0-9/.=-]{1,80}`).Draw(t, "key"))
		return runs.ManifestObject{Object: archive.Object{Key: key, Size: rapid.Int64Min(0).Draw(t, "size")}}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := runs.Manifest{
			Version: 2, Run: rapid.Uint64().Draw(t, "run"),
			From: slot.Slot(rapid.Int64().Draw(t, "from")), To: slot.Slot(rapid.Int64().Draw(t, "to")),
			LateObjects: rapid.IntMin(0).Draw(t, "late_objects"), Objects: rapid.SliceOf(object).Draw(t, "objects"),
		}
		text := runs.EncodeManifest(want)
		got, err := runs.DecodeManifest(text)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("round trip (-want +got), error %v:\n%s", err, diff)
		}
		if !bytes.Equal(runs.EncodeManifest(got), text) {
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
		got, err := runs.DecodeManifest([]byte(text))
		if err == nil || !strings.Contains(err.Error(), "manifest") || len(got.Objects) > 0 {
			t.Errorf("%s: %+v, error %v", name, got, err)
		}
	}
}

// TestOlderManifest checks that a manifest of version 1 is refused. It has another name for the number of late objects,
// so a reader that took it for today's would lose the number without an error.
func TestOlderManifest(t *testing.T) {
	_, err := runs.DecodeManifest([]byte(strings.Replace(goldenManifest, `"version":2`, `"version":1`, 1)))
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
		m, err := runs.DecodeManifest(text)
		if err != nil {
			return
		}
		again, err := runs.DecodeManifest(runs.EncodeManifest(m))
		if diff := cmp.Diff(m, again, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("written and read again (-first +again), error %v:\n%s", err, diff)
		}
	})
}
