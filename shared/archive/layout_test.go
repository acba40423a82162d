package archive_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/slot"
)

var instant = time.Date(2026, 11, 22, 21, 17, 3, 0, time.UTC)

func newArchive() *memory.Archive { return &memory.Archive{Now: func() time.Time { return instant }} }

func wanted() archive.Layout {
	return archive.Layout{
		Number: 1, Slot: slot.Length(5 * time.Minute), Lanes: 4,
		HashKey:      event.HashKey{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255},
		DedupeWindow: 24 * time.Hour, SpeedWindow: time.Hour, Stream: "anabranch-events",
	}
}

// goldenLayout never changes: every archive of this format begins with it.
const goldenLayout = `{
  "version": 2,
  "layout": 1,
  "slot": "5m0s",
  "lanes": 4,
  "hash_key": "000102030405060708090a0b0c0d0eff",
  "dedupe_window": "24h0m0s",
  "speed_window": "1h0m0s",
  "stream": "anabranch-events"
}
`

// withLayout is an archive whose layout is the given text.
func withLayout(t *testing.T, text string) *memory.Archive {
	t.Helper()
	a := newArchive()
	if _, err := a.Put(t.Context(), archive.LayoutKey(1), []byte(text)); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestOpenLayoutCreatesItOnce(t *testing.T) {
	a := newArchive()
	for range 2 {
		got, date, err := archive.OpenLayout(t.Context(), a, wanted())
		if err != nil || !date.Equal(instant) {
			t.Fatalf("date %s, error %v", date, err)
		}
		if diff := cmp.Diff(wanted(), got); diff != "" {
			t.Errorf("layout (-want +got):\n%s", diff)
		}
	}
	text, _, err := a.Get(t.Context(), archive.LayoutKey(1))
	if diff := cmp.Diff(goldenLayout, string(text)); diff != "" || err != nil {
		t.Errorf("stored (-want +got), error %v:\n%s", err, diff)
	}
}

func TestReadLayoutReadsTheGoldenText(t *testing.T) {
	got, date, err := archive.ReadLayout(t.Context(), withLayout(t, goldenLayout), 1)
	if err != nil || !date.Equal(instant) {
		t.Fatalf("date %s, error %v", date, err)
	}
	if diff := cmp.Diff(wanted(), got); diff != "" {
		t.Errorf("layout (-want +got):\n%s", diff)
	}
}

func TestReadLayoutOfAnEmptyArchive(t *testing.T) {
	_, date, err := archive.ReadLayout(t.Context(), newArchive(), 1)
	if !errors.Is(err, archive.ErrNotFound) || !date.Equal(instant) ||
		!strings.Contains(err.Error(), string(archive.LayoutKey(1))) {
		t.Errorf("date %s, error %v", date, err)
	}
}

func TestTheHashKeyIsTheArchives(t *testing.T) {
	a := newArchive()
	if _, _, err := archive.OpenLayout(t.Context(), a, wanted()); err != nil {
		t.Fatal(err)
	}
	for _, key := range []event.HashKey{{}, {9, 9, 9}} {
		other := wanted()
		other.HashKey = key
		got, _, err := archive.OpenLayout(t.Context(), a, other)
		if err != nil || got.HashKey != wanted().HashKey {
			t.Errorf("opened with %x: key %x, error %v; want %x", key, got.HashKey, err, wanted().HashKey)
		}
	}
}

// TestFunctionsThatStartAtOnceAgree starts several functions, each with its own hash key. All must end with the same
// one.
func TestFunctionsThatStartAtOnceAgree(t *testing.T) {
	a := newArchive()
	var (
		group   sync.WaitGroup
		layouts [16]archive.Layout
		errs    [16]error
	)
	for i := range layouts {
		group.Go(func() {
			mine := wanted()
			mine.HashKey = event.HashKey{byte(i)}
			layouts[i], _, errs[i] = archive.OpenLayout(t.Context(), a, mine)
		})
	}
	group.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	for _, l := range layouts {
		if l != layouts[0] {
			t.Errorf("hash keys %x and %x", layouts[0].HashKey, l.HashKey)
		}
	}
}

func TestEveryDifferingSettingIsNamed(t *testing.T) {
	changes := []struct {
		name   string
		change func(*archive.Layout)
		says   string
	}{
		{"slot length", func(l *archive.Layout) { l.Slot = slot.Length(2 * time.Second) }, "slot length 5m0s, not 2s"},
		{"lane count", func(l *archive.Layout) { l.Lanes = 8 }, "lane count 4, not 8"},
		{"dedupe window", func(l *archive.Layout) { l.DedupeWindow = 25 * time.Hour }, "dedupe window 24h0m0s, not 25h0m0s"},
		{"speed window", func(l *archive.Layout) { l.SpeedWindow = 2 * time.Hour }, "speed window 1h0m0s, not 2h0m0s"},
		{"stream", func(l *archive.Layout) { l.Stream = "other" },
			"layout 1 of the archive has stream anabranch-events, not other; a new stack takes the next layout"},
	}
	a := newArchive()
	if _, _, err := archive.OpenLayout(t.Context(), a, wanted()); err != nil {
		t.Fatal(err)
	}
	all := wanted()
	for i, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			other := wanted()
			c.change(&other)
			got, _, err := archive.OpenLayout(t.Context(), a, other)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
			for j := range changes {
				if i != j && err != nil && strings.Contains(err.Error(), changes[j].name) {
					t.Errorf("error names %s, which does not differ: %v", changes[j].name, err)
				}
			}
			if got != wanted() {
				t.Errorf("the layout returned is not the archive's: %+v", got)
			}
		})
		c.change(&all)
	}
	_, _, err := archive.OpenLayout(t.Context(), a, all)
	for _, c := range changes {
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("with all settings changed: error %v does not say %q", err, c.says)
		}
	}
	if got, _, err := archive.ReadLayout(t.Context(), a, 1); err != nil || got != wanted() {
		t.Errorf("the archive's layout became %+v, error %v", got, err)
	}
}

