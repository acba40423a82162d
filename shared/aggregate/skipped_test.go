package aggregate_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/aggregate"
)

// places is the number of places of the states under test.
const places = 3

// skippedRow is one row that could not be used.
type skippedRow struct {
	place      int
	reason     aggregate.Reason
	source, id string
}

func skippedRows() *rapid.Generator[[]skippedRow] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) skippedRow {
		texts := []string{"", "a", "b", "ab", strings.Repeat("x", 63), strings.Repeat("x", 64), strings.Repeat("x", 65) + "y",
			strings.Repeat("x", 63) + "é"}
		return skippedRow{
			place:  rapid.IntRange(0, places-1).Draw(t, "place"),
			reason: aggregate.Reason(rapid.IntRange(0, aggregate.Reasons-1).Draw(t, "reason")),
			source: rapid.SampledFrom(texts).Draw(t, "source"),
			id:     rapid.SampledFrom(texts).Draw(t, "id"),
		}
	}), 0, 30)
}

func foldSkips(rows []skippedRow) *aggregate.SkippedStates {
	s := aggregate.Skipped(places).New().(*aggregate.SkippedStates)
	s.Grow(1)
	for _, r := range rows {
		s.AddSkip(0, r.place, r.reason, []byte(r.source), []byte(r.id))
	}
	return s
}

// TestSkippedLaws checks that the state depends only on the set of rows, not on order, grouping or encoding.
func TestSkippedLaws(t *testing.T) {
	f := aggregate.Skipped(places)
	rapid.Check(t, func(t *rapid.T) {
		rows := skippedRows().Draw(t, "rows")
		whole := foldSkips(rows)
		expectSame(t, "shuffled", foldSkips(rapid.Permutation(rows).Draw(t, "shuffled")), whole)
		at := rapid.IntRange(0, len(rows)).Draw(t, "at")
		a, b := foldSkips(rows[:at]), foldSkips(rows[at:])
		before := encoded(b)
		expectSame(t, "a + b", merged(f, a, b), whole)
		expectSame(t, "b + a", merged(f, b, a), whole)
		expectSame(t, "empty + a", merged(f, foldSkips(nil), a), a)
		if encoded(b) != before {
			t.Fatal("merging changed its source")
		}

		tail := rapid.SliceOf(rapid.Byte()).Draw(t, "tail")
		rest, err := a.MergeEncoded(0, append([]byte(before), tail...))
		if err != nil || string(rest) != string(tail) {
			t.Fatalf("merge %x: rest %x, error %v", before, rest, err)
		}
		expectSame(t, "a + encoded b", a, whole)
		if n := len(encoded(whole)); n > f.MaxEncoded() {
			t.Fatalf("%d bytes, MaxEncoded is %d", n, f.MaxEncoded())
		}
		for n := range before {
			if _, err := a.MergeEncoded(0, []byte(before[:n])); !errors.Is(err, aggregate.ErrCorrupt) {
				t.Fatalf("the first %d bytes of %x: error %v", n, before, err)
			}
			expectSame(t, "refused", a, whole)
		}
	})
}

// TestSkippedModel checks that rows are counted per place and reason, each with the smallest source and id.
func TestSkippedModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := skippedRows().Draw(t, "rows")
		var want []aggregate.Skip
		for place := range places {
			for reason := aggregate.Missing; reason < aggregate.Reasons; reason++ {
				one := aggregate.Skip{Place: place, Reason: reason}
				for _, r := range rows {
					source, id := r.source[:min(64, len(r.source))], r.id[:min(64, len(r.id))]
					if r.place != place || r.reason != reason {
						continue
					}
					if one.Rows++; one.Rows == 1 || source < one.Source || source == one.Source && id < one.ID {
						one.Source, one.ID = source, id
					}
				}
				if one.Rows > 0 {
					want = append(want, one)
				}
			}
		}
		got := foldSkips(rows)
		if diff := cmp.Diff(want, append([]aggregate.Skip(nil), got.Skips(0)...)); diff != "" {
			t.Fatal("skips (-model +state):", diff)
		}
		if n := got.Skipped(0); n != int64(len(rows)) {
			t.Fatalf("%d skipped, want %d", n, len(rows))
		}
	})
}

// TestSkippedMaxEncoded checks that a state with all reasons at each place but OutOfRange nearly reaches the bound. An
// aggregate has no time, and no other place has the reasons of arguments.
func TestSkippedMaxEncoded(t *testing.T) {
	var rows []skippedRow
	long := strings.Repeat("x", aggregate.SampleBytes)
	for place := range places {
		for reason := range aggregate.Reason(aggregate.Reasons) {
			if reason != aggregate.OutOfRange {
				rows = append(rows, skippedRow{place, reason, long, long})
			}
		}
	}
	if n, most := len(encoded(foldSkips(rows))), aggregate.Skipped(places).MaxEncoded(); n > most || n < most*9/10 {
		t.Errorf("a full state has %d bytes, MaxEncoded is %d", n, most)
	}
}

func TestSkippedGolden(t *testing.T) {
	s := foldSkips([]skippedRow{{1, aggregate.WrongType, "/s", "b"}, {0, aggregate.Missing, "/s", "c"},
		{1, aggregate.WrongType, "/s", "a"}})
	const want = "16" + "02" + "00" + "00" + "01" + "02" + "2f73" + "01" + "63" +
		"01" + "03" + "02" + "02" + "2f73" + "01" + "61"
	if got := hex.EncodeToString([]byte(encoded(s))); got != want {
		t.Errorf("encoded as %s, want %s", got, want)
	}
	if got := string(s.AppendPresented(nil, 0, hour)); got != "3" {
		t.Errorf("presented as %s, want 3", got)
	}
}

func TestSkippedRefused(t *testing.T) {
	for _, c := range []struct{ name, encoding, says string }{
		{"another function", "11 01", "the state belongs to count"},
		{"a later version", "26 00", "encoding version 2"},
		{"more than there can be", "16 7f", "127 skips"},
		{"no such place", "16 01 03 01 01 00 00", "place 3: there are 3"},
		{"an unknown reason", "16 01 00 09 01 00 00", "unknown reason 9"},
		{"no rows", "16 01 00 01 00 00 00", "0 must be left out"},
		{"twice the same", "16 02 00 01 01 00 00 00 01 01 00 00", "skip 1 is out of order"},
		{"out of order", "16 02 01 01 01 00 00 00 01 01 00 00", "skip 1 is out of order"},
		{"a long sample", "16 01 00 01 01 41 00", "sample of 65 bytes"},
		{"a place in too many bytes", "16 01 8000 01 01 00 00", "not the shortest form"},
	} {
		s := foldSkips([]skippedRow{{2, aggregate.Failed, "s", "i"}})
		before := encoded(s)
		rest, err := s.MergeEncoded(0, unhex(t, c.encoding))
		if err == nil || !strings.Contains(err.Error(), c.says) || rest != nil || encoded(s) != before {
			t.Errorf("%s: rest %x, error %v, state %x; want %q and the state unchanged", c.name, rest, err, encoded(s), c.says)
		}
	}
}

// TestReasonsAreTold checks that each reason has words of its own.
func TestReasonsAreTold(t *testing.T) {
	met := map[string]bool{}
	for r := range aggregate.Reason(aggregate.Reasons) {
		if text := r.String(); text == "" || met[text] {
			t.Errorf("reason %d is told as %q", r, text)
		}
		met[r.String()] = true
	}
}
