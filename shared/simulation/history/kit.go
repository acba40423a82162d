package history

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/simulation"
	"github.com/anabranch/anabranch/shared/view"
)

// kit is what all histories share, and never changes.
type kit struct {
	variants [variants][]catalog.Definition // of the definitions: others, to Anabranch, that mean the same
	programs *catalog.Programs              // compiled beforehand, for every set of views there can be
	codec    *event.Codec
	viewOf   map[view.Hash]int
}

// variants is how many definitions of by_user there are.
const variants = 3

// variant are the views with one of them.
func variant(n int) string {
	if n == 0 {
		return simulation.Views
	}
	return strings.Replace(simulation.Views, `data.kind != "test"`, fmt.Sprintf(`data.kind != "test" && data.kind != "kind %d"`, n), 1)
}

var theKit = sync.OnceValues(newKit)

func newKit() (*kit, error) {
	k := &kit{programs: &catalog.Programs{}, viewOf: map[view.Hash]int{}}
	var err error
	if k.codec, err = event.NewCodec(8 << 20); err != nil {
		return nil, err
	}
	stored := &memory.Catalog{}
	var hashes []view.Hash
	for n := range variants {
		parsed, err := view.Parse("views.yaml", []byte(strings.TrimRight(variant(n), "\n")+marksView))
		if err != nil {
			return nil, err
		}
		k.variants[n] = catalog.Define(parsed)
		for _, d := range k.variants[n] {
			if _, known := k.viewOf[d.Hash]; known {
				continue
			}
			k.viewOf[d.Hash] = slices.Index(viewNames[:], string(d.Name))
			if err := stored.PutDefinition(everywhere, d.Hash, d.Text); err != nil {
				return nil, err
			}
			hashes = append(hashes, d.Hash)
		}
	}
	// Programs compiles a set under a lock, which no function may hold while others go on: what all share has everything compiled already.
	slices.Sort(hashes)
	for set := range 1 << len(hashes) {
		var some []view.Hash
		for i, hash := range hashes {
			if set>>i&1 == 1 {
				some = append(some, hash)
			}
		}
		if _, err := k.programs.Of(everywhere, stored, some); err != nil {
			return nil, err
		}
	}
	return k, nil
}
