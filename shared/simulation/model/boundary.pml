/*
The boundary between batch and speed: what ingest, speed, batch, sweep and query do to the stores, one call a step, in every order.

README.md says what stands for what. A configuration sets the sizes below; a mistake is one M_... that changes a line or two; E_... is one
that changes no answer, REACH_... a situation that must come up. configurations.go lists them all.
*/

#ifndef REQUESTS
#define REQUESTS 2 /* at most 3 */
#endif
#ifndef COPIES
#define COPIES 1 /* the first so many requests carry one identity: a client that retries */
#endif
#ifndef LANES
#define LANES 1 /* at most 2; identity i goes through lane i % LANES */
#endif
#ifndef ENVS
#define ENVS 1 /* at most 2 speed environments per lane; the second one is for redelivery */
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 0 /* invocations that the event source gives up on; the environment may go on all the same, or never */
#endif
#ifndef FAILURES
#define FAILURES 0 /* writes of speed items that fail */
#endif
#ifndef RUNNERS
#define RUNNERS 1 /* at most 2 batch functions at once; each may stop for ever, as long as one goes on */
#endif
#ifndef SLOTS
#define SLOTS 2 /* at most 3, in which requests are stamped; one tick of the clock each */
#endif
#ifndef WITHIN
#define WITHIN 1 /* commit_within */
#endif
#ifndef SKEW
#define SKEW 0 /* clock_margin */
#endif
#ifndef SEAL_DELAY
#define SEAL_DELAY (WITHIN + SKEW)
#endif
#ifndef END
#define END (SLOTS + SEAL_DELAY) /* the clock stops here */
#endif
#ifndef SWEEPS
#define SWEEPS 0 /* the first so many requests are swept, at most 2; LATE_PUTS happens to the first, DIES to the first DIES */
#endif
#ifndef RECORDS
#define RECORDS REQUESTS /* in the stream; more when something is published twice */
#endif

#define IDS (REQUESTS - COPIES + 1)
#define ID(r) ((r) < COPIES -> 0 : (r) - COPIES + 1)
#define COPIES_OF(i) ((i) == 0 -> (1 << COPIES) - 1 : 1 << ((i) + COPIES - 1)) /* a mask of requests */
#define LANE(r) (ID(r) % LANES)
#define LAST_HORIZON (END - SEAL_DELAY)
#ifdef M_RUN_AT_UNCHANGED_HORIZON
#define RUNS (LAST_HORIZON + 1)
#else
#define RUNS LAST_HORIZON /* at most, since each moves the horizon */
#endif

/* How finely a layer is cut. A layer that a configuration does not look at may do its work in one step. */
#ifdef SPEED_AT_ONCE
#define SPEED_STEPS atomic
#else
#define SPEED_STEPS
#endif
#ifdef INGEST_AT_ONCE
#define INGEST_STEPS atomic
#else
#define INGEST_STEPS
#endif
#ifdef BATCH_AT_ONCE
#define BATCH_STEPS atomic
#else
#define BATCH_STEPS
#endif

/* ---- The world */
byte now;
byte faults = TIMEOUTS;
byte failures = FAILURES;
byte ended; /* requests that nothing more happens to */

/* Archive, and what ingest has told its clients. Masks of requests. */
byte archived, acknowledged;
byte slot[REQUESTS];

/* Stream: position p has sequence number p+1, so that 0 is before all. Masks of positions. */
byte record[RECORDS];
byte length;
byte of_lane[LANES], of_identity[IDS];

/* Event source, per lane: the sequence number up to which records were reported done, and the environment waited for. */
byte done[LANES], waited[LANES];

/* viewstore. Speed items by slot and lane, their states by slot and identity; one key, one page. */
byte applied[SLOTS * LANES], speed[SLOTS * IDS];
byte base[IDS], base_horizon;
byte seen;     /* a mask of positions */
byte receipts; /* a mask of requests */
#if SWEEPS > 0
byte probed;           /* what the sweep has queued as a probe, a mask of requests */
byte run_of[REQUESTS]; /* that the generation has */
#endif

