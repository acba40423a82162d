// Package setting holds every setting of a system: its default, the rules between settings, and the archive's layout
// that follows from them.
//
// It imports no layer, so a function that makes one layer links no other.
package setting

import (
	"log/slog"
	"time"

	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
)

// All holds every setting; each part of a system has the same ones. A setting, its parameter in the template and its
// environment variable share one name: SealDelay, SealDelay, SEAL_DELAY. A setting tagged `variable:"-"` has neither
// parameter nor variable: only tests, and systems outside the cloud, have a reason to change it.
type All struct {
	// Length of a slot: whole seconds that divide 24 h. An archive never changes it.
	Slot time.Duration
	// Number of the archive's layout that this system uses: 1 for a new archive. A system that takes over an archive, with
	// a new stream and new tables, uses the next number.
	Layout int
	// Number of lanes that identities are divided into. A layout never changes it. Danger: a lane passes through one
	// shard, so too few lanes limit the stream: each carries about 10,000 events a second.
	Lanes int
	// Batch counts two events of one identity once if their arrivals are at most this far apart. An archive never
	// changes it.
	DedupeWindow time.Duration
	// The same window for speed. An archive never changes it.
	SpeedWindow time.Duration

	// Maximum difference between a function's clock and the archive's; functions refuse to work above it. 0 where there
	// is only one clock.
	ClockMargin time.Duration
	// Resolution of the archive's clock: S3 returns whole seconds.
	ClockUnit time.Duration `variable:"-"`
	// Ingest gives up the archive put of a request this long after the request arrived, and asks the client to send it
	// again.
	CommitWithin time.Duration
	// Maximum decoded bytes of a request. Danger: every reader of the archive and the stream must accept what ingest
	// writes.
	MaxBody int `variable:"-"`

	// Batch covers a slot this long after the end of the slot.
	SealDelay time.Duration
	// Time between two ticks of batch. An answer warns when its horizon is older than twice Slot + SealDelay +
	// BatchEvery.
	BatchEvery time.Duration
	// Batch lists slots this far below the horizon again, to find late objects. Danger: batch does not count an object
	// that takes longer to appear until the views are rebuilt.
	Lookback time.Duration
	// Maximum stored bytes of objects that a run of batch reads; a single slot may have more. Danger: batch holds them
	// decoded in memory, ten times as much or more, and must finish within the function's timeout.
	RunBytes int64
	// The sweep checks a run this long after its horizon. Danger: when it is too short, the sweep publishes events that
	// are only slow, which costs money but does no harm.
	SweepAfter time.Duration
	// Maximum age of events that are put into the stream. The sweep gives up events of a run that are still missing at
	// this age, and Kappa views say that they are incomplete. Danger: RetainSeen grows with it; if seen items expire
	// while duplicates may still come, events count twice.
	MaxStreamAge time.Duration
	// Ingest publishes a request for this long after its commit. It must not exceed the function's timeout.
	PublishTime time.Duration `variable:"-"`

	// How long the stream keeps records; it must match the stream. Danger: when it is shorter than the stream's own, a
	// record that is read late finds neither its speed item nor its seen item, and counts twice until batch has covered
	// both copies. When it is longer, replay mistakes expired seen items for ones that never existed.
	StreamRetention time.Duration
	// How long the republish queue keeps a message; infra/storage.yaml sets it.
	QueueRetention time.Duration `variable:"-"`
	// How long a speed item lives after its slot. Danger: answers lack a slot whose items expire before batch has
	// covered it, until batch covers it.
	SpeedRetain time.Duration

	// How long a generation is kept current after it served, so that deploying its definition again makes it serve at
	// the next tick.
	RetainFor time.Duration
	// A generation that would replace a serving one waits for an operator.
	RequireApproval bool
	// Time for the writes that announce and confirm a definition. When they take longer, it is announced again.
	ConfirmWithin time.Duration `variable:"-"`
	// How long the items of a generation stay after it was given up. This must be longer than any query takes; an HTTP
	// API waits 30 s for one.
	DropGrace time.Duration `variable:"-"`

	// Maximum stored bytes of objects that a step of replay folds; a single run may have more. Danger: see RunBytes.
	ReplayBytes int64
	// A tick of replay begins no further step after folding this many bytes, which together with the schedule limits
	// the rate of replay. 0: no limit.
	ReplayTickBytes int64
	// Time between two audits of a view that nobody requested. Each audit reads the whole archive.
	AuditEvery time.Duration
	// A function that works holds a lease for this long, and renews it. After it was killed, the next tick waits until
	// the lease has expired: at most two ticks of a minute. 0: there are no leases, since one process does everything.
	LeaseFor time.Duration `variable:"-"`
	// Maximum time of an invocation. Source: Lambda quotas, function timeout.
	LongestInvocation time.Duration `variable:"-"`

	// Maximum number of windows in one answer. An answer of fewer windows may still exceed MaxAnswer.
	MaxRows int
	// Maximum number of keys that a query of many keys reads. Danger: the client waits for a read or two of each.
	MaxKeys int `variable:"-"`
	// Maximum size of the items that a query reads, in bytes. Danger: the client waits meanwhile, and the gateway gives
	// up after 30 s.
	MaxRead int `variable:"-"`
	// Maximum memory of the states of all rows that a query merges, in bytes. Danger: the function of a query needs about
	// twice as much, and memory for the items that it reads.
	MaxMerged int `variable:"-"`
	// Maximum size of an answer as its function returns it, in bytes: JSON whose body is a string, or base64 of a packed
	// body. Danger: Lambda returns no answer above 6,291,556 bytes, and the client gets a 500.
	//
	// Source: Lambda quotas, 6 MB for each response.
	MaxAnswer int `variable:"-"`
	// Percentage of queries that the candidate to serve next answers too; only metrics result from it. Danger: each
	// such query reads three times as much or more, and takes up to 2 s longer.
	ShadowPercent int

	// The authorizer reads the secret again when its copy is older than this. Danger: a key removed from the secret
	// stays valid this long, plus the minute for which the gateway caches the authorizer's answers.
	KeyFresh time.Duration
	// Keys of the secret's previous version stay valid this long after the current version was made. 0: not at all, for
	// leaked keys.
	KeyGrace time.Duration

	// The lowest level of the lines that functions log. They print their metrics at every level.
	LogLevel slog.Level

	// Maximum number of tries of a publication, and of a put that may succeed when repeated. A client waits meanwhile.
	PublishTries int `variable:"-"`
	// Maximum number of tries of a conditional write. Each try starts from what is then stored; few writers compete for
	// the same item.
	WriteTries int `variable:"-"`
}

