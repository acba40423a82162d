package model

// Configuration is one search: the size of the world, and at most one mistake.
type Configuration struct {
	Name    string // the subject of the search, or the mistake
	Sizes   string // preprocessor settings such as "REQUESTS=2 COPIES=2"; see boundary.pml
	Mistake string // M_: a mistake; E_: a harmless one; REACH_: a situation; "": the protocol
	Expect  Verdict
	Why     string // why a harmless mistake changes no answer
}

// Sizes that several configurations share. A layer that a configuration does not examine works in one step, which
// leaves room for the others.
const (
	// takeover: batch takes over slots while queries run.
	takeover = "INGEST_AT_ONCE SPEED_AT_ONCE"
	// runners: two batch functions, each of which may stop for ever at any point.
	runners = "RUNNERS=2 INGEST_AT_ONCE SPEED_AT_ONCE QUERY_AT_ONCE"
	// redelivery: speed alone. The mapping gives up an invocation, which continues or dies, while another environment gets
	// a batch that is cut differently.
	redelivery = "RUNNERS=0 END=2 ENVS=2 TIMEOUTS=1 INGEST_AT_ONCE QUERY_AT_ONCE"
	// copies: redelivery with two copies of one event.
	copies = redelivery + " COPIES=2"
	// sealing: puts land late, but within their bound.
	sealing = "SPEED_AT_ONCE QUERY_AT_ONCE"
	// lateObjects: a put lands after ingest gave it up.
	lateObjects = sealing + " LATE_PUTS"
	// swept: lateObjects, and the sweep finds the object.
	swept = lateObjects + " COPIES=2 SWEEPS=1 RECORDS=3"
	// lagging: the sweep looks for two requests, which wait in the stream or were lost when ingest died.
	lagging = "SPEED_AT_ONCE BATCH_AT_ONCE QUERY_AT_ONCE SWEEPS=2 DIES=2 RECORDS=4"
)

// Configurations returns all searches: the protocol, the situations that must come up in it, the mistakes, and the
// mistakes that change no answer.
func Configurations() []Configuration {
	var all []Configuration
	all = append(all, protocol()...)
	all = append(all, situations()...)
	all = append(all, mistakes()...)
	return append(all, harmless()...)
}

func protocol() []Configuration {
	return expect(Holds, []Configuration{
		{Name: "every step of every layer, two events", Sizes: ""},
		{Name: "two copies, ingest may die before the stream", Sizes: "COPIES=2 DIES"},
		{Name: "two copies, swept", Sizes: sealing + " COPIES=2 DIES SWEEPS=1 RECORDS=3"},
		{Name: "a stream that lags, two requests that may be lost", Sizes: lagging},
		{Name: "a stream that lags, commit within the slot", Sizes: lagging + " WITHIN=0"},
		{Name: "a stream that lags, clocks that differ by the margin", Sizes: lagging + " SLOTS=3 WITHIN=0 SKEW=1"},
		{Name: "redelivery, two events, a write that fails", Sizes: redelivery + " FAILURES=1"},
		{Name: "redelivery, two copies, one published twice", Sizes: copies + " PUBLISHES_TWICE RECORDS=3"},
		{Name: "redelivery while batch takes over", Sizes: "ENVS=2 TIMEOUTS=1 INGEST_AT_ONCE BATCH_AT_ONCE QUERY_AT_ONCE"},
		{Name: "two batch functions, two events", Sizes: runners},
		{Name: "two batch functions, two copies", Sizes: runners + " COPIES=2"},
		{Name: "two batch functions, every step of a query", Sizes: "REQUESTS=1 RUNNERS=2 INGEST_AT_ONCE SPEED_AT_ONCE"},
		{Name: "two batch functions, a late object, swept", Sizes: lateObjects + " REQUESTS=1 RUNNERS=2 SWEEPS=1 RECORDS=2"},
		{Name: "a late object, a client's retry, the sweep", Sizes: swept},
		{Name: "redelivery, two batch functions, a late object",
			Sizes: "REQUESTS=1 SLOTS=1 ENVS=2 TIMEOUTS=1 RUNNERS=2 LATE_PUTS"},
		{Name: "clocks that differ by the margin", Sizes: sealing + " SKEW=1"},
		{Name: "two lanes", Sizes: "LANES=2 INGEST_AT_ONCE BATCH_AT_ONCE QUERY_AT_ONCE"},
		{Name: "three slots, three events", Sizes: "REQUESTS=3 SLOTS=3 INGEST_AT_ONCE SPEED_AT_ONCE BATCH_AT_ONCE"},
	})
}

