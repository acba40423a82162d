package mutants

const (
	leaseFile   = "shared/lease/lease.go"
	foundFile   = "shared/catalog/leases.go"
	noAnswer    = "no answer depends on a lease"
	leaseTests  = "shared/lease"
	noBuildLost = "a build that is given up is built again in the end of each history"
)

// ofLeases returns mistakes of leases, and of what gives up work that is killed each time.
func ofLeases() []Mutant {
	return []Mutant{
		{
			Name: "lease-of-a-wrong-clock", Design: "3.12",
			Mistake: "a lease that a function with a wrong clock wrote holds everybody back until that time",
			Edits:   []Edit{{foundFile, `	if l.Until > event.MillisOf(now.Add(l.longest(length))) {`, `	if l.longest(length) < 0 {`}},
			Killer:  Killer{"shared/catalog", "^TestFound$", noAnswer},
		},
		{
			Name: "lease-not-given-back", Design: "3.12",
			Mistake: "a function that ends keeps its lease until that expires",
			Edits:   []Edit{{leaseFile, `	h.giveBack(ctx)`, ``}},
			Killer:  Killer{leaseTests, "^TestOneAtATime$", noAnswer},
		},
		{
			Name: "lease-never-expires", Design: "3.12",
			Mistake: "the lease of a function that was killed is held for ever",
			Edits:   []Edit{{foundFile, `	if l.Holder != "" && l.Until <= event.MillisOf(now) {`, `	if l.Until < 0 {`}},
			Killer:  Killer{"shared/simulation", "^TestKilledHolderDelaysTwoTicks$", noAnswer},
		},
		{
			Name: "held-lease-taken", Design: "3.12",
			Mistake: "a function takes a lease that another one holds",
			Edits:   []Edit{{foundFile, `{ return l.Holder != "" }`, `{ return false }`}},
			Killer:  Killer{leaseTests, "^TestOneAtATime$", noAnswer},
		},
		{
			Name: "lost-lease-taken-back", Design: "3.12",
			Mistake: "a holder that has lost its lease takes it back while the next one works",
			Edits:   []Edit{{leaseFile, `		if stored.Holder != h.lease.Holder {`, `		if false {`}},
			Killer:  Killer{leaseTests, "^TestFrozenHolder$", noAnswer},
		},
		{
			Name: "no-work-without-lease", Design: "3.12",
			Mistake: "a function that cannot read its lease does nothing",
			Edits: []Edit{{leaseFile, `"lease", w.Name, "error", err)
		return Held{}, work(ctx)`, `"lease", w.Name, "error", err)
		return Held{Busy: true}, nil`}},
			Killer: Killer{leaseTests, "^TestWithoutLease$", "a table that is down stops the work as well"},
		},
		{
			Name: "error-counts-as-kill", Design: "3.12",
			Mistake: "work that returns with an error counts as killed",
			Edits:   []Edit{{leaseFile, `	outOfTime := ok && !now.Before(deadline)`, `	outOfTime := ok || !now.Before(deadline)`}},
			Killer:  Killer{leaseTests, "^TestErrorIsNoKill$", noAnswer},
		},
		{
			Name: "out-of-time-is-no-kill", Design: "3.12",
			Mistake: "work that its invocation has no time for is begun again at every tick, for ever",
			Edits:   []Edit{{leaseFile, `	outOfTime := ok && !now.Before(deadline)`, `	outOfTime := ok && deadline.IsZero()`}},
			Killer:  Killer{leaseTests, "^TestOutOfTime$", noAnswer},
		},
		{
			Name: "kills-not-counted", Design: "3.12",
			Mistake: "a build that is killed each time is begun again for ever",
			Edits: []Edit{{foundFile, `	l.Killed++
`, ``}},
			Killer: Killer{"shared/simulation", "^TestBuildGivenUp$", "no history kills a build for ever"},
		},
		{
			Name: "no-wait-after-kills", Design: "3.12",
			Mistake: "a run that is killed each time is begun at every other tick",
			Edits:   []Edit{{foundFile, `	if l.Killed > 1 {`, `	if l.Killed < 0 {`}},
			Killer:  Killer{"shared/simulation", "^TestRunAlwaysKilled$", noAnswer},
		},
		{
			Name: "kills-of-another-generation", Design: "3.12",
			Mistake: "a new generation begins with the kills of the one before",
			Edits:   []Edit{{foundFile, `(l.Of != of || l.Memory != memory)`, `l.Memory != memory`}},
			Killer:  Killer{"shared/simulation", "^TestBuildGivenUp$", noBuildLost},
		},
		{
			Name: "more-memory-changes-nothing", Design: "3.12",
			Mistake: "an audit that was given up stays so after the function got more memory",
			Edits:   []Edit{{foundFile, `(l.Of != of || l.Memory != memory)`, `(l.Of != of || memory < 0)`}},
			Killer:  Killer{leaseTests, "^TestMoreMemory$", noAnswer},
		},
		{
			Name: "throttled-holder-counts-as-killed", Design: "3.12",
			Mistake: "builds that could not renew their leases for a while are given up, although nobody was killed",
			Edits:   []Edit{{leaseFile, `	if errors.Is(err, errLost) && !outOfTime {`, `	if false {`}},
			Killer:  Killer{leaseTests, "^TestThrottledIsNoKill$", noBuildLost},
		},
		{
			Name: "renewal-restores-the-count", Design: "3.12",
			Mistake: "a renewal writes the count of kills again that the holder before has taken back",
			Edits: []Edit{{leaseFile, `		next = change(stored)`, `		next = change(h.lease)
		next.Revision = stored.Revision`}},
			Killer: Killer{leaseTests, "^TestThrottledIsNoKill$", noBuildLost},
		},
		{
			Name: "given-up-before-the-wait", Design: "3.12",
			Mistake: "a build is given up before the holders that could not renew had time to say that they live",
			Edits:   []Edit{{leaseFile, `	case found.Waits(now):`, `	case found.Waits(now) && (w.Tries == 0 || found.Killed < w.Tries):`}},
			Killer:  Killer{leaseTests, "^TestThrottledAtOnce$", noBuildLost},
		},
		{
			Name: "out-of-time-taken-back", Design: "3.12",
			Mistake: "work that outlasts its invocation and its lease is begun again for ever",
			Edits:   []Edit{{leaseFile, `	if errors.Is(err, errLost) && !outOfTime {`, `	if errors.Is(err, errLost) {`}},
			Killer:  Killer{leaseTests, "^TestOutOfTimeStaysCounted$", noAnswer},
		},
		{
			Name: "everything-waits-for-a-killed-run", Design: "3.12",
			Mistake: "while a run that was killed waits, ticks do nothing else",
			Edits: []Edit{{"shared/batch/batch.go", `	if t.report.Lease.Waits {
		err = t.work(ctx, false)`, `	if t.report.Lease.Waits {
		return t.report, nil`}},
			Killer: Killer{"shared/simulation", "^TestRunAlwaysKilled$", "no history kills a run for ever"},
		},
		{
			Name: "given-up-build-not-held", Design: "3.7",
			Mistake: "the definition of a build that was given up is built again at the next tick",
			Edits:   []Edit{{movesFile, `	next = next.putAway(g)`, `	next.Rebuild = 0`}},
			Killer:  Killer{"shared/simulation", "^TestBuildGivenUp$", noBuildLost},
		},
		{
			Name: "finished-build-given-up", Design: "3.7",
			Mistake: "batch gives up a generation that a slow build has finished meanwhile",
			Edits: []Edit{{movesFile, `	g, _ := v.Generation(id)
	if g.Run > 0 {`, `	g, _ := v.Generation(id)
	if g.Run > 0 && g.ID == "" {`}},
			Killer: Killer{"shared/lifecycle", "^TestFailed$", noBuildLost},
		},
		{
			Name: "killed-audit-begun-again", Design: "3.12",
			Mistake: "an audit that is killed each time is begun again for ever",
			Edits:   []Edit{{"shared/audit/audit.go", `Tries: auditTries, Anew:`, `Anew:`}},
			Killer:  Killer{"shared/audit", "^TestAuditGivenUp$", noAnswer},
		},
	}
}
