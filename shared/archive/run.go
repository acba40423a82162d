package archive

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
)

const manifestVersion = 2 // version 1 had another name for the number of late objects

// Manifest is the frozen input of a run: the objects that it reads, in archive order.
type Manifest struct {
	Version     int       `json:"version"`
	Run         uint64    `json:"run"`
	From        slot.Slot `json:"from"` // the horizon before the run, Unix milliseconds; objects below it are late
	To          slot.Slot `json:"to"`   // the run's horizon
	LateObjects int       `json:"late_objects"`
	Objects     []Input   `json:"objects"`
}

// Input is an object that a run reads.
type Input struct {
	Object
	// The lanes of its lines, ascending; receipts of its request are searched there.
	Lanes []LaneEvents `json:"lanes,omitempty"`
}

// LaneEvents is the number of distinct events of an object in one lane. As in seen items, the lower half of the
// identity distinguishes events.
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

// Seen is what a run records about one event, counted or dropped.
type Seen struct {
	Identity event.Identity
	Arrival  event.Millis // arrival of the stamp
	Payload  uint64       // hash of the line without its stamp; another payload with the same identity is a conflict
}

const (
	identitiesMagic = "ABID\x01" // the last byte is the format's version
	seenSize        = 32
)

// ErrCorrupt means that the content of an object does not have the format that its key promises. Retrying does not
// help.
var ErrCorrupt = errors.New("corrupt object")

// EncodeIdentities encodes a run's identities in archive order: 32 bytes each, big-endian, after a short header.
func EncodeIdentities(all []Seen) []byte {
	out := make([]byte, 0, len(identitiesMagic)+seenSize*len(all))
	out = append(out, identitiesMagic...)
	for _, s := range all {
		out = binary.BigEndian.AppendUint64(out, s.Identity.Hi)
		out = binary.BigEndian.AppendUint64(out, s.Identity.Lo)
		out = binary.BigEndian.AppendUint64(out, uint64(s.Arrival))
		out = binary.BigEndian.AppendUint64(out, s.Payload)
	}
	return out
}

// DecodeIdentities calls each for every identity in order.
//
// Errors: ErrCorrupt, before the first call.
func DecodeIdentities(data []byte, each func(Seen)) error {
	if len(data) < len(identitiesMagic) || string(data[:len(identitiesMagic)]) != identitiesMagic {
		return fmt.Errorf("identities without the header %q: %w", identitiesMagic, ErrCorrupt)
	}
	data = data[len(identitiesMagic):]
	if len(data)%seenSize != 0 {
		return fmt.Errorf("identities of %d bytes, which is not a multiple of %d: %w", len(data), seenSize, ErrCorrupt)
	}
	for ; len(data) > 0; data = data[seenSize:] {
		each(Seen{
			Identity: event.Identity{Hi: binary.BigEndian.Uint64(data), Lo: binary.BigEndian.Uint64(data[8:])},
			Arrival:  event.Millis(binary.BigEndian.Uint64(data[16:])),
			Payload:  binary.BigEndian.Uint64(data[24:]),
		})
	}
	return nil
}
