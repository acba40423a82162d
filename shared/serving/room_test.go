package serving

import "testing"

// reserveAll reserves memory for parts until there is none left.
func reserveAll(r *room) (reserved []int) {
	for {
		bytes, ok := r.reserve()
		if !ok {
			return reserved
		}
		reserved = append(reserved, bytes)
	}
}

// TestRoom checks how many parts are read at once: few before the first size is known and where parts are large, and
// as many as the runner allows where they are small.
func TestRoom(t *testing.T) {
	const kilobyte, megabyte = 1 << 10, 1 << 20
	for _, c := range []struct {
		sizes []int // of the first parts
		more  int   // parts that are read after them, before any is merged
	}{
		{nil, 11},
		{[]int{kilobyte}, 16*1024 - 1},
		{[]int{kilobyte, megabyte, kilobyte}, 14},
		{[]int{megabyte, megabyte}, 14},
	} {
		r := newRoom()
		for _, size := range c.sizes {
			reserved, ok := r.reserve()
			if !ok {
				t.Fatal("there is no room for a part")
			}
			r.take(reserved, size)
		}
		all := reserveAll(r)
		if len(all) != c.more {
			t.Errorf("after parts of %d bytes: room for %d, want %d", c.sizes, len(all), c.more)
		}
		for _, reserved := range all {
			r.take(reserved, 0)
		}
		for _, size := range c.sizes {
			r.release(size)
		}
		if r.free != bytesAhead {
			t.Errorf("%d bytes are free in the end, want %d", r.free, bytesAhead)
		}
	}
}
