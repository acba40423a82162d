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

// Key names an object, for example "events/dt=2026-11-22/slot=211500/01JD8Z6B1QZ0W6V3T5YJ9K4M2N.ndjson.zst". Event keys sort by slot, then
// by request: that is archive order.
type Key string

const (
	// LayoutKey is where the layout stands.
	LayoutKey Key = "events/_layout.json"

	eventsPrefix = "events/dt="
	eventsSuffix = ".ndjson.zst"
	slotFormat   = "2006-01-02/slot=150405"
)

// FirstEvent and EndOfEvents bound the keys of all event objects.
const (
	FirstEvent  Key = eventsPrefix
	EndOfEvents Key = "events/dt>"
)

// After is the smallest key greater than k.
func (k Key) After() Key { return k + "\x00" }

// SlotKey comes before every event key of slot s, and after every one of earlier slots.
func SlotKey(s slot.Slot) Key {
	return Key(eventsPrefix + s.Start().Format(slotFormat) + "/")
}

// EventsKey is where the accepted events of one request go.
func EventsKey(s slot.Slot, request ulid.ULID) Key {
	return SlotKey(s) + Key(request.String()) + eventsSuffix
}

// ParseEventsKey reads what EventsKey writes, and only that: one request has one key. An error means a foreign object among the events.
func ParseEventsKey(key Key) (slot.Slot, ulid.ULID, error) {
	rest, ok := strings.CutPrefix(string(key), eventsPrefix)
	if ok {
		rest, ok = strings.CutSuffix(rest, eventsSuffix)
	}
	cut := strings.LastIndexByte(rest, '/')
	if !ok || cut < 0 {
		return 0, ulid.ULID{}, fmt.Errorf("object %q is not events/dt=YYYY-MM-DD/slot=HHMMSS/<ULID>%s", key, eventsSuffix)
	}
	start, err := time.Parse(slotFormat, rest[:cut])
	if err != nil {
		return 0, ulid.ULID{}, fmt.Errorf("object %q names no slot: %w", key, err)
	}
	request, err := ulid.ParseStrict(rest[cut+1:])
	if err != nil {
		return 0, ulid.ULID{}, fmt.Errorf("object %q names no request: %w", key, err)
	}
	s := slot.Slot(start.UnixMilli())
	if written := EventsKey(s, request); written != key {
		// The parsers above also take lower case and fractions of a second.
		return 0, ulid.ULID{}, fmt.Errorf("object %q is not written as %q", key, written)
	}
	return s, request, nil
}

// RejectedKey is where the rejected events of one request go, whole and with the reason.
func RejectedKey(request ulid.ULID) Key {
	day := time.UnixMilli(int64(request.Time())).UTC().Format(time.DateOnly)
	return Key("rejected/dt=" + day + "/" + request.String() + eventsSuffix)
}

// keptOfPartitionKey is how many bytes of a partition key an object's key shows: Kinesis allows 256 characters, a file name 255 bytes, an
// S3 key 1,024.
const keptOfPartitionKey = 64

// SetAsideKey is where speed puts a record that it cannot decode. A long partition key, which is nobody's lane, is kept as its beginning and
// a hash of the whole.
func SetAsideKey(partitionKey string, s event.Sequence) Key {
	if len(partitionKey) <= keptOfPartitionKey {
		return Key(fmt.Sprintf("setaside/key=%x/%s.json", partitionKey, s))
	}
	hash := sha256.Sum256([]byte(partitionKey))
	return Key(fmt.Sprintf("setaside/key=%x-%x/%s.json", partitionKey[:keptOfPartitionKey], hash[:16], s))
}

// runsPrefix is where runs keep what they are made of.
const runsPrefix = "runs/"

// IsOfRun says whether the key is one of a run, as ManifestKey and IdentitiesKey make them: an object that never changes.
func (k Key) IsOfRun() bool { return strings.HasPrefix(string(k), runsPrefix) }

// ManifestKey and IdentitiesKey name what one attempt at a run wrote. The attempt keeps a lost race's objects apart from the run's.
func ManifestKey(run uint64, attempt ulid.ULID) Key {
	return Key(fmt.Sprintf(runsPrefix+"%012d/%s/manifest.json", run, attempt))
}

// IdentitiesKey is ManifestKey's neighbour.
func IdentitiesKey(run uint64, attempt ulid.ULID) Key {
	return Key(fmt.Sprintf(runsPrefix+"%012d/%s/identities", run, attempt))
}
