package serving

import "context"

// readAll reads the items of keys, and merges them. It holds the items of some keys at a time.
//
// Errors: those of add, and those of a store.
func (m *merging) readAll(ctx context.Context, keys []ListedKey) error {
	for len(keys) > 0 {
		some := keys[:min(len(keys), readTogether(m.keys, m.bytes))]
		keys = keys[len(some):]
		found := make([]items, len(some))
		err := m.Parallel(len(some), func(i int) (err error) {
			found[i], err = m.readItems(ctx, some[i], m.at)
			return err
		})
		if err != nil {
			return err
		}
		for i := range some {
			if err := m.add(some[i], found[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	leastTogether = 8
	mostTogether  = 128
	bytesTogether = 16 << 20
)

// readTogether returns the number of keys to read next, after some keys whose items had this many bytes: as many as
// have bytesTogether, if the next ones are as large. A key of a year with sketches may have some megabytes.
func readTogether(keys, bytes int) int {
	if keys == 0 {
		return leastTogether
	}
	return max(leastTogether, min(mostTogether, bytesTogether*keys/max(1, bytes)))
}