/* catalog. Run n is the n-th; 0 is none. */
byte head, run_horizon[RUNS + 1], run_objects[RUNS + 1];
byte in_runs;    /* the union of run_objects */
byte in_applied; /* that of the runs that the generation has */
byte generation_run, generation_horizon;
#ifdef M_ORPHAN_MANIFESTS_COUNT
byte in_attempts;
#endif

/* What queries have to go by: identities that must be in every answer to a query that begins now. */
byte promised;

/* Scratch of single steps, and what is promised of every answer. */
hidden byte i, j, k, m, first;
hidden byte visible, once, exact, complete, waits, unreached;

inline publish(r) {
	printf("stream: request %d published with sequence number %d\n", r, length + 1);
	record[length] = r;
	of_lane[LANE(r)] = of_lane[LANE(r)] | (1 << length);
	of_identity[ID(r)] = of_identity[ID(r)] | (1 << length);
	length++
}

/* ---- Clock */
proctype Clock() {
	do
	:: atomic { now < END -> now++; printf("clock: %d\n", now) }
	:: else -> break
	od
}

/* ---- Ingest: one request. A retry by the client is another request with the same identity. */
proctype Ingest(byte r) {
	byte began;
	INGEST_STEPS {
	if
	:: atomic { now < SLOTS ->
		began = now;
		slot[r] = now;
#if SKEW > 0
		if
		:: now >= SKEW -> slot[r] = now - SKEW /* its clock is behind the archive's */
		:: true
		fi;
#endif
		printf("ingest: request %d stamped in slot %d\n", r, slot[r])
	}
	:: now >= SLOTS -> goto out /* never sent */
	fi;
#ifdef M_STREAM_BEFORE_ARCHIVE
	d_step { publish(r) };
	if
	:: d_step { now <= began + WITHIN -> archived = archived | (1 << r); acknowledged = acknowledged | (1 << r) }
	:: true /* dies */
	fi;
	goto out;
#endif
	if
	:: d_step { now <= began + WITHIN -> /* commit point */
		printf("ingest: request %d archived and acknowledged\n", r);
		archived = archived | (1 << r);
		acknowledged = acknowledged | (1 << r)
	};
		if
#ifdef DIES
		:: r < DIES -> skip
#endif
#if SWEEPS > 0
		:: d_step { now <= began + WITHIN || r >= SWEEPS -> publish(r) }
		:: now > began + WITHIN && r < SWEEPS -> skip /* its time-out is over: nobody puts it any more */
		fi
#else
		:: d_step { publish(r) };
#ifdef PUBLISHES_TWICE
			if
			:: d_step { length < RECORDS -> publish(r) } /* the first answer was lost */
			:: skip
			fi
#endif
		fi
#endif
	:: now > began + WITHIN -> /* given up */
#ifdef LATE_PUTS
		if
		:: d_step { r == 0 && now < END -> /* but the put was on the wire */
			archived = archived | (1 << r);
			printf("archive: request %d lands late, unacknowledged\n", r)
		};
#ifdef M_LATE_PUT_IS_PUBLISHED
			d_step { acknowledged = acknowledged | (1 << r); publish(r) }
#endif
		:: skip
		fi
#else
		skip
#endif
	fi;
out:	ended++
	}
}

/* ---- Sweep: of runs that the generation has, it publishes each object without a receipt once: as lost, or as the probe of its lane. */
#if SWEEPS > 0
#ifdef M_SWEEPS_BEFORE_APPLIED
#define SWEEPABLE in_runs
#else
#define SWEEPABLE in_applied
#endif
#define LACKS(r) ((SWEEPABLE >> (r)) & 1 && !((receipts >> (r)) & 1))

/* A request that arrived so much later was put into the stream after the other one was, or was given up. */
#if defined(M_SWEEPS_WITHOUT_COMMIT_WITHIN)
#define LATE SKEW
#elif defined(M_SWEEPS_WITHOUT_MARGIN)
#define LATE WITHIN
#else
#define LATE (WITHIN + SKEW)
#endif
#define READ_PAST(r, q) ((receipts >> (q)) & 1 && LANE(q) == LANE(r) && slot[q] > slot[r] + LATE)
#if SWEEPS > 1
#define OTHER(r) (1 - (r))
#define TOGETHER(r) (LANE(r) == LANE(OTHER(r)) && run_of[r] == run_of[OTHER(r)])
#define PROBE_TELLS(r) (TOGETHER(r) && (probed & receipts) >> OTHER(r) & 1 && slot[r] <= slot[OTHER(r)])
/* The other one comes first: its run does, or it is the newer one of the run, or the run's probe already. */
#define OTHER_FIRST(r) (LACKS(OTHER(r)) && (run_of[OTHER(r)] < run_of[r] || TOGETHER(r) && \
	((probed >> OTHER(r)) & 1 || !((probed >> (r)) & 1) && slot[OTHER(r)] + (OTHER(r) > (r)) > slot[r])))
