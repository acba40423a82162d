package runs

import (
	"encoding/json"
	"fmt"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/slot"
)

const manifestVersion = 2 // version 1 had another name for the number of late objects

// Manifest is the frozen input of a run: the objects that it reads, in archive order.
type Manifest struct {
	Version     int              `json:"version"`
	Run         uint64           `json:"run"`
	From        slot.Slot        `json:"from"` // the horizon before the run, Unix milliseconds; objects below it are late
	To          slot.Slot        `json:"to"`   // the run's horizon
	LateObjects int              `json:"late_objects"`
	Objects     []ManifestObject `json:"objects"`
}

// ManifestObject is an object that a run reads.
type ManifestObject struct {
	archive.Object
	// The lanes of its lines, ascending; receipts of its request are searched there. None for an object of a slot before
	// the layout began: its lines never go through the stream.
	Lanes []LaneEvents `json:"lanes,omitempty"`
}

// LaneEvents is the number of distinct events of an object in one lane.
type LaneEvents struct {
	Lane   int `json:"lane"`
	Events int `json:"events"`
}

// EncodeManifest encodes a manifest. Equal manifests have equal bytes.
func EncodeManifest(m Manifest) []byte {
	m.Version = manifestVersion
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return text
}

// DecodeManifest reads what EncodeManifest wrote.
func DecodeManifest(text []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	if m.Version != manifestVersion {
		return Manifest{}, fmt.Errorf("manifest of version %d, this release reads version %d: run the release that wrote "+
			"it, or deploy a new stack", m.Version, manifestVersion)
	}
	return m, nil
}