// TestAWantedLayoutThatCouldNotBeReadIsNotWritten checks that a layout that could not be read back is not written,
// since it would stay for ever.
func TestAWantedLayoutThatCouldNotBeReadIsNotWritten(t *testing.T) {
	for name, change := range map[string]func(*archive.Layout){
		"no number":     func(l *archive.Layout) { l.Number = 0 },
		"no slot":       func(l *archive.Layout) { l.Slot = 0 },
		"a slot of 7 s": func(l *archive.Layout) { l.Slot = slot.Length(7 * time.Second) },
		"no lanes":      func(l *archive.Layout) { l.Lanes = 0 },
		"many lanes":    func(l *archive.Layout) { l.Lanes = event.MaxLanes + 1 },
	} {
		a := newArchive()
		l := wanted()
		change(&l)
		if _, _, err := archive.OpenLayout(t.Context(), a, l); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, _, err := a.Get(t.Context(), archive.LayoutKey(1)); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("%s: something was written, get says %v", name, err)
		}
	}
}

func TestALayoutThatCannotBeReadIsRefused(t *testing.T) {
	replace := func(old, with string) string {
		text := strings.Replace(goldenLayout, old, with, 1)
		if text == goldenLayout {
			t.Fatalf("the layout has no %s", old)
		}
		return text
	}
	for name, test := range map[string]struct{ text, says string }{
		"newer format":        {replace(`"version": 2`, `"version": 3`), "format 3"},
		"newer, other types":  {`{"version": 3, "slot": {"seconds": 300}, "lanes": "many"}`, "format 3"},
		"no version":          {replace(`"version": 2,`, ``), "format 0"},
		"not JSON":            {goldenLayout + "x", "invalid character"},
		"cut short":           {goldenLayout[:len(goldenLayout)-4], "unexpected end"},
		"empty":               {"", "unexpected end"},
		"no hash key":         {replace(`"hash_key": "000102030405060708090a0b0c0d0eff",`, ``), "hash_key"},
		"short hash key":      {replace(`0d0eff`, ``), "hash key"},
		"hash key not hex":    {replace(`0eff`, `0efg`), "hash key"},
		"no slot":             {replace(`"5m0s"`, `""`), "slot"},
		"slot of 7 s":         {replace(`"5m0s"`, `"7s"`), "slot length 7s"},
		"no lanes":            {replace(`"lanes": 4`, `"lanes": 0`), "0 lanes"},
		"many lanes":          {replace(`"lanes": 4`, `"lanes": 4097`), "4097 lanes"},
		"no number":           {replace(`"layout": 1`, `"layout": 0`), "layout 0"},
		"another number":      {goldenSecond, "holds layout 2"},
		"begins":              {replace(`"layout": 1,`, `"layout": 1, "begins": "2026-11-22T21:15:00Z",`), "layout 1"},
		"begins nowhere":      {replace(`"layout": 1`, `"layout": 2`), "layout 2 begins"},
		"begins at no slot":   {strings.Replace(goldenSecond, "21:15", "21:16", 1), "start of a slot"},
		"begins at no time":   {strings.Replace(goldenSecond, "T21", " 21", 1), "begins"},
		"begins elsewhere":    {strings.Replace(goldenSecond, "00Z", "00+01:00", 1), "in UTC"},
		"dedupe window":       {replace(`"24h0m0s"`, `"a day"`), "dedupe_window"},
		"speed window":        {replace(`"1h0m0s"`, `3600`), "speed_window"},
		"lanes of two fields": {replace(`"lanes": 4`, `"lanes": 4.5`), "lanes"},
	} {
		t.Run(name, func(t *testing.T) {
			a := withLayout(t, test.text)
			for _, open := range []func() (archive.Layout, time.Time, error){
				func() (archive.Layout, time.Time, error) { return archive.ReadLayout(t.Context(), a, 1) },
				func() (archive.Layout, time.Time, error) { return archive.OpenLayout(t.Context(), a, wanted()) },
			} {
				l, _, err := open()
				if err == nil || !strings.Contains(err.Error(), test.says) ||
					!strings.Contains(err.Error(), string(archive.LayoutKey(1))) {
					t.Errorf("error %v, want one that says %q and names %s", err, test.says, archive.LayoutKey(1))
				}
				if l != (archive.Layout{}) {
					t.Errorf("layout %+v beside the error", l)
				}
			}
		})
	}
}