#else
#define PROBE_TELLS(r) false
#define OTHER_FIRST(r) false
#endif
#if defined(M_QUEUES_WHAT_WAITS)
#define PAST(r) true
#elif REQUESTS > 2
#define PAST(r) (READ_PAST(r, 0) || READ_PAST(r, 1) || READ_PAST(r, 2))
#elif REQUESTS > 1
#define PAST(r) (READ_PAST(r, 0) || READ_PAST(r, 1))
#else
#define PAST(r) false
#endif
#define LOST(r) (PAST(r) || PROBE_TELLS(r))

proctype Sweep(byte r) {
end:	if
	:: d_step { LACKS(r) && LOST(r) && length < RECORDS ->
#ifdef REACH_LOST
		unreached = !PAST(r);
		assert(unreached);
#endif
		for (i : 0 .. RECORDS - 1) {
			/* No copy of what waits in the stream, but of what was put after the probe although it had arrived before it. */
			waits = !(i < length && record[i] == r && PAST(r));
			assert(waits)
		}
		publish(r)
	}
#ifndef M_NO_PROBES
	:: d_step { LACKS(r) && !LOST(r) && !OTHER_FIRST(r) && length < RECORDS ->
#ifdef REACH_TWO_PROBES
		unreached = !(probed & receipts);
		assert(unreached);
#endif
		probed = probed | (1 << r);
		publish(r)
	}
#endif
	fi
}
#endif

/* ---- Event source: it gives up waiting for an invocation. */
proctype Timeout(byte lane) {
end:	do
	:: d_step { faults > 0 && waited[lane] != 0 -> faults--; printf("event source: gives up on environment %d\n", waited[lane]); waited[lane] = 0 }
	od
}

/* An item is one of a slot and a lane. */
#ifdef M_ONE_APPLIED_FOR_ALL_LANES
#define APPLIED_OF(s) ((s) * LANES)
#define IN_ITEM(identity) true
#else
#define APPLIED_OF(s) ((s) * LANES + lane)
#define IN_ITEM(identity) ((identity) % LANES == lane)
#endif

/* A record at position i has the sequence number i + 1. */
#if defined(M_NO_APPLIED_POSITION) || defined(M_APPLIED_PER_BATCH)
#define ABOVE(i, applied) true
#elif defined(M_APPLIED_OFF_BY_ONE)
#define ABOVE(i, applied) ((i) + 1 >= (applied))
#else
#define ABOVE(i, applied) ((i) + 1 > (applied))
#endif
#define TO_FOLD(i, s) ((rows >> (i)) & 1 && slot[record[i]] == (s) && ABOVE(i, loaded_applied[s]))

/* write brings the item of slot s up to the last record: only rows above its applied position, on the condition that it is as loaded. */
inline write(s) {
	d_step {
		k = APPLIED_OF(s);
		m = 0; /* whether a row is above the applied position */
		for (i : 0 .. RECORDS - 1) {
			if :: TO_FOLD(i, s) -> m = 1 :: else fi
		}
		if
#ifdef M_APPLIED_PER_BATCH
		:: last == loaded_applied[s] -> items = items & ~(1 << s) /* this batch is in: any other is not */
#else
		:: m == 0 -> items = items & ~(1 << s)
#endif
		:: else ->
			if
#ifdef M_WRITE_UNCONDITIONAL
			:: true ->
#else
			:: applied[k] == loaded_applied[s] ->
#endif
				for (i : 0 .. RECORDS - 1) {
					if
					:: TO_FOLD(i, s) ->
						loaded[s * IDS + ID(record[i])] = loaded[s * IDS + ID(record[i])] + 1
					:: else
					fi
				}
				for (j : 0 .. IDS - 1) {
					if :: IN_ITEM(j) -> speed[s * IDS + j] = loaded[s * IDS + j] :: else fi
				}
				applied[k] = last; /* commit point */
				printf("speed %d: item of slot %d, lane %d written, applied position %d\n", _pid, s, lane, last);
				items = items & ~(1 << s)
			:: else -> /* conflict: load again, fold again */
#ifdef REACH_SPEED_CONFLICT
				unreached = false;
				assert(unreached);
#endif
				loaded_applied[s] = applied[k];
				for (j : 0 .. IDS - 1) {
					loaded[s * IDS + j] = speed[s * IDS + j]
				}
			fi
		fi
	}
}