// situations must be reached: otherwise the searches above prove less than they seem to.
func situations() []Configuration {
	return expect(Refuted, []Configuration{
		{Name: "comes up: all at rest, the final answer is compared", Sizes: "", Mistake: "REACH_REST"},
		{Name: "comes up: an identity counts twice, as the design says", Sizes: sealing + " COPIES=2 DIES",
			Mistake: "REACH_TWICE"},
		{Name: "comes up: a late object", Sizes: lateObjects, Mistake: "REACH_LATE_OBJECT"},
		{Name: "comes up: a lane was read past what is lost", Sizes: lagging + " WITHIN=0", Mistake: "REACH_LOST"},
		{Name: "comes up: a second probe", Sizes: lagging, Mistake: "REACH_TWO_PROBES"},
		{Name: "comes up: an applied position is not as loaded", Sizes: redelivery, Mistake: "REACH_SPEED_CONFLICT"},
		{Name: "comes up: a base item is not as loaded", Sizes: runners, Mistake: "REACH_BATCH_CONFLICT"},
	})
}

func mistakes() []Configuration {
	return expect(Refuted, []Configuration{
		{Name: "stream before archive", Sizes: sealing, Mistake: "M_STREAM_BEFORE_ARCHIVE"},
		{Name: "a late put is published nevertheless", Sizes: lateObjects, Mistake: "M_LATE_PUT_IS_PUBLISHED"},
		{Name: "no sweep", Sizes: sealing + " DIES SWEEPS=1 RECORDS=3", Mistake: "M_NO_SWEEP"},
		{Name: "the sweep handles runs that are not applied yet", Sizes: swept, Mistake: "M_SWEEPS_BEFORE_APPLIED"},
		{Name: "the sweep takes waiting records for lost", Sizes: lagging, Mistake: "M_QUEUES_WHAT_WAITS"},
		{Name: "the sweep asks for no probe", Sizes: lagging, Mistake: "M_NO_PROBES"},
		{Name: "read past, without commit_within", Sizes: lagging, Mistake: "M_SWEEPS_WITHOUT_COMMIT_WITHIN"},
		{Name: "read past, without the clocks' margin", Sizes: lagging + " WITHIN=0 SKEW=1",
			Mistake: "M_SWEEPS_WITHOUT_MARGIN"},
		{Name: "seal delay 0", Sizes: sealing + " SEAL_DELAY=0", Mistake: ""},
		{Name: "seal delay without the clocks' margin", Sizes: sealing + " SKEW=1 SEAL_DELAY=1", Mistake: ""},
		{Name: "the clock is read after the listing", Sizes: sealing, Mistake: "M_CLOCK_READ_AFTER_LISTING"},

		{Name: "no applied position", Sizes: redelivery, Mistake: "M_NO_APPLIED_POSITION"},
		{Name: "applied position per batch instead of per record", Sizes: redelivery, Mistake: "M_APPLIED_PER_BATCH"},
		{Name: "applied position off by one", Sizes: redelivery, Mistake: "M_APPLIED_OFF_BY_ONE"},
		{Name: "applied position per item, not per lane: two shards after a split",
			Sizes: "LANES=2 RUNNERS=0 END=2 INGEST_AT_ONCE QUERY_AT_ONCE", Mistake: "M_ONE_APPLIED_FOR_ALL_LANES"},
		{Name: "speed item written unconditionally", Sizes: redelivery, Mistake: "M_WRITE_UNCONDITIONAL"},
		{Name: "a failed item is reported done", Sizes: redelivery + " FAILURES=1", Mistake: "M_FAILED_ITEM_REPORTED_DONE"},
		{Name: "the mapping gives up", Sizes: "RUNNERS=0 END=2 TIMEOUTS=1 INGEST_AT_ONCE QUERY_AT_ONCE",
			Mistake: "M_MAPPING_GIVES_UP"},
		{Name: "no duplicate memory in speed", Sizes: copies, Mistake: "M_NO_SEEN_ITEMS"},
		{Name: "reported done before the seen item is durable", Sizes: copies, Mistake: "M_REPORTED_BEFORE_SEEN"},
		{Name: "seen items cached, and not read again", Sizes: copies, Mistake: "M_SEEN_CACHED"},
		{Name: "duplicates found by presence instead of position", Sizes: copies, Mistake: "M_DUPLICATES_BY_PRESENCE"},

		{Name: "two batch functions, append unconditional", Sizes: runners, Mistake: "M_APPEND_UNCONDITIONAL"},
		{Name: "orphan manifests counted", Sizes: runners, Mistake: "M_ORPHAN_MANIFESTS_COUNT"},
		{Name: "manifest not frozen", Sizes: lateObjects + " REQUESTS=1 RUNNERS=2", Mistake: "M_MANIFEST_NOT_FROZEN"},
		{Name: "a run consults its own identities", Sizes: runners, Mistake: "M_RUN_ASKS_ITSELF"},
		{Name: "no duplicate memory in batch", Sizes: takeover + " QUERY_AT_ONCE COPIES=2", Mistake: "M_NO_BATCH_DUPLICATES"},
		{Name: "late objects are not listed", Sizes: lateObjects, Mistake: "M_NO_LATE_OBJECTS"},
		{Name: "a run at an unchanged horizon", Sizes: lateObjects, Mistake: "M_RUN_AT_UNCHANGED_HORIZON"},
		{Name: "base item written unconditionally", Sizes: runners, Mistake: "M_BASE_WRITE_UNCONDITIONAL"},
		{Name: "base item added to whatever its horizon", Sizes: runners, Mistake: "M_ITEM_HORIZON_IGNORED"},
		{Name: "the catalog's horizon moves before the items", Sizes: takeover + " QUERY_AT_ONCE",
			Mistake: "M_HORIZON_BEFORE_ITEMS"},
		{Name: "speed items deleted at takeover", Sizes: takeover, Mistake: "M_DELETED_AT_TAKEOVER"},

		{Name: "the catalog's horizon alone, not the item's", Sizes: takeover, Mistake: "M_CATALOG_HORIZON_ALONE"},
		{Name: "horizon inclusive", Sizes: takeover, Mistake: "M_HORIZON_INCLUSIVE"},
		{Name: "horizon one slot below", Sizes: takeover, Mistake: "M_HORIZON_ONE_BELOW"},
		{Name: "the base item read before the catalog", Sizes: takeover, Mistake: "M_BASE_BEFORE_CATALOG"},
		{Name: "the catalog read after the items", Sizes: takeover, Mistake: "M_CATALOG_LAST"},
	})
}