// Default returns the default settings. No other place defines a default.
func Default() All {
	return All{
		Slot: 5 * time.Minute, Layout: 1, Lanes: 1, DedupeWindow: 24 * time.Hour, SpeedWindow: time.Hour,
		ClockMargin: 30 * time.Second, ClockUnit: clock.Second, CommitWithin: 10 * time.Second, MaxBody: 4 << 20,
		SealDelay: time.Minute, BatchEvery: time.Minute, Lookback: 3 * time.Hour, RunBytes: 16 << 20,
		SweepAfter: 10 * time.Minute, MaxStreamAge: 72 * time.Hour, PublishTime: 29 * time.Second,
		StreamRetention: 24 * time.Hour, QueueRetention: 4 * 24 * time.Hour, SpeedRetain: 7 * 24 * time.Hour,
		RetainFor: 24 * time.Hour, ConfirmWithin: 10 * time.Second, DropGrace: time.Minute,
		ReplayBytes: 32 << 20, AuditEvery: 24 * time.Hour, LeaseFor: 2 * time.Minute, LongestInvocation: 15 * time.Minute,
		MaxRows: 10_000, MaxKeys: 5_000, MaxRead: 256 << 20, MaxMerged: 128 << 20, MaxAnswer: 6 << 20,
		KeyFresh:     5 * time.Minute,
		KeyGrace:     24 * time.Hour,
		PublishTries: 3, WriteTries: 8,
	}
}

// RetainSeen returns how long a seen item lives. The sum covers the longest time until the last duplicate of its event
// can be read: a message of the republish queue puts the event into the stream at the maximum age, and speed reads the
// record just before the stream drops it. It also covers the speed window and the difference between any two clocks.
func (s All) RetainSeen() time.Duration {
	return s.MaxStreamAge + s.QueueRetention + s.StreamRetention + s.SpeedWindow + 2*s.ClockMargin + s.LongestInvocation
}

// BeginWithin returns how long after the stream took a record speed may begin to apply it. An invocation that begins
// later could still work when the stream drops the record.
func (s All) BeginWithin() time.Duration {
	return s.StreamRetention - s.LongestInvocation - 2*s.ClockMargin
}

// PublishWithin returns how long after the arrival of a request ingest still publishes it.
func (s All) PublishWithin() time.Duration { return s.CommitWithin + s.PublishTime }

// LateAfter returns the age of a horizon above which answers warn: twice the normal delay of batch.
func (s All) LateAfter() time.Duration { return 2 * (s.Slot + s.SealDelay + s.BatchEvery) }

// maxStamps is an upper bound for the bytes that the stamps of a request's events take.
const maxStamps = 1 << 20

// NewCodec returns the codec for the stamped lines of one request. Every part of a system uses it.
func (s All) NewCodec() (*event.Codec, error) { return event.NewCodec(s.MaxBody + maxStamps) }
