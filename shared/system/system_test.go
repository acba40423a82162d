package system_test

import (
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/system"
)

// TestNewChecks checks that New makes no system from settings that break a rule.
func TestNewChecks(t *testing.T) {
	s := setting.Default()
	s.SealDelay = 0
	if _, err := system.New(system.Stores{}, s, setting.Host{}); err == nil ||
		!strings.Contains(err.Error(), "SealDelay=0s") {
		t.Errorf("error is %v", err)
	}
}

// TestLayersAreWhole checks that every field of every layer is set.
func TestLayersAreWhole(t *testing.T) {
	length, err := slot.NewLength(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	settings := setting.Default()
	settings.RequireApproval, settings.ReplayTickBytes = true, 1 // no zero, so that a field that is left out is seen
	codec, err := settings.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	stores := system.Stores{
		Archive: &memory.Archive{}, Stream: memory.NewStream(1), Queue: &memory.Queue{}, Catalog: &memory.Catalog{},
		Base:  &memory.Base{},
		Speed: &memory.Speed{}, Seen: &memory.Seen{}, Programs: &programs.Cache{},
	}
	s, err := system.New(stores, settings, setting.Host{
		Layout: archive.Layout{Number: 1, Slot: length}, Codec: codec, Parallel: runner.Sequential, Workers: 1,
		Now: time.Now, NewULID: func(time.Time) (ulid.ULID, error) { return ulid.ULID{}, nil },
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range []any{
		s.Ingest(), s.Republisher(), s.Speed(), s.Replay(), s.Batch([]lifecycle.Definition{{}}), s.Sweep(), s.Audit(),
		s.Serving(), s.Comparer(), s.Operations(),
	} {
		of := reflect.ValueOf(layer).Elem()
		for i := range of.NumField() {
			f := of.Type().Field(i)
			if f.IsExported() && of.Field(i).IsZero() {
				t.Errorf("%T.%s is not given", layer, f.Name)
			}
		}
	}
}
