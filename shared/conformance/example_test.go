package conformance_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/conformance"
	"github.com/anabranch/anabranch/shared/memory"
)

// The whole test of an adapter is the suite of its contract and a function that opens a store. The name of each
// subtest is a sentence of the contract, so a failure says which promise is broken.
func Example() {
	// In the adapter's test file this is func TestArchive(t *testing.T).
	_ = func(t *testing.T) {
		conformance.Archive(t, func(*testing.T) archive.Archive { return &memory.Archive{Now: time.Now} })
	}
}
