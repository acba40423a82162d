package dirarchive_test

import (
	"fmt"
	"testing"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/dirarchive"
)

// BenchmarkPut measures the speed of the disk: it makes an object of 100 KB durable, in an existing folder and in a new
// one.
func BenchmarkPut(b *testing.B) {
	body := make([]byte, 100_000)
	for name, key := range map[string]string{
		"known folder": "events/dt=2026-11-22/slot=211500/%d",
		"new folder":   "events/dt=2026-11-22/slot=%d/object",
	} {
		b.Run(name, func(b *testing.B) {
			a, err := dirarchive.Open(b.TempDir(), now)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			for n := 0; b.Loop(); n++ {
				if _, err := a.Put(b.Context(), archive.Key(fmt.Sprintf(key, n)), body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
