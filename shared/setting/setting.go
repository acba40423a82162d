// Package setting is all that can be set of a system: each default said once, every rule between settings, and the
// archive's layout that follows from them.
//
// It knows no layer, so that a function that makes one layer links no other.
package setting

import (
	"time"

	"github.com/anabranch/anabranch/shared/clock"
	"github.com/anabranch/anabranch/shared/event"
)

// All is all that can be set of a system, the same for every part of it. A setting, the parameter of the template and
// the variable of a function are one word in three spellings: SealDelay, SealDelay, SEAL_DELAY. What is tagged
// `variable:"-"` has neither parameter nor variable: only tests and systems without a cloud have a reason to change
// it.
type All struct {
	// Length of a slot: whole seconds that divide 24 h. It never changes for an archive.
	Slot time.Duration
	// Into how many lanes identities are dealt. It never changes for an archive. Danger: a lane passes through one shard,
	// so that too few lanes bound what the stream carries: about 10,000 events a second each.
	Lanes int
	// Between the stamps of two copies that batch counts once. It never changes for an archive.
	DedupeWindow time.Duration
	// The same for speed. It never changes for an archive.
	SpeedWindow time.Duration

	// By how much a function's clock and the archive's may differ; at a larger difference functions refuse to work. 0
	// where there is one clock.
	ClockMargin time.Duration
	// The unit in which the archive tells its time: S3 tells whole seconds.
	ClockUnit time.Duration `variable:"-"`
	// A request's archive put is given up this long after its arrival, and the client told to send again.
	CommitWithin time.Duration
	// Decoded bytes of a request. Danger: every reader of the archive and the stream must take what ingest writes.
	MaxBody int `variable:"-"`

	// Batch takes a slot this long after its end.
	SealDelay time.Duration
	// How often batch comes. An answer warns when its horizon is older than twice Slot + SealDelay + BatchEvery.
	BatchEvery time.Duration
	// Slots this far below the horizon are listed again, for objects that came late. Danger: an object that is on its way
	// for longer is not counted by batch until the views are built anew.
	Lookback time.Duration
	// A run of batch reads so many bytes of objects, as stored, unless one slot has more. Danger: it holds them decoded
	// in memory, ten times as much or more, and has to be done within the function's time.
	RunBytes int64
	// A run is swept this long after its horizon. Danger: too soon and what is merely slow is published again, which
	// costs and harms nothing.
	SweepAfter time.Duration
	// Events older than this are put into the stream by nobody: a run that lacks something for so long is passed by the
	// sweep, and Kappa views say that they are incomplete. Danger: more than speed has, and seen items expire while copies
	// may still come: they count twice.
	MaxStreamAge time.Duration
	// Ingest publishes a request for so long after its commit: no longer than its function may run.
	PublishTime time.Duration `variable:"-"`

	// How long the stream keeps records. Danger: less than it does, and a record that comes again late finds neither the
	// item that it was folded into nor the seen item, and counts twice until batch has covered both copies; more, and
	// replay takes seen items that have expired for such as never were.
	StreamRetention time.Duration
	// How long the republish queue keeps a message, as infra/storage.yaml makes it.
	QueueRetention time.Duration `variable:"-"`
	// How long a speed item lives after its slot. Danger: a slot that batch has not taken over by then is gone from
	// answers until it has.
	SpeedRetain time.Duration

	// A generation that has served is kept current for so long, so that the definition before can be deployed again and
	// serves at the next tick.
	RetainFor time.Duration
	// What takes the place of something that serves waits for an operator.
	RequireApproval bool
	// The writes that announce a definition and confirm it take no longer; what does is announced again.
	ConfirmWithin time.Duration `variable:"-"`
	// The items of a generation that was given up are left to queries for so long: longer than any query takes, and an
	// HTTP API waits 30 s for one.
	DropGrace time.Duration `variable:"-"`

	// A step of replay folds so many bytes of objects, as stored, unless one run has more. Danger: as with RunBytes.
	ReplayBytes int64
	// A tick of replay begins no step when it has folded so many bytes: with the schedule, the rate of replay. 0: as fast
	// as it can.
	ReplayTickBytes int64
	// A view is audited so often without being asked for. Each audit reads the whole archive.
	AuditEvery time.Duration
	// No invocation takes longer. Source: Lambda quotas, function timeout.
	LongestInvocation time.Duration `variable:"-"`

	// Windows that one answer may have. Danger: Lambda gives no answer above 6 MB, which some 10,000 rows with parts can
	// be.
	MaxRows int
	// Of 100 queries, how many the candidate to serve next answers too; only counts come of it. Danger: each of them
	// reads three times as much or more, and is answered up to 2 s later.
	ShadowPercent int

	// The authorizer reads the secret with the keys again when its copy is older. Danger: a key that was taken out of the
	// secret is good for so long, and for the minute that the gateway keeps answers.
	KeyFresh time.Duration
	// The keys of the secret's previous version are good for so long after the current one was made. 0: not at all, for
	// keys that got out.
	KeyGrace time.Duration

	// How often publishing is tried, and a put that another try may mend: a client waits meanwhile.
	PublishTries int `variable:"-"`
	// How often a conditional write is tried, each time from what is stored by then: others write the same thing a few
	// times at most.
	WriteTries int `variable:"-"`
}

// Default are the settings of a system of which nobody has said anything: the one place that says each default.
func Default() All {
	return All{
		Slot: 5 * time.Minute, Lanes: 4, DedupeWindow: 24 * time.Hour, SpeedWindow: time.Hour,
		ClockMargin: 30 * time.Second, ClockUnit: clock.Second, CommitWithin: 10 * time.Second, MaxBody: 4 << 20,
		SealDelay: time.Minute, BatchEvery: time.Minute, Lookback: 3 * time.Hour, RunBytes: 16 << 20, SweepAfter: 10 * time.Minute,
		MaxStreamAge: 72 * time.Hour, PublishTime: 29 * time.Second,
		StreamRetention: 72 * time.Hour, QueueRetention: 4 * 24 * time.Hour, SpeedRetain: 7 * 24 * time.Hour,
		RetainFor: 24 * time.Hour, ConfirmWithin: 10 * time.Second, DropGrace: time.Minute,
		ReplayBytes: 32 << 20, AuditEvery: 24 * time.Hour, LongestInvocation: 15 * time.Minute,
		MaxRows: 10_000, KeyFresh: 5 * time.Minute, KeyGrace: 24 * time.Hour, PublishTries: 3, WriteTries: 8,
	}
}

// RetainSeen is how long a seen item lives: the sum of all that may pass until the last copy of one of its events is
// read, and the speed window between the two, by any two clocks. A copy is put into the stream when it is as old as may
// be, by a request of the queue, and is read when the stream would drop it.
func (s All) RetainSeen() time.Duration {
	return s.MaxStreamAge + s.QueueRetention + s.StreamRetention + s.SpeedWindow + 2*s.ClockMargin + s.LongestInvocation
}

// PublishWithin is how long after its arrival ingest still publishes a request.
func (s All) PublishWithin() time.Duration { return s.CommitWithin + s.PublishTime }

// LateAfter is how old a horizon is at which answers warn of it: twice what it takes when batch comes and goes as it
// should.
func (s All) LateAfter() time.Duration { return 2 * (s.Slot + s.SealDelay + s.BatchEvery) }

// maxStamps is more than the stamps of a request's events can take.
const maxStamps = 1 << 20

// NewCodec makes the codec of every part: for the lines of one request with their stamps.
func (s All) NewCodec() (*event.Codec, error) { return event.NewCodec(s.MaxBody + maxStamps) }
