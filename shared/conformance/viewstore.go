package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

const (
	firstSlot  = slot.Slot(1_795_555_500_000)
	slotLength = 300_000
	never      = 4_102_444_800 // the year 2100: no item of this suite expires
)

// largeStates is almost the maximum size of a page. DynamoDB returns fewer than five such items at once.
const largeStates = 300_000

// wantItems compares items in order. It compares states and identities as a whole, which is much faster.
func wantItems[T any](t *testing.T, call string, got, want []T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(bytes.Equal),
		cmp.Comparer(slices.Equal[[]uint64])); diff != "" {
		t.Errorf("%s (-want +got):\n%.4000s", call, diff)
	}
}

// generationOf returns a generation ID of the usual length, one per subtest and letter.
func generationOf(t *testing.T, letter byte) lifecycle.GenerationID {
	return lifecycle.GenerationID(fmt.Sprintf("01JD8Z6B1Q%015X%c", ownNumber(t)>>4, letter))
}

// definitionOf returns a definition's hash, one per subtest and letter.
func definitionOf(t *testing.T, letter byte) view.Hash {
	return view.Hash(fmt.Sprintf("%016x%014x%02x", ownNumber(t), 0, letter))
}

// pagesAtEdges are pages in order, including the first and the last possible page.
var pagesAtEdges = []view.Page{view.FirstPage, view.FirstPage + 1, -1 << 32, -256, -10, -9, -1, 0, 1, 9, 10, 255, 256,
	1 << 32, view.LastPage - 1, view.LastPage}

// awkwardKeys are unusual keys, encoded by package view or not. They are all different, and some are prefixes of
// others.
func awkwardKeys() []view.Key {
	return []view.Key{
		"", "\x00", "\x01", "\x01a", "\x01a\x01b", "\x02a\x01", "a", "a\x00", "a\x00b", "ab", "a/b", "a#b", "a|b", "A", "%00",
		"\\x00",
		"\xff", "\xff\xff", "\xfe\xff", "\x80", "\xc3", "\xc3\xa4", "\xef\xbf\xbd", "\n", " ", "  ",
		view.EncodeKey([]string{"", ""}), view.EncodeKey([]string{"/", "GET"}),
		view.EncodeKey([]string{strings.Repeat("k", view.MaxKey-1)}),
		view.Key(strings.Repeat("\xff", view.MaxKey)), view.Key(strings.Repeat("\xff", view.MaxKey-1)),
	}
}
