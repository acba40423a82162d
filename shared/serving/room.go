package serving

import (
	"sync"

	"github.com/anabranch/anabranch/shared/viewstore"
)

// bytesAhead is the maximum size of the items that are read ahead. Reads in flight may exceed it when their parts are
// larger than all parts before.
const bytesAhead = 16 << 20

// room is the memory for items that are read ahead. It is safe for concurrent use.
type room struct {
	mu   sync.Mutex
	free int // bytes
	part int // what to reserve for a part: the largest size so far
	any  bool
}

func newRoom() *room { return &room{free: bytesAhead, part: viewstore.MostRead} }

// reserve reserves memory for a part that will be read. ok is false when there is not enough.
func (r *room) reserve() (bytes int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.part > r.free {
		return 0, false
	}
	r.free -= r.part
	return r.part, true
}

// take exchanges what was reserved for the size of the part.
func (r *room) take(reserved, size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.any {
		r.part, r.any = 0, true
	}
	r.part = max(r.part, size)
	r.free += reserved - size
}

// release gives the memory of a merged part back.
func (r *room) release(size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += size
}