/* ---- Speed: an environment. Invocations of one lane, one after another. */
proctype Environment(byte lane) {
	byte last;               /* the last record's sequence number */
	byte rows;               /* the records to fold, a mask of positions */
	byte from;               /* slots below are batch's */
	byte items;              /* those that are yet to be written, a mask of slots */
	byte applied_to;         /* the sequence number up to which all is applied */
	byte loaded_applied[SLOTS];
	byte loaded[SLOTS * IDS];
#ifdef M_SEEN_CACHED
	byte memory;             /* of this environment, read when it was new */
	memory = 0;
#endif

end:	do
	:: SPEED_STEPS {
		atomic { waited[lane] == 0 && (of_lane[lane] >> done[lane]) ->
			waited[lane] = _pid;
			last = done[lane] + 1;
			do
			:: !((of_lane[lane] >> (last - 1)) & 1) -> last++
			:: (of_lane[lane] >> (last - 1)) & 1 && (of_lane[lane] >> last) -> last++ /* a longer batch */
			:: (of_lane[lane] >> (last - 1)) & 1 -> break
			od;
			skip; /* Spin lets nothing jump into a d_step */
			d_step {
				rows = of_lane[lane] & ((1 << last) - 1) & ~((1 << done[lane]) - 1);
				applied_to = last;
				from = generation_horizon;
				printf("speed %d: lane %d, records %d to %d, folds slots from %d\n", _pid, lane, done[lane] + 1, last, from)
			}
		};

		d_step { /* seen items: what is known of the lane, and of it which rows are duplicates */
#if defined(M_REPORTED_BEFORE_SEEN)
			k = seen | rows;
#elif defined(M_SEEN_CACHED)
			memory = memory | rows;
			k = memory;
			seen = seen | rows;
#elif defined(M_DUPLICATES_BY_PRESENCE)
			k = seen;
			seen = seen | rows;
#elif defined(M_NO_SEEN_ITEMS)
			k = 0;
			seen = seen | rows;
#elif defined(E_SEEN_AFTER_ITEMS)
			k = seen | rows;
#else
			k = seen | rows;
			seen = seen | rows;
#endif
			j = rows;
			for (i : 0 .. RECORDS - 1) {
				if
				:: (j >> i) & 1 ->
#if !defined(M_REPORTED_BEFORE_SEEN) && !defined(E_SEEN_AFTER_ITEMS)
					receipts = receipts | (1 << record[i]);
#endif
#ifdef M_DUPLICATES_BY_PRESENCE
					if :: k & of_identity[ID(record[i])] -> rows = rows & ~(1 << i) :: else fi;
					k = k | (1 << i)
#else
					if :: k & of_identity[ID(record[i])] & ((1 << i) - 1) -> rows = rows & ~(1 << i) :: else fi
#endif
				:: else
				fi
			}
		};

		d_step { /* load the items touched */
			items = 0;
			for (i : 0 .. RECORDS - 1) {
				if
#ifdef E_FOLDS_COVERED_SLOTS
				:: (rows >> i) & 1 ->
#else
				:: (rows >> i) & 1 && slot[record[i]] >= from ->
#endif
					k = slot[record[i]];
					items = items | (1 << k);
					loaded_applied[k] = applied[APPLIED_OF(k)];
					for (j : 0 .. IDS - 1) {
						loaded[k * IDS + j] = speed[k * IDS + j]
					}
				:: else
				fi
			}
		};

		do
		:: items == 0 -> break
		:: items & 1 -> write(0)
#if SLOTS > 1
		:: items & 2 -> write(1)
#endif
#if SLOTS > 2
		:: items & 4 -> write(2)
#endif
#if FAILURES > 0
		:: d_step { items != 0 && failures > 0 -> /* one of them is not written: not done from its first record on */
			failures--;
			k = 0;
			do
			:: !((items >> k) & 1) -> k++
			:: else -> break
			od;
			items = items & ~(1 << k);
#ifndef M_FAILED_ITEM_REPORTED_DONE
			i = 0;
			do
			:: (rows >> i) & 1 && slot[record[i]] == k -> break
			:: else -> i++
			od;
			if :: i < applied_to -> applied_to = i :: else fi
#endif
		}
#endif
		od;
		skip;
#ifdef E_SEEN_AFTER_ITEMS
		d_step {
			for (i : 0 .. last - 1) {
				if
				:: (of_lane[lane] >> i) & 1 -> seen = seen | (1 << i); receipts = receipts | (1 << record[i])
				:: else
				fi
			}
		};
#endif
		d_step { /* report */
			if
			:: waited[lane] == _pid ->
				waited[lane] = 0;
				done[lane] = applied_to;
				printf("speed %d: lane %d done up to %d\n", _pid, lane, applied_to);
				for (i : 0 .. RECORDS - 1) {
					if
					:: i < applied_to && (of_lane[lane] >> i) & 1 && (acknowledged >> record[i]) & 1 ->
						promised = promised | (1 << ID(record[i]))
					:: else
					fi
				}
			:: else
			fi;
			from = 0;
#ifndef M_REPORTED_BEFORE_SEEN
			last = 0; rows = 0; applied_to = 0;
#endif
			for (i : 0 .. SLOTS - 1) {
				loaded_applied[i] = 0;
				for (j : 0 .. IDS - 1) {
					loaded[i * IDS + j] = 0
				}
			}
		};
#ifdef M_REPORTED_BEFORE_SEEN
		d_step {
			for (i : 0 .. last - 1) {
				if
				:: (of_lane[lane] >> i) & 1 -> seen = seen | (1 << i); receipts = receipts | (1 << record[i])
				:: else
				fi
			}
			last = 0; rows = 0; applied_to = 0
		}
#endif
		}
#ifdef M_MAPPING_GIVES_UP
	:: d_step { faults > 0 && waited[lane] == 0 && (of_lane[lane] >> done[lane]) -> /* and passes over the record */
		faults--;
		done[lane] = length;
		for (i : 0 .. RECORDS - 1) {
			if
			:: i < length && (of_lane[lane] >> i) & 1 && (acknowledged >> record[i]) & 1 -> promised = promised | (1 << ID(record[i]))
			:: else
			fi
		}
	}
#endif
	od
}

