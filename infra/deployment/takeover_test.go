package deployment

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/setting"
)

// TestFollow checks the parameters of a stack that takes over an archive.
func TestFollow(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 11, 22, 21, 15, 3, 0, time.UTC) }
	a, settings := &memory.Archive{Now: now}, setting.Default()
	if _, err := follow(t.Context(), a, "b", nil); err == nil || !strings.Contains(err.Error(), "holds no archive") {
		t.Errorf("an empty bucket: %v", err)
	}
	settings.Slot = 2 * time.Minute
	for _, stream := range []string{"first", "second"} {
		key := bytes.NewReader(make([]byte, 16))
		if _, err := settings.OpenLayout(t.Context(), a, stream, key, now); err != nil {
			t.Fatal(err)
		}
		settings.Layout++
	}
	got, err := follow(t.Context(), a, "b", map[string]string{"Slot": "120s", "Lanes": "8"})
	want := map[string]string{
		"Layout": "3", "Slot": "2m0s", "DedupeWindow": "24h0m0s", "SpeedWindow": "1h0m0s", "Lanes": "8",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
	for name, value := range map[string]string{"Layout": "2", "Slot": "5m", "SpeedWindow": "2h"} {
		_, err := follow(t.Context(), a, "b", map[string]string{name: value})
		if err == nil || !strings.Contains(err.Error(), name+"="+value+": the archive b needs "+name+"=") {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

// TestAStackKeepsItsArchive checks that a stack that exists takes over no other archive.
func TestAStackKeepsItsArchive(t *testing.T) {
	s := Stack{Name: "s", Status: "CREATE_COMPLETE", Parameters: map[string]string{archiveParameter: "b"}}
	for bucket, ok := range map[string]bool{"b": true, "other": false, "": false} {
		_, err := Account{}.takeOver(t.Context(), s, map[string]string{archiveParameter: bucket})
		if ok != (err == nil) || !ok && !strings.Contains(err.Error(), "STACK=another") {
			t.Errorf("%q: %v", bucket, err)
		}
	}
}
