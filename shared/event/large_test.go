//go:build unix && (amd64 || arm64)

package event_test

import (
	"errors"
	"math"
	"syscall"
	"testing"

	"github.com/anabranch/anabranch/shared/event"
)

// TestScanRefusesBeyondFourGiB scans a batch that is almost full. Its memory is a range of addresses that nothing may
// access.
func TestScanRefusesBeyondFourGiB(t *testing.T) {
	data, err := syscall.Mmap(-1, 0, math.MaxUint32-60, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Munmap(data); err != nil {
			t.Error(err)
		}
	}()
	b := event.Batch{Data: data}
	if err := event.NewFields(nil).Scan([]byte(lineOf(least)), &b); err == nil || errors.Is(err, event.ErrLine) ||
		b.Len() != 0 || len(b.Data) != len(data) {
		t.Errorf("error %v; want one that is not ErrLine", err)
	}
}
