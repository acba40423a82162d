package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/shared/ingest"
)

var users = [...]string{"u0", "u1", "u2", "u3"}

// amounts are the amounts that events carry; some are not numbers, or not numbers that a sum can hold.
var amounts = [...]func(n int) string{
	always("1"), always("0.1"), always("-2.5"), always("1e3"), always("12345678901234567890"), fine,
	always(`"text"`), always("null"), always("1e40"), always(""),
}

func always(text string) func(int) string { return func(int) string { return text } }

// fine is the amount of event n with more decimals than a number keeps, or nearly as many: half of the last one, next
// to it, and what programs print for small floats.
func fine(n int) string {
	switch n % 8 {
	case 0:
		return "5e-28"
	case 1:
		return "15e-28"
	case 2:
		return "-25e-28"
	case 3:
		return "2.0999999999999998e-06"
	case 4:
		return "0.0016150000000000001"
	case 5:
		return fmt.Sprintf("0.%027d5", n)
	case 6:
		return fmt.Sprintf("-%d.%027d5001", n, n)
	}
	return fmt.Sprintf("%d.%d49999999999999999999e-20", n, n)
}

// request is what a client sends. A client that tries again sends the same bytes.
type request struct {
	n     int
	good  []*identity // the valid events, in order
	bad   int         // number of events that ingest must reject
	wrong bool        // ingest must refuse the whole request
	body  ingest.Request
	tries int
}

// scheduleRequests sends requests until the faults stop.
func (h *history) scheduleRequests() {
	if h.calm {
		return
	}
	r := h.newRequest()
	h.send(r)
	if !r.wrong && h.chance(DoubledAtEdge) {
		// The margin stands for clock differences and for the time that an event takes to reach speed.
		h.after(h.speedWindow+h.between(-3*h.margin, h.margin), func() {
			if !h.calm {
				h.send(r)
			}
		})
	}
	if h.chance(DoubledAtOnce) {
		h.after(h.between(0, 30*time.Millisecond), func() { h.send(r) })
	}
	wait := h.between(0, 2*h.requestEvery)
	if h.aimed && h.random.IntN(4) == 0 || h.edgy && h.random.IntN(3) > 0 {
		// The edge of a slot as seen by an environment whose clock is right, or off by the margin.
		behind := pick(h, -h.margin, 0, h.margin, h.margin, h.margin)
		if skew, fixed := h.skews[ingestRole]; fixed {
			behind = -skew
		}
		wait = h.untilEdge(wait, behind+h.between(-250*time.Millisecond, 50*time.Millisecond))
		if h.edgy {
			// Several requests at once go to several environments; some of these see the edge at its true time.
			for range 2 {
				h.after(wait+h.between(0, 50*time.Millisecond), func() {
					if !h.calm {
						h.send(h.newRequest())
					}
				})
			}
		}
	}
	h.after(wait, h.scheduleRequests)
}

// untilEdge returns how long to wait until a moment near the edge of a slot, at least the given wait. Protocols go
// wrong near edges.
func (h *history) untilEdge(wait, beside time.Duration) time.Duration {
	at := h.clock.Truncate(h.slotLength).Add(beside)
	for at.Before(h.clock.Add(wait)) {
		at = at.Add(h.slotLength)
	}
	return at.Sub(h.clock)
}

// newRequest makes a request of a few events. Some are new, others were sent before.
func (h *history) newRequest() *request {
	h.requests++
	r := &request{n: h.requests}
	var body []byte
	add := func(text string) { body = append(append(body, text...), '\n') }
	for range 1 + h.random.IntN(h.perRequest) {
		e, text := h.drawSentBefore()
		if e == nil {
			e, text = h.newEvent()
		}
		if e != nil {
			r.good = append(r.good, e)
			add(text)
			if h.chance(DoubledWithin) {
				r.good = append(r.good, e)
				add(text)
			}
		}
		if h.chance(BadEvent) {
			r.bad++
			add(pick(h, `{"specversion":"1.0","id":"x","type":"t"}`, `{"specversion":"1.0","id":"x","source":"s","type":"t","stamp":"01"}`, `{"specversion":"1.0",`))
		}
	}
	r.body = ingest.Request{ContentType: "application/x-ndjson", Body: body}
	if h.chance(BadRequest) {
		r.wrong = true
		r.body = pick(h, ingest.Request{ContentType: "text/plain", Body: body},
			ingest.Request{ContentType: "application/cloudevents+json", ContentEncoding: "gzip", Body: body})
	}
	return r
}