// TestOpenLayoutUnderFaults checks that a put that failed is an error, and that a second try succeeds. A layout that is
// there is opened, whatever became of the put.
func TestOpenLayoutUnderFaults(t *testing.T) {
	fault := errors.New("fault")
	for _, call := range []string{"archive.Put", "archive.Get"} {
		for _, applied := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, applied %t", call, applied), func(t *testing.T) {
				a := newArchive()
				a.Hook = func(c memory.Call) memory.Fault {
					if c.Name == call {
						return memory.Fault{Err: fault, Applied: applied}
					}
					return memory.Fault{}
				}
				opens := call == "archive.Put" && applied
				if got, _, err := archive.OpenLayout(t.Context(), a, wanted()); opens != (err == nil) ||
					!opens && !errors.Is(err, fault) || opens && got != wanted() {
					t.Errorf("%+v, error %v; opened should be %t", got, err, opens)
				}
				a.Hook = nil
				if got, _, err := archive.OpenLayout(t.Context(), a, wanted()); err != nil || got != wanted() {
					t.Errorf("tried again: %+v, error %v", got, err)
				}
			})
		}
	}
}

// TestOpenLayoutThatCannotBeWritten checks that an archive that takes no put is opened with the layout that it has.
func TestOpenLayoutThatCannotBeWritten(t *testing.T) {
	a := newArchive()
	if _, _, err := archive.OpenLayout(t.Context(), a, wanted()); err != nil {
		t.Fatal(err)
	}
	a.Hook = func(c memory.Call) memory.Fault {
		if c.Name == "archive.Put" {
			return memory.Fault{Err: errors.New("read-only")}
		}
		return memory.Fault{}
	}
	if got, _, err := archive.OpenLayout(t.Context(), a, wanted()); err != nil || got != wanted() {
		t.Errorf("%+v, %v", got, err)
	}
	other := wanted()
	other.Lanes++
	if _, _, err := archive.OpenLayout(t.Context(), a, other); err == nil {
		t.Error("another layout is opened")
	}
}

func TestLaneIsTheLayouts(t *testing.T) {
	l := wanted()
	l.Number, l.Lanes = 3, 7
	got := map[event.Lane]bool{}
	for hi := range uint64(100) {
		id := event.Identity{Hi: hi, Lo: 1}
		if got[l.Lane(id)] = true; l.Lane(id) != event.LaneOf(id, 3, 7) {
			t.Errorf("identity %d: lane %s, want %s", hi, l.Lane(id), event.LaneOf(id, 3, 7))
		}
	}
	if len(got) != 7 {
		t.Errorf("%d lanes are used, want 7", len(got))
	}
}

func FuzzReadLayout(f *testing.F) {
	f.Add([]byte(goldenLayout))
	f.Add([]byte(`{"version":1,"layout":1,"slot":"1s","lanes":1,"hash_key":null}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a := newArchive()
		if _, err := a.Put(context.Background(), archive.LayoutKey(1), text); err != nil {
			t.Fatal(err)
		}
		read, _, err := archive.ReadLayout(context.Background(), a, 1)
		if err != nil {
			return
		}
		again, _, err := archive.OpenLayout(context.Background(), newArchive(), read)
		if err != nil || again != read {
			t.Errorf("read %+v; written and read again %+v, error %v", read, again, err)
		}
	})
}
