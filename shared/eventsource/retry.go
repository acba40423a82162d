package eventsource

import "time"

// finish applies a result to the batch that ran.
func (s *shard) finish(w *worker, r Result, now time.Time, settings Settings) []Discarded {
	b := w.batches[0]
	b.running = 0
	s.changed = true
	if r.Outcome == Throttled {
		s.throttled(now)
		return nil
	}
	s.throttles = 0
	v := b.applyRules(r, settings.ReportBatchItemFailures)
	if v.done > 0 {
		s.progress(w, b, v.done)
		return nil
	}
	w.failing = true
	if v.complete && settings.BisectBatchOnFunctionError && len(b.records) > 1 {
		w.replace(b.halves())
		return nil
	}
	b.failed++
	if limit := settings.MaximumRetryAttempts; limit != NoLimit && b.failed > limit {
		gaveUp := Discarded{Shard: s.id, Condition: RetryAttemptsExhausted, Records: b.records, InvokeCount: b.failed,
			Last: r.Outcome}
		s.release(b, len(b.records))
		w.replace()
		return []Discarded{gaveUp}
	}
	b.ready = now.Add(wait(b.failed))
	return nil
}

// throttled makes the whole shard wait, because its other batches go to the same function. The throttled batch does not
// count as tried. Throttles of other batches that were running already do not make the shard wait longer.
func (s *shard) throttled(now time.Time) {
	if now.Before(s.paused) {
		return
	}
	s.throttles++
	s.paused = now.Add(wait(s.throttles))
}

// progress drops the finished records of a batch. The rest, if any, is retried at once, and its count of failures
// restarts.
func (s *shard) progress(w *worker, b *batch, done int) {
	s.release(b, done)
	b.failed = 0
	if len(b.records) == 0 {
		w.replace()
	}
}

// trim discards records that are too old from the front of waiting batches.
func (s *shard) trim(now time.Time, settings Settings) []Discarded {
	if settings.MaximumRecordAge == NoLimit {
		return nil
	}
	var gaveUp []Discarded
	for i := range s.workers {
		w := &s.workers[i]
		b := w.waiting()
		if b == nil {
			continue
		}
		old := b.expired(now, settings.MaximumRecordAge)
		if old == 0 {
			continue
		}
		gaveUp = append(gaveUp, Discarded{Shard: s.id, Condition: RecordAgeExceeded, Records: b.records[:old:old],
			InvokeCount: b.failed})
		s.release(b, old)
		if len(b.records) == 0 {
			w.replace()
		}
	}
	return gaveUp
}

// release removes the first n records of a batch, which were delivered or discarded.
func (s *shard) release(b *batch, n int) {
	for _, key := range b.keys[:n] {
		key.taken--
		key.unfinished--
		if key.unfinished == 0 {
			delete(s.keys, key.name)
		}
	}
	b.records, b.keys = b.records[n:], b.keys[n:]
}

// due says whether a call of Invocations may find work.
func (s *shard) due(now time.Time) bool {
	return s.changed || s.timed && !now.Before(s.dueAt)
}

// schedule notes when work will be due by time alone, after everything that is due now has been done.
func (s *shard) schedule(settings Settings) {
	s.changed, s.timed = false, false
	for i := range s.workers {
		if b := s.workers[i].waiting(); b != nil {
			s.note(later(s.paused, b.ready))
			if settings.MaximumRecordAge != NoLimit {
				s.note(b.records[0].Arrival.Add(settings.MaximumRecordAge))
			}
		}
	}
	s.choose(settings)
	for i := range s.choices {
		if c := &s.choices[i]; len(c.at) > 0 {
			s.note(s.dueTime(c, settings))
		}
	}
}

func (s *shard) note(at time.Time) {
	if !s.timed || at.Before(s.dueAt) {
		s.dueAt, s.timed = at, true
	}
}

// wake returns when the shard's next call of Invocations is due.
func (s *shard) wake(now time.Time) (time.Time, bool) {
	if s.changed {
		return now, true
	}
	return later(now, s.dueAt), s.timed
}
