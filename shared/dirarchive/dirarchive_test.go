package dirarchive_test

import (
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/conformance"
	"github.com/anabranch/anabranch/shared/dirarchive"
)

func TestArchive(t *testing.T) {
	conformance.Archive(t, func(t *testing.T) archive.Archive {
		a, err := dirarchive.Open(t.TempDir(), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return a
	})
}
