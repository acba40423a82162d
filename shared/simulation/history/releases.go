package history

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/view/engine"
)

// In some histories functions of two releases run at once until the faults stop, as during a deployment that never
// ends. Each environment of each function belongs to one of them, so any pair of functions may be of both, and an
// invocation of the older release may freeze and wake up late. The releases differ in what a deployment may change:
//
//   - the values of settings, within the rule of setting.CheckChange,
//   - in some histories, the version of one family of stored formats: the older release refuses to read the family once
//     the newer one has written it,
//   - in histories with two versions of the engine, whether the release knows the newer one.
//
// The code is the same in all other respects: the repository holds only one.

// releases are the settings of a history with two releases.
type releases struct {
	mixed  bool
	older  olderSettings
	behind bool   // the older release does not know the newest engine
	raised string // the family of formats that differs: the first part of the name of calls; "" for none
}

// olderSettings are the settings of the older release where they may differ from those of the history.
type olderSettings struct {
	commitWithin, sealDelay, retainFor, lookback, sweepAfter time.Duration
	runBytes, replayBytes                                    int64
	approve                                                  bool
}

// hasReleases reports whether a history has two releases: one in ten, and half of those with two engines.
func hasReleases(seed uint64) bool { return seed%10 == 3 || seed%20 == 7 }

// drawReleases draws the two releases from a random source of its own, so that other histories are not affected.
func (h *history) drawReleases(seed uint64) {
	if !hasReleases(seed) {
		return
	}
	own := h.random
	h.random = rand.New(rand.NewPCG(seed, 0x72656c65617365))
	defer func() { h.random = own }()
	s := &h.settings
	s.mixed, s.behind, s.raised = true, s.engines, pick(h, "", "catalog", "base", "speed", "seen", "archive")
	if s.engines {
		s.raised = ""
	}
	if s.forgets {
		s.behind, s.raised = false, "" // speed must not refuse records until the stream drops them
	}
	// Requests and ticks aim at the end of a slot, where it matters that the releases agree.
	s.aimed, s.edgy = true, s.edgy || h.random.IntN(3) > 0
	longer := pick(h, 0, time.Second, 3*time.Second)
	if !s.forgets { // a history that forgets has every setting as short as the rules allow
		s.sealDelay += longer
		s.batchBound, s.sweptBound = s.batchBound+longer, s.sweptBound+longer
	}
	for {
		commitWithin := pick(h, time.Second, 2*time.Second, 3*time.Second)
		s.older = olderSettings{
			commitWithin: commitWithin,
			sealDelay:    commitWithin + s.margin + pick(h, 0, 0, time.Second, 2*time.Second, 4*time.Second),
			retainFor:    h.between(s.retainFor, 2*s.retainFor), // shorter ones would drop views that files leave out
			lookback:     s.lookback + h.between(0, 10*time.Minute),
			sweepAfter:   h.between(2*time.Second, s.sweepAfter),
			runBytes:     pick(h, int64(600), 3000, 64<<20),
			replayBytes:  pick(h, int64(1), 400, 2000, 1<<20),
			approve:      s.approve != (s.operatorEvery > 0 && h.random.IntN(2) == 0),
		}
		before, after := h.olderSettings(), h.systemSettings()
		if before.Check() == nil && setting.CheckChange(before, after, strconv.Quote) == nil {
			return
		}
	}
}

// olderSettings returns the settings of the older release.
func (h *history) olderSettings() setting.All {
	s, o := h.systemSettings(), h.older
	s.CommitWithin, s.SealDelay, s.RetainFor, s.Lookback = o.commitWithin, o.sealDelay, o.retainFor, o.lookback
	s.SweepAfter, s.RunBytes, s.ReplayBytes, s.RequireApproval = o.sweepAfter, o.runBytes, o.replayBytes, o.approve
	return s
}

// drawSealDelay returns the seal delay of one of the releases.
func (h *history) drawSealDelay() time.Duration {
	if h.mixed && !h.calm {
		return pick(h, h.sealDelay, h.older.sealDelay)
	}
	return h.sealDelay
}

// drawRelease decides the release of a new environment.
func (e *environment) drawRelease() {
	e.settings = e.h.systemSettings()
	if e.h.mixed && !e.h.calm && e.h.random.IntN(2) == 0 {
		e.older, e.settings = true, e.h.olderSettings()
	}
}

// definitions returns the definitions that batch of the environment's release is deployed with.
func (e *environment) definitions() []lifecycle.Definition {
	if e.older && e.h.behind {
		return e.h.kit.of(e.h.choices[0]) // of the engine that the older release knows
	}
	return e.h.kit.of(e.h.deployed)
}

var errFormat = errors.New("unknown format version: a newer release has written it")

// byFormat makes a call fail when it would read what only the newer release can read.
func (p port) byFormat(k kind, name, key string, do func() error) func() error {
	h := p.h
	family, _, _ := strings.Cut(name, ".")
	if family != h.raised || family == "archive" && !strings.HasPrefix(key, "runs/") {
		return do
	}
	return func() error {
		if p.older && !k.write && h.isRaised {
			h.count(FormatRefused)
			return errFormat
		}
		err := do()
		if err == nil && k.write && !p.older {
			h.isRaised = true
		}
		return err
	}
}

// byEngine returns a definition's text as the environment's release understands it. The older one of a history with two
// engines takes the newer engine for one that it does not know.
func (p port) byEngine(text []byte) []byte {
	newest := fmt.Appendf(nil, `"engine":%d`, engine.Newest().Version)
	if !p.older || !p.h.behind || !bytes.Contains(text, newest) {
		return text
	}
	p.h.count(EngineRefused)
	return bytes.Replace(text, newest, fmt.Appendf(nil, `"engine":%d`, engine.Newest().Version+1), 1)
}