#ifdef M_ITEM_HORIZON_IGNORED
#define BELOW_RUN true
#else
#define BELOW_RUN (loaded_horizon < horizon)
#endif
#ifdef M_BASE_WRITE_UNCONDITIONAL
#define AS_LOADED true
#else
#define AS_LOADED (base_horizon == loaded_horizon)
#endif

/* ---- Batch: a function that ticks. One that stops in the middle is one that is never scheduled again; the other goes on. */
proctype Runner() {
	byte sealed, n, horizon, objects;
	byte loaded_horizon;
	byte loaded[IDS]; /* then what is to be written */
	bit work;

end:	do
	:: BATCH_STEPS {
		/* a tick: the clock, then the catalog */
		d_step { now > SEAL_DELAY && (generation_run < head || (now - SEAL_DELAY > run_horizon[head])) ->
			sealed = now - SEAL_DELAY;
			n = head
		};
		if
		:: atomic { generation_run < n -> n = generation_run + 1; work = 1 } /* level: what another has left */
		:: else
		fi;
		if
		:: work -> skip
		:: else -> /* extend */
			if
#ifdef M_RUN_AT_UNCHANGED_HORIZON
			:: n > 0 && n + LAST_HORIZON - run_horizon[n] < RUNS && (archived & ~in_runs) -> horizon = run_horizon[n]
#endif
			:: sealed > run_horizon[n] -> horizon = sealed
			:: sealed > run_horizon[n] + 1 -> horizon = run_horizon[n] + 1 /* a large backlog */
			:: else -> goto next
			fi;
			sealed = 0;
			d_step { /* list what no real run up to n holds */
				objects = 0;
				for (i : 0 .. REQUESTS - 1) {
					if
					:: (archived >> i) & 1 && slot[i] < horizon -> objects = objects | (1 << i)
					:: else
					fi
				}
				for (i : 1 .. RUNS) {
					if :: i <= n -> objects = objects & ~run_objects[i] :: else fi
				}
#ifdef M_NO_LATE_OBJECTS
				for (i : 0 .. REQUESTS - 1) {
					if :: slot[i] < run_horizon[n] -> objects = objects & ~(1 << i) :: else fi
				}
#endif
#ifdef M_ORPHAN_MANIFESTS_COUNT
				objects = objects & ~in_attempts
#endif
			};
#ifdef M_ORPHAN_MANIFESTS_COUNT
			d_step { in_attempts = in_attempts | objects };
#endif
#ifdef M_CLOCK_READ_AFTER_LISTING
			d_step { if :: now > SEAL_DELAY && now - SEAL_DELAY > horizon -> horizon = now - SEAL_DELAY :: else fi };
#endif
			d_step { /* commit point: head is n */
#ifdef M_APPEND_UNCONDITIONAL
				if
				:: head >= n ->
					head = n + 1;
#else
				if
				:: head == n ->
					head = n + 1;
#endif
					run_horizon[n + 1] = horizon;
					run_objects[n + 1] = objects;
					in_runs = in_runs | objects;
#ifdef REACH_LATE_OBJECT
					for (i : 0 .. REQUESTS - 1) {
						unreached = !((objects >> i) & 1 && n > 0 && slot[i] < run_horizon[n]);
						assert(unreached)
					}
#endif
					n = n + 1;
					printf("batch %d: run %d is real, horizon %d, requests (mask) %d\n", _pid, n, horizon, objects)
				:: else -> n = 0 /* another has made it */
				fi
			};
			if :: n == 0 -> goto next :: else fi;
		fi;

		/* apply run n */
#ifdef M_HORIZON_BEFORE_ITEMS
		d_step { if :: generation_run < n -> generation_run = n; generation_horizon = run_horizon[n] :: else fi };
#endif
		d_step {
			horizon = run_horizon[n];
			objects = run_objects[n];
#ifdef M_MANIFEST_NOT_FROZEN
			if
			:: work -> /* listed anew */
				for (i : 0 .. REQUESTS - 1) {
					if
					:: (archived >> i) & 1 && slot[i] < horizon -> objects = objects | (1 << i)
					:: else
					fi
				}
				for (i : 1 .. RUNS) {
					if :: i < n -> objects = objects & ~run_objects[i] :: else fi
				}
			:: else
			fi;
#endif
			loaded_horizon = base_horizon;
			for (j : 0 .. IDS - 1) {
				loaded[j] = base[j];
			}
		};
		do
		:: d_step { true ->
			if
			:: objects == 0 || !BELOW_RUN -> objects = 0 /* not touched, or there already */
			:: objects != 0 && BELOW_RUN && AS_LOADED ->
				for (j : 0 .. IDS - 1) {
					m = objects & COPIES_OF(j);
					k = 0; /* copies in earlier runs */
					for (i : 1 .. RUNS) {
						if
						:: i < n -> k = k | (run_objects[i] & COPIES_OF(j))
						:: else
						fi
					}
#ifdef M_RUN_ASKS_ITSELF
					if :: work -> k = k | m :: else fi;
#endif
#ifdef M_NO_BATCH_DUPLICATES
					k = 0;
#endif
					base[j] = loaded[j] + (m != 0 && k == 0 -> 1 : 0)
				}
				base_horizon = horizon; /* commit point of the item */
				printf("batch %d: run %d, base item at horizon %d\n", _pid, n, horizon);
				objects = 0
			:: else -> /* conflict */
#ifdef REACH_BATCH_CONFLICT
				unreached = false;
				assert(unreached);
#endif
				loaded_horizon = base_horizon;
				for (j : 0 .. IDS - 1) {
					loaded[j] = base[j]
				}
			fi
		};
			if :: objects == 0 -> break :: else fi
		od;
		skip; /* Spin lets nothing jump into a d_step */
		d_step { /* commit point: the generation's horizon */
			if
#ifdef E_HORIZON_UNCONDITIONAL
			:: true ->
#else
			:: generation_run < n ->
#endif
				generation_run = n;
				generation_horizon = run_horizon[n];
				in_applied = in_applied | run_objects[n];
#if SWEEPS > 0
				for (i : 0 .. REQUESTS - 1) {
					if :: (run_objects[n] >> i) & 1 -> run_of[i] = n :: else fi
				}
#endif
				printf("batch %d: run %d, the generation's horizon is %d\n", _pid, n, generation_horizon)
			:: else
			fi
		};
#ifdef M_DELETED_AT_TAKEOVER
		d_step {
			for (i : 0 .. SLOTS - 1) {
				if
				:: i < generation_horizon ->
					for (j : 0 .. IDS - 1) {
						speed[i * IDS + j] = 0
					}
				:: else
				fi
			}
		};
#endif
next:		skip;
		d_step {
			sealed = 0; n = 0; horizon = 0; objects = 0; loaded_horizon = 0; work = 0;
			for (j : 0 .. IDS - 1) {
				loaded[j] = 0
			}
		}
	}
	od
}

