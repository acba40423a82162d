package memory_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// TestSpeedTrim checks that the items and live keys of earlier slots of the set are removed, and no others.
func TestSpeedTrim(t *testing.T) {
	s := &memory.Speed{}
	item := func(set lifecycle.Set, at slot.Slot) viewstore.SpeedItem {
		return viewstore.SpeedItem{
			SpeedKey: viewstore.SpeedKey{Set: set, Key: "k", Slot: at, Lane: lane0}, Applied: "1", States: []byte{1},
		}
	}
	for _, set := range []lifecycle.Set{"d", "e"} {
		for _, at := range []slot.Slot{1, 2, 3} {
			if err := s.Put(t.Context(), item(set, at), ""); err != nil {
				t.Fatal(err)
			}
			live := viewstore.LiveKeys{Set: set, Slot: at, Keys: []view.Key{"k"}}
			if err := s.PutLive(t.Context(), live); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Trim("d", 2)
	got := [4]int{s.Len("d"), s.LenLive("d"), s.Len("e"), s.LenLive("e")}
	if want := [4]int{2, 2, 3, 3}; got != want {
		t.Errorf("items and live keys of the two sets: %v, want %v", got, want)
	}
	kept, _, err := s.Slots(t.Context(), "d", "k", 0, "")
	if diff := cmp.Diff([]viewstore.SpeedItem{item("d", 2), item("d", 3)}, kept); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

// TestSeenTrim checks that the items that were recorded before an instant are removed, and no others.
func TestSeenTrim(t *testing.T) {
	s := &memory.Seen{}
	var want []viewstore.SeenItem
	for i, sequence := range []event.Sequence{"1", "2", "3"} {
		item := viewstore.SeenItem{
			Lane: lane0, Records: []viewstore.SeenRecord{{Sequence: sequence}}, Recorded: event.Millis(1000 * i),
		}
		if err := s.Put(t.Context(), item); err != nil {
			t.Fatal(err)
		}
		want = append(want, item)
	}
	s.Trim(want[1].Recorded.Time())
	got, err := s.After(t.Context(), lane0, "")
	if diff := cmp.Diff(want[1:], got); diff != "" || err != nil || s.Len() != 2 {
		t.Errorf("%d items, error %v (-want +got):\n%s", s.Len(), err, diff)
	}
}
