package audit_test

import (
	"bytes"
	"testing"

	"github.com/anabranch/anabranch/shared/catalog"
)

const sketchViews = `views:
  - name: by_user
    key: {user: data.user}
    window: 1m
    aggregates:
      ids: distinct(id)
      often: top(id, 1)
      spread: quantiles(data.amount)
      first: first(id)
      last: last(id)
`

// TestAlteredSketch checks that the audit accepts an item of 300 events, of which top is past its bound, and finds one
// changed byte: in a hash of distinct, and in the state of last.
func TestAlteredSketch(t *testing.T) {
	w := newWorldOf(t, sketchViews)
	w.send("bob", 300)
	w.run("cid")
	w.wantClean()
	bob := w.itemOf("bob")
	for _, at := range []int{len(bob.States) / 4, len(bob.States) - 12} {
		altered := bob
		altered.States = bytes.Clone(bob.States)
		altered.States[at] ^= 1
		w.overwrite(altered)
		w.wantDrifts(1, []string{"bob"}, catalog.Altered)
	}
	w.overwrite(bob)
	w.wantClean()
}