/* ---- Query: one reader, one query after another. */
/* Which slots are taken from the base item. */
#if defined(M_CATALOG_HORIZON_ALONE)
#define COVERED(s) ((s) < horizon)
#elif defined(E_ITEM_HORIZON_ALONE)
#define COVERED(s) ((s) < item_horizon)
#elif defined(M_HORIZON_INCLUSIVE)
#define COVERED(s) ((s) <= horizon && horizon > 0 || (s) <= item_horizon && item_horizon > 0)
#elif defined(M_HORIZON_ONE_BELOW)
#define COVERED(s) ((s) + 1 < horizon || (s) + 1 < item_horizon)
#else
#define COVERED(s) ((s) < horizon || (s) < item_horizon)
#endif

inline read_catalog() { horizon = generation_horizon }

inline read_base() {
	d_step {
		item_horizon = base_horizon;
		for (j : 0 .. IDS - 1) {
			batch_part[j] = base[j]
		}
	}
}

/* read_speed reads the items of one slot: a query of many items is no snapshot. */
inline read_speed(s) {
	d_step {
		for (j : 0 .. IDS - 1) {
			speed_part[(s) * IDS + j] = speed[(s) * IDS + j]
		}
	}
}

inline read_all_speed() {
#ifdef QUERY_AT_ONCE
	d_step {
		for (i : 0 .. SLOTS - 1) {
			for (j : 0 .. IDS - 1) {
				speed_part[i * IDS + j] = speed[i * IDS + j]
			}
		}
	}
#else
	read_speed(0);
#if SLOTS > 1
	read_speed(1);
#endif
#if SLOTS > 2
	read_speed(2);
#endif
#endif
}