func harmless() []Configuration {
	return expect(Holds, []Configuration{
		{Name: "speed items read before the base item", Sizes: takeover, Mistake: "E_SPEED_BEFORE_BASE",
			Why: "a base item newer than the speed items covers every slot that the query then leaves out"},
		{Name: "seen items written after the speed items", Sizes: copies, Mistake: "E_SEEN_AFTER_ITEMS",
			Why: "it suffices that they are durable before the records are reported done: until then every redelivery " +
				"contains the records"},
		{Name: "speed folds slots that batch has covered", Sizes: swept, Mistake: "E_FOLDS_COVERED_SLOTS",
			Why: "no reader reads those items; they only cost writes"},
		{Name: "the item's horizon alone, not the catalog's", Sizes: swept, Mistake: "E_ITEM_HORIZON_ALONE",
			Why: "a run moves every page that its events touch, even duplicates; the catalog's horizon only saves reads of " +
				"older speed items"},
		{Name: "the generation's horizon written unconditionally", Sizes: runners + " REQUESTS=1",
			Mistake: "E_HORIZON_UNCONDITIONAL",
			Why: "items keep their own horizons and speed items outlive them: a horizon that moves back makes answers " +
				"less exact, never wrong"},
	})
}

func expect(verdict Verdict, all []Configuration) []Configuration {
	for i := range all {
		all[i].Expect = verdict
	}
	return all
}