// newEvent makes an event that was never sent. It returns nil when the history has its maximum of events.
func (h *history) newEvent() (*identity, string) {
	if len(h.identities) >= h.maxEvents {
		return nil, ""
	}
	e := &identity{n: len(h.identities)}
	h.identities = append(h.identities, e)
	at := h.clock.Add(h.between(-20*time.Second, 2*time.Second))
	switch {
	case h.chance(LateEvent):
		at = h.clock.Add(-h.between(time.Minute, 5*time.Hour))
	case h.chance(FutureEvent):
		at = h.clock.Add(h.between(time.Minute, 20*time.Minute))
	case h.chance(Timeless):
		at = time.Time{}
	}
	e.variants = append(e.variants, h.sample(e, at))
	return e, e.variants[0].text
}

func (h *history) sample(e *identity, at time.Time) sample {
	amount := amounts[h.random.IntN(len(amounts))](e.n)
	s := sample{kind: pick(h, "purchase", "purchase", "visit"), test: h.random.IntN(6) == 0,
		user: users[h.random.IntN(len(users))], at: timeless, engines: h.engines}
	text := `{"specversion":"1.0","id":"e` + strconv.Itoa(e.n) + `","source":"shop","type":"` + s.kind + `"`
	if !at.IsZero() {
		s.at = at.UnixMilli()
		text += `,"time":"` + at.Format("2006-01-02T15:04:05.000Z") + `"`
	}
	user, kind := `"user":"`+s.user+`",`, `"kind":"",`
	if s.test {
		kind = `"kind":"test",`
	} else if h.random.IntN(6) == 0 {
		fault := faulty[h.random.IntN(len(faulty))]
		user, kind, s.fault = fault.user, fault.kind, fault.label
	}
	for i, by := range allReadings {
		if i == 0 || h.engines {
			s.amounts[i] = by.read(amount)
		}
	}
	text += `,"data":{` + user + kind + `"group":"` + e.group() + `","mark":` + decimal(markOf[e.place()])
	if amount != "" {
		text += `,"amount":` + amount
	}
	s.text = text + "}}"
	return s
}

// drawSentBefore draws an event that was sent before, or nil when none is to be sent again now.
func (h *history) drawSentBefore() (*identity, string) {
	if len(h.identities) == 0 || h.calm ||
		h.random.Float64() >= h.rates[DoubledLater]+h.rates[BeyondSpeed]+h.rates[BeyondBatch] {
		return nil, ""
	}
	n := len(h.identities)
	e := h.identities[h.random.IntN(n)]
	if len(e.copies) == 0 {
		return nil, ""
	}
	last := e.copies[0].arrival()
	for _, c := range e.copies {
		last = max(last, c.arrival())
	}
	now := h.clock.UnixMilli()
	switch {
	case now-last > h.layout.DedupeWindow.Milliseconds():
		if h.rates[BeyondBatch] == 0 || h.isTooLate(e) {
			return nil, ""
		}
		h.count(BeyondBatch)
	case now-last > h.layout.SpeedWindow.Milliseconds():
		if h.rates[BeyondSpeed] == 0 {
			return nil, ""
		}
		h.count(BeyondSpeed)
	default:
		h.count(DoubledLater)
	}
	if h.chance(Conflicting) {
		at := time.Time{}
		if known := e.variants[0].at; known != timeless {
			at = time.UnixMilli(known).UTC()
		}
		e.variants = append(e.variants, h.sample(e, at))
		return e, e.variants[len(e.variants)-1].text
	}
	return e, e.variants[0].text
}