inline answer() {
	d_step {
		m = 0; /* whether speed takes part */
		for (j : 0 .. IDS - 1) {
			k = 0; /* the identity's count in speed */
			for (i : 0 .. SLOTS - 1) {
				if
				:: !COVERED(i) -> k = k + speed_part[i * IDS + j]
				:: else
				fi
			}
			if :: k > 0 -> m = 1 :: else fi;
			k = k + batch_part[j];
			printf("query: horizon %d, item's %d: identity %d counts %d times, %d of them from batch\n", horizon, item_horizon, j, k, batch_part[j]);
			/* Once visible, and once reported done, never zero times. */
			visible = (k > 0 || !((owed >> j) & 1));
			assert(visible);
			/* Once at most, but in the one case that the design names. */
			if
			:: k > 1 ->
#ifdef REACH_TWICE
				unreached = false;
				assert(unreached);
#endif
				once = (k == 2 && batch_part[j] == 1 && of_identity[j]);
				assert(once);
				i = 0; /* the copy that came first in the lane */
				do
				:: (of_identity[j] >> i) & 1 -> break
				:: else -> i++
				od;
				first = record[i];
				once = (slot[first] >= horizon && slot[first] >= item_horizon);
				assert(once);
				once = false; /* the copy that batch has counted */
				for (i : 0 .. REQUESTS - 1) {
					if
					:: i != first && (archived & COPIES_OF(j)) >> i & 1 && (slot[i] < horizon || slot[i] < item_horizon) -> once = true
					:: else
					fi
				}
				assert(once);
				m = 2
			:: else
			fi;
			if :: k > 0 -> promised = promised | (1 << j) :: else fi
		}
		/* A row without speed is exact: what the runs below its horizon hold. */
		if
		:: m == 0 ->
			i = (horizon > item_horizon -> horizon : item_horizon);
			k = 0; /* the objects of those runs */
			for (j : 1 .. RUNS) {
				if
				:: j <= head && run_horizon[j] <= i -> k = k | run_objects[j]
				:: else
				fi
			}
			for (j : 0 .. IDS - 1) {
				exact = (batch_part[j] == ((k & COPIES_OF(j)) != 0 -> 1 : 0));
				assert(exact)
			}
		:: else
		fi;
		horizon = 0; item_horizon = 0; owed = 0;
		for (j : 0 .. IDS - 1) {
			batch_part[j] = 0;
			for (i : 0 .. SLOTS - 1) {
				speed_part[i * IDS + j] = 0
			}
		}
	}
}

