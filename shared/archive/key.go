package archive

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
)

// Key names an object, for example "events/dt=2026-11-22/slot=211500/01JD8Z6B1QZ0W6V3T5YJ9K4M2N.ndjson.zst". Event keys
// sort by slot, then by request. This is archive order.
type Key string

const (
	eventsPrefix = "events/dt="
	eventsSuffix = ".ndjson.zst"
	slotFormat   = "2006-01-02/slot=150405"
)

// FirstEvent and EndOfEvents bound the keys of all event objects.
const (
	FirstEvent  Key = eventsPrefix
	EndOfEvents Key = "events/dt>"
)

// After returns the smallest key greater than k.
func (k Key) After() Key { return k + "\x00" }

// LayoutKey returns the key of a layout.
func LayoutKey(number int) Key { return Key(fmt.Sprintf("events/_layouts/%d.json", number)) }

// SlotKey returns a key that sorts before every event key of slot s, and after every event key of earlier slots.
func SlotKey(s slot.Slot) Key {
	return Key(eventsPrefix + s.Start().Format(slotFormat) + "/")
}

// ArrivalKey returns a key that sorts before the event keys of all requests that arrived at an instant or later, and
// after those of all earlier ones. The slots must have the given length.
func ArrivalKey(length slot.Length, arrival event.Millis) Key {
	var request ulid.ULID
	_ = request.SetTime(uint64(arrival)) // it fails only for years after 10,000
	const digitsOfTime = 10
	return SlotKey(length.Of(event.Stamp{Request: request})) + Key(request.String()[:digitsOfTime])
}

// EventsKey returns the key of the accepted events of one request.
func EventsKey(s slot.Slot, request ulid.ULID) Key {
	return SlotKey(s) + Key(request.String()) + eventsSuffix
}

// ParseEventsKey reads only what EventsKey writes: one request has one key. An error means that a foreign object is
// among the events.
func ParseEventsKey(key Key) (slot.Slot, ulid.ULID, error) {
	rest, ok := strings.CutPrefix(string(key), eventsPrefix)
	if ok {
		rest, ok = strings.CutSuffix(rest, eventsSuffix)
	}
	cut := strings.LastIndexByte(rest, '/')
	if !ok || cut < 0 {
		return 0, ulid.ULID{}, fmt.Errorf("invalid events key %q: must be events/dt=YYYY-MM-DD/slot=HHMMSS/<ULID>%s", key,
			eventsSuffix)
	}
	start, err := time.Parse(slotFormat, rest[:cut])
	if err != nil {
		return 0, ulid.ULID{}, fmt.Errorf("invalid slot in events key %q: %w", key, err)
	}
	request, err := ulid.ParseStrict(rest[cut+1:])
	if err != nil {
		return 0, ulid.ULID{}, fmt.Errorf("invalid request in events key %q: %w", key, err)
	}
	s := slot.Slot(event.MillisOf(start))
	if written := EventsKey(s, request); written != key {
		// The parsers above also take lower case and fractions of a second.
		return 0, ulid.ULID{}, fmt.Errorf("invalid events key %q: must be written as %q", key, written)
	}
	return s, request, nil
}

// RejectedKey returns the key of the rejected events of one request. The object holds each event whole, with the
// reason.
func RejectedKey(request ulid.ULID) Key {
	day := event.ArrivalOf(request).Time().Format(time.DateOnly)
	return Key("rejected/dt=" + day + "/" + request.String() + eventsSuffix)
}

// keptOfPartitionKey is how many bytes of a partition key appear in an object's key. Kinesis allows 256 characters, a
// file name 255 bytes, an S3 key 1,024.
const keptOfPartitionKey = 64

// SetAsideKey returns the key of a record that speed cannot decode. A long partition key cannot be a lane; it is
// shortened to its beginning and a hash of the whole.
func SetAsideKey(partitionKey string, s event.Sequence) Key {
	if len(partitionKey) <= keptOfPartitionKey {
		return Key(fmt.Sprintf("setaside/key=%x/%s.json", partitionKey, s))
	}
	hash := sha256.Sum256([]byte(partitionKey))
	return Key(fmt.Sprintf("setaside/key=%x-%x/%s.json", partitionKey[:keptOfPartitionKey], hash[:16], s))
}

// runsPrefix begins the keys of all objects of runs.
const runsPrefix = "runs/"

// IsOfRun reports whether the key belongs to a run's manifest or identities.
func (k Key) IsOfRun() bool { return strings.HasPrefix(string(k), runsPrefix) }

// ManifestKey returns the key of the manifest that one attempt at a run wrote. The attempt keeps the objects of a lost
// race apart from the run's.
func ManifestKey(run uint64, attempt ulid.ULID) Key {
	return Key(fmt.Sprintf(runsPrefix+"%012d/%s/manifest.json", run, attempt))
}

// IdentitiesKey returns the key of the identities that one attempt at a run wrote.
func IdentitiesKey(run uint64, attempt ulid.ULID) Key {
	return Key(fmt.Sprintf(runsPrefix+"%012d/%s/identities", run, attempt))
}