// isTooLate reports whether a client must not send the event again. A generation that is built finds duplicates over
// all history; one that advances finds them within the window. The oracle knows only one truth. So no client sends an
// event again when an earlier copy may be further back than the window and either the generations have not advanced yet
// or others may be built later.
func (h *history) isTooLate(e *identity) bool {
	return !e.sent.IsZero() && (!h.allBuilt() || h.mayBuild()) &&
		h.clock.Sub(e.sent) > h.layout.DedupeWindow-10*time.Second
}

func (h *history) allBuilt() bool {
	for v := range views {
		if h.built[v] == 0 {
			return false
		}
	}
	return true
}

// send sends a request to ingest. The client sends it again if no answer says that ingest accepted it.
func (h *history) send(r *request) {
	if slices.ContainsFunc(r.good, h.isTooLate) {
		return
	}
	for _, e := range r.good {
		if e.sent.IsZero() {
			e.sent = h.clock
		}
	}
	r.tries++
	var (
		answer ingest.Answer
		err    error
		inv    *invocation
	)
	body := func(ctx context.Context, e *environment) {
		inv = e.current
		answer, err = e.ingest.Accept(ctx, r.body)
	}
	h.invoke(ingestRole, "request "+strconv.Itoa(r.n), body, func(ok bool) {
		if ok {
			h.line("client", "gets the answer to request "+strconv.Itoa(r.n), "", outcome(err))
		}
		switch {
		case ok && r.wrong:
			if !errors.Is(err, ingest.ErrMediaType) && !errors.Is(err, ingest.ErrMalformed) {
				h.fail(oracleAnswered, "request %d must be refused as a whole; ingest returned %v", r.n, err)
			}
			return
		case ok && err == nil:
			if answer.Accepted != len(r.good) || len(answer.Rejected) != r.bad {
				h.fail(oracleAnswered, "request %d: ingest accepts %d and rejects %d, want %d and %d", r.n, answer.Accepted,
					len(answer.Rejected), len(r.good), r.bad)
			}
			h.onAck(inv, r.good, r.n)
			if !h.chance(Unheard) {
				return
			}
		case ok && !errors.Is(err, ingest.ErrUnavailable):
			h.fail(oracleAnswered, "request %d: %v", r.n, err)
		}
		h.retry(r)
	})
}

// retry sends a request again after a while; some clients give up.
func (h *history) retry(r *request) {
	patience := 6
	if h.edgy {
		patience = 2 // it gives up early: only what lands late can then bring the request in
	}
	if h.calm || r.tries > 4 || h.random.IntN(patience) == 0 {
		return
	}
	h.after(h.between(100*time.Millisecond, pick(h, time.Second, h.slotLength, 2*h.slotLength)), func() {
		h.count(Retried)
		h.send(r)
	})
}

func outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// scheduleQueries asks through the query function, so other calls happen between its reads.
func (h *history) scheduleQueries() {
	h.askSomething(pick(h, byUser, everything, marks, marks, marks, skippedOf(byUser), skippedOf(everything)))
	if h.random.IntN(3) == 0 {
		h.askKeys(pick(h, byUser, marks))
	}
	if h.random.IntN(4) == 0 {
		h.askGroups(pick(h, byUser, marks))
	}
	if !h.calm {
		h.after(h.between(0, 2*h.queryEvery), h.scheduleQueries)
	}
}

func (h *history) askSomething(view int) {
	if keys := h.keys(view); len(keys) > 0 {
		h.ask(view, keys[h.random.IntN(len(keys))])
	}
}

func (h *history) ask(view int, key string) {
	began, writes := h.step, h.looks
	body := func(ctx context.Context, e *environment) {
		answer, err := h.query(ctx, e.query, view, parametersOf(view, key))
		if err != nil {
			return // a fault of a store, or the view does not serve yet
		}
		if h.looks > writes {
			h.count(QueriedInFlight)
		}
		if h.violation == nil && e.isChecked() {
			h.noteFound(view, key, answer)
			h.checkAnswer(view, key, answer, began, false)
		}
	}
	h.invoke(queryRole, fmt.Sprintf("%s %q", viewNames[view], key), body, func(bool) {})
}