/* AT_REST: nothing is left to happen but what a frozen function may still do. */
#define STREAMED (!(of_lane[0] >> done[0]) && !(of_lane[LANES - 1] >> done[LANES - 1]))
#if RUNNERS > 0
#define BATCHED (run_horizon[head] == LAST_HORIZON && generation_run == head)
#else
#define BATCHED true
#endif
#if SWEEPS > 0
#define SWEPT (!(archived & ~receipts))
#else
#define SWEPT true
#endif
#define AT_REST (now == END && ended == REQUESTS && STREAMED && BATCHED && SWEPT)

proctype Reader() {
	byte horizon, item_horizon, owed;
	byte batch_part[IDS], speed_part[SLOTS * IDS];
	do
	:: /* a query */
#if defined(M_BASE_BEFORE_CATALOG)
		owed = promised;
		read_base();
		d_step { read_catalog() };
		read_all_speed();
#elif defined(M_CATALOG_LAST)
		owed = promised;
		read_base();
		read_all_speed();
		d_step { read_catalog() };
#elif defined(E_SPEED_BEFORE_BASE)
		d_step { owed = promised; read_catalog() };
		read_all_speed();
		read_base();
#else
		d_step { owed = promised; read_catalog() };
		read_base();
		read_all_speed();
#endif
		answer()
	:: break
	od;
	/* No query more: all must come to rest, or Spin finds that this waits for ever. */
	AT_REST;
#ifdef REACH_REST
	unreached = false;
	assert(unreached);
#endif
	atomic {
		owed = 0;
		read_catalog();
		read_base();
		d_step {
			for (i : 0 .. SLOTS - 1) {
				for (j : 0 .. IDS - 1) {
					speed_part[i * IDS + j] = speed[i * IDS + j]
				}
			}
		}
		d_step {
			for (j : 0 .. IDS - 1) {
				k = batch_part[j];
				for (i : 0 .. SLOTS - 1) {
					if
					:: !COVERED(i) -> k = k + speed_part[i * IDS + j]
					:: else
					fi
				}
				complete = (k == ((archived & COPIES_OF(j)) != 0 -> 1 : 0));
				assert(complete)
			}
		}
	}
}

init {
	atomic {
		run Clock();
		run Reader();
		run Ingest(0);
#if REQUESTS > 1
		run Ingest(1);
#endif
#if REQUESTS > 2
		run Ingest(2);
#endif
#if SWEEPS > 0 && !defined(M_NO_SWEEP)
		run Sweep(0);
#if SWEEPS > 1
		run Sweep(1);
#endif
#endif
		run Environment(0);
#if ENVS > 1
		run Environment(0);
#endif
#if LANES > 1
		run Environment(1);
#if ENVS > 1
		run Environment(1);
#endif
#endif
#if TIMEOUTS > 0 && !defined(M_MAPPING_GIVES_UP)
		run Timeout(0);
#if LANES > 1
		run Timeout(1);
#endif
#endif
#if RUNNERS > 0
		run Runner();
#endif
#if RUNNERS > 1
		run Runner();
#endif
	}
}
