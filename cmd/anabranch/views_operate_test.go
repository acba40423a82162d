package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	lookAt = "GET /v1/admin/views/page_views"
	doing  = "POST /v1/admin/views/page_views/"
)

// Statuses before and after operations.
var (
	beside   = stands(genA, "", gen(genA, "serving", 12, ""), ready(gen(genB, "building", 12, "")))
	switched = stands(genB, "", gen(genB, "serving", 12, ""), ready(gen(genA, "retained", 12, "")))
	alone    = stands(genB, "", gen(genB, "serving", 12, ""))
)

// TestViewsOperate checks that each operation sends the id of its generation if only one is suitable, and prints what
// changed.
func TestViewsOperate(t *testing.T) {
	held := stands(genA, `,"held":"77aa00bb11cc22dd"`, gen(genA, "serving", 12, ""), gen(genB, "dropping", 9, ""))
	for name, test := range map[string]struct {
		line          string
		before, after string
		asked, says   string
	}{
		"Switch": {"switch page_views", beside, switched, `switch {"generation":"` + genB + `"}`,
			genB + " serves (was " + genA + ")"},
		"Rollback": {"rollback page_views --yes", switched, stands(genA, "", gen(genA, "serving", 12, ""),
			gen(genB, "retained", 12, "")), `rollback {"generation":"` + genA + `"}`, genA + " serves (was " + genB + ")"},
		"Drop": {"drop page_views -y", switched, alone, `drop {"generation":"` + genA + `"}`,
			genA + " is given up (was retained)"},
		"DropRetired": {"drop page_views -y", stands(genA, `,"retired":"2026-03-01T11:00:00Z"`, gen(genA, "serving", 12, ""),
			gen(genB, "retained", 12, "")),
			stands("", `,"retired":"2026-03-01T11:00:00Z"`, gen(genA, "dropping", 12, ""),
				gen(genB, "dropping", 12, "")), "drop {}",
			"- serves (was " + genA + ")\npage_views: " + genA + " is given up (was serving)\n" +
				"page_views: " + genB + " is given up (was retained)"},
		"Abandon": {"abandon page_views", beside, held, `abandon {"generation":"` + genB + `"}`,
			genB + " is given up (was building)\npage_views: definition 77aa00bb11cc is held"},
		"Prefix": {"switch page_views --generation 01KB00", beside, switched, `switch {"generation":"` + genB + `"}`,
			genB + " serves (was " + genA + ")"},
		"Unknown": {"drop page_views --generation 01KX", switched, switched, `drop {"generation":"01KX"}`,
			"nothing changed"},
		"NoneMeant": {"drop page_views", alone, alone, "drop {}", "nothing changed"},
		"Rebuild": {"rebuild page_views", alone, stands(genB, `,"rebuild":true`, gen(genB, "serving", 12, "")),
			"rebuild {}", "a rebuild is requested; it begins with the next run of batch"},
		"RebuildOfHeld": {"rebuild page_views", held, stands(genA, `,"rebuild":true`, gen(genA, "serving", 12, "")),
			"rebuild {}",
			"a rebuild is requested; it begins with the next run of batch\n" +
				"page_views: definition 77aa00bb11cc is no longer held"},
		"Replay": {"replay page_views", stands(genA, "", kappa(gen(genA, "serving", 12, ""))),
			stands(genA, "", kappa(gen(genA, "serving", 12, "")), kappa(gen(genC, "announced", 0, ""))),
			"rebuild {}", genC + " is announced (definition 4f1c0e9d2b7a)"},
		"FirstSwitch": {"switch page_views", stands("", "", ready(gen(genB, "building", 12, ""))), alone,
			`switch {"generation":"` + genB + `"}`, genB + " serves (was -)"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, output := range []string{"table", "json"} {
				f := newFakeAdmin(t, test.before).answering(ok(test.after))
				s := newSession()
				s.do(t, exitOK, append(strings.Fields("views "+test.line), "-o", output, "--url", f.URL)...)
				want := "page_views: " + test.says + "\n"
				if output == "json" {
					want = test.after
				}
				if diff := cmp.Diff(want, s.out.String()); diff != "" || s.err.Len() > 0 {
					t.Errorf("%s%s", diff, &s.err)
				}
				f.was(t, lookAt, doing+test.asked)
			}
		})
	}
}

// TestViewsOperateRefused checks that a command prints a refusal, and sends no request that it knows to be impossible.
func TestViewsOperateRefused(t *testing.T) {
	for name, test := range map[string]struct {
		line, status string
		answer       http.HandlerFunc
		code         int
		says         string
		requests     int
	}{
		// the last request checks whether an earlier attempt did it
		"Lags":          {"switch page_views", beside, refusal, exitRejected, "is behind: it is at run 9", 3},
		"ServesAlready": {"switch page_views --generation " + genA, beside, nil, exitOK, genA + " already serves", 1},
		"UnknownOne": {"switch page_views --generation 01KX", beside,
			problemOf(404, "unknown_generation", "there is no generation 01KX"), exitRejected, "there is no generation 01KX", 2},
		"Ambiguous": {"switch page_views --generation 01KB00",
			stands(genA, "", gen(genB, "building", 1, ""), gen("01KB00X", "retained", 1,
				"")), nil, exitUsage, "give more characters", 1},
		"TooShort": {"drop page_views --generation 01KB", switched,
			problemOf(404, "unknown_generation", "there is no generation 01KB"), exitRejected, "there is no generation 01KB", 2},
		"NothingMeant": {"rollback page_views", alone,
			problemOf(409, "refused", "there is no retained generation to go back to"),
			exitRejected, "there is no retained generation to go back to", 2},
		"ReplayOfLambda": {"replay page_views", alone, nil, exitUsage,
			`page_views is a Lambda view; use rebuild: "anabranch views rebuild page_views"`, 1},
		"Announced": {"rebuild page_views --wait", alone, problemOf(409, "refused", "a generation is already announced"),
			exitRejected, "a generation is already announced", 2},
		"Conflict": {"switch page_views --wait", beside, problemOf(409, "conflict", "the view changed meanwhile"),
			exitRejected, "the view changed meanwhile", 3},
		"WaitForNothing": {"rollback page_views --wait", alone, problemOf(409, "refused",
			"there is no retained generation to go back to"), exitRejected, "there is no retained generation to go back to", 3},
		"WaitForDropped": {"switch page_views --wait --generation " + genB,
			stands(genA, "", gen(genA, "serving", 12, ""), gen(genB, "dropping", 1, "")),
			problemOf(409, "refused", "it has been given up"), exitRejected, "it has been given up", 4},
		"OldServer": {"switch page_views", beside, ok("{}"), exitUnreachable, "names no view", 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeAdmin(t, test.status).answering(test.answer)
			s := newSession()
			s.do(t, test.code, append(strings.Fields("views "+test.line), "--url", f.URL)...)
			if all := s.out.String() + s.err.String(); !strings.Contains(all, test.says) {
				t.Errorf("does not say %q:\n%s", test.says, all)
			}
			if len(f.lines()) != test.requests || len(s.waits) > 0 {
				t.Errorf("%d requests, want %d; waits %v: %q", len(f.lines()), test.requests, s.waits, f.lines())
			}
		})
	}
}

// TestViewsAnswerLost checks that if an answer is lost, the client repeats the operation where that is safe. An
// operation that was done counts as done.
func TestViewsAnswerLost(t *testing.T) {
	for name, test := range map[string]struct {
		line     string
		statuses []string
		answers  []http.HandlerFunc
		code     int
		says     string
		posts    int
	}{
		"SwitchAgain": {"switch page_views", []string{beside, switched},
			[]http.HandlerFunc{reset, problemOf(409, "refused",
				"it serves already")}, exitOK, genB + " serves (was " + genA + ")", 2},
		"DropAgain": {"drop page_views", []string{switched, alone},
			[]http.HandlerFunc{reset, problemOf(404, "unknown_generation", "no such")}, exitOK, genA + " is given up", 2},
		"RollbackDone": {"rollback page_views", []string{switched, beside}, []http.HandlerFunc{reset}, exitOK,
			genA + " serves (was " + genB + ")", 3},
		"RollbackNotDone": {"rollback page_views", []string{switched}, []http.HandlerFunc{status(503)}, exitUnreachable,
			"503 Service Unavailable", 3},
		"UnnamedOnce": {"abandon page_views", []string{alone}, []http.HandlerFunc{reset}, exitUnreachable,
			"gave up after 1 attempt", 1},
		"Wish": {"rebuild page_views", []string{alone}, []http.HandlerFunc{status(503), ok(alone)}, exitOK,
			"nothing changed", 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeAdmin(t, test.statuses...).answering(test.answers...)
			s := newSession()
			s.do(t, test.code, append(strings.Fields("views "+test.line), "--url", f.URL)...)
			if all := s.out.String() + s.err.String(); !strings.Contains(all, test.says) {
				t.Errorf("does not say %q:\n%s", test.says, all)
			}
			if posts := strings.Count(strings.Join(f.lines(), "\n"), "POST "); posts != test.posts {
				t.Errorf("%d posts, want %d: %q", posts, test.posts, f.lines())
			}
		})
	}
}

// TestViewsConfirm checks that a user at a terminal must confirm a change. TestViewsOperate covers scripts.
func TestViewsConfirm(t *testing.T) {
	for answer, yes := range map[string]bool{"y\n": true, " YES \n": true, "n\n": false, "\n": false, "": false,
		"yesterday\n": false} {
		t.Run(strings.TrimSpace(answer), func(t *testing.T) {
			f := newFakeAdmin(t, beside).answering(ok(switched))
			s := newSession()
			s.asks, s.stdin = true, strings.NewReader(answer)
			if yes {
				s.do(t, exitOK, "views", "switch", "page_views", "--url", f.URL)
				f.was(t, lookAt, doing+`switch {"generation":"`+genB+`"}`)
			} else {
				s.do(t, exitRejected, "views", "switch", "page_views", "--url", f.URL)
				f.was(t, lookAt)
				says(t, &s.err, "cancelled: nothing was changed")
			}
			says(
				t,
				&s.err,
				"page_views: "+genA+" serves; switch to "+genB+" (building, definition 4f1c0e9d2b7a, run 12)? [y/N] ",
			)
		})
	}

	t.Run("Yes", func(t *testing.T) {
		f := newFakeAdmin(t, beside).answering(ok(switched))
		s := newSession()
		s.asks = true
		s.do(t, exitOK, "views", "switch", "page_views", "--yes", "--url", f.URL)
		if s.err.Len() > 0 {
			t.Errorf("stderr: %s", &s.err)
		}
	})

	t.Run("Interrupted", func(t *testing.T) {
		f := newFakeAdmin(t, beside)
		s := newSession()
		ctx, cancel := newContext(t)
		s.asks, s.stdin = true, readerFunc(func([]byte) (int, error) { cancel(); select {} })
		if code := s.run(ctx, []string{"views", "drop", "page_views", "--url", f.URL}); code != exitUnreachable {
			t.Errorf("exit code %d", code)
		}
		says(t, &s.err, "interrupted")
		f.was(t, lookAt)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(into []byte) (int, error) { return f(into) }

// Statuses in the course of a rebuild.
var (
	wanted   = stands(genA, `,"rebuild":true`, gen(genA, "serving", 12, ""))
	building = stands(genA, "", gen(genA, "serving", 12, ""), waiting(gen(genB, "building", 3, ""), "is behind"))
	further  = stands(genA, "", gen(genA, "serving", 12, ""), waiting(gen(genB, "building", 12, ""), "lags behind"))
)

func TestViewsWait(t *testing.T) {
	once := stands(genA, "", gen(genA, "serving", 12, ""))
	for name, test := range map[string]struct {
		line     string
		statuses []string
		answers  []http.HandlerFunc
		code     int
		says     string
		waits    int
	}{
		"RebuildReady": {"rebuild", []string{once, wanted, building, further, beside}, []http.HandlerFunc{ok(wanted)},
			exitOK, "page_views: " + genB + " is ready to serve (definition 4f1c0e9d2b7a, run 12)\n", 4},
		"RebuildServes": {"rebuild", []string{once, building, switched}, []http.HandlerFunc{ok(wanted)}, exitOK,
			"page_views: " + genB + " serves (was " + genA + ")\n", 2},
		"RebuildDropped": {"rebuild", []string{once, building, stands(genA, "", gen(genB, "dropping", 3, ""))},
			[]http.HandlerFunc{ok(wanted)}, exitRejected, genB + " was given up before it served", 2},
		"RebuildGone": {"rebuild", []string{once, building, once}, []http.HandlerFunc{ok(wanted)}, exitRejected,
			genB + " was given up before it served", 2},
		"RebuildTaken": {"rebuild", []string{once, once}, []http.HandlerFunc{ok(wanted)}, exitRejected,
			"cancelled before it began", 1},
		"Replay": {"replay", []string{kappa(once), building, beside}, []http.HandlerFunc{ok(wanted)}, exitOK,
			genB + " is ready to serve", 2},
		"Switch": {"switch", []string{beside}, []http.HandlerFunc{refusal, refusal, ok(switched)}, exitOK,
			"page_views: " + genB + " serves (was " + genA + ")\n", 2},
		"SwitchByBatch": {"switch", []string{building, building, switched}, []http.HandlerFunc{refusal, refusal}, exitOK,
			"page_views: " + genB + " serves (was " + genA + ")\n", 0},
		"SwitchToWanted": {"switch", []string{wanted, wanted, building}, []http.HandlerFunc{refusal, refusal, ok(switched)},
			exitOK, genB + " serves", 2},
		"Rollback": {"rollback", []string{switched}, []http.HandlerFunc{refusal, ok(beside)}, exitOK,
			genA + " serves (was " + genB + ")\n", 1},
		"SwitchDropped": {"switch", []string{building, building, building, once}, []http.HandlerFunc{refusal}, exitRejected,
			"is behind", 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, terminal := range []bool{false, true} {
				f := newFakeAdmin(t, test.statuses...).answering(test.answers...)
				s := newSession()
				s.terminal = terminal
				s.do(t, test.code, "views", test.line, "page_views", "--wait", "--url", f.URL)
				if all := s.out.String() + s.err.String(); !strings.Contains(all, test.says) {
					t.Errorf("does not say %q:\n%s", test.says, all)
				}
				for _, wait := range s.waits {
					if wait != time.Second {
						t.Errorf("waits %s", wait)
					}
				}
				if len(s.waits) != test.waits {
					t.Errorf("%d waits, want %d: %q", len(s.waits), test.waits, f.lines())
				}
				if !terminal && strings.ContainsAny(s.out.String()+s.err.String(), "\r\x1b|%") {
					t.Errorf("a bar where no terminal is: %q%q", &s.out, &s.err)
				}
			}
		})
	}
}

// TestViewsWaitProgress checks that on a terminal, a bar shows the runs and leaves nothing behind.
func TestViewsWaitProgress(t *testing.T) {
	halfway := stands(genA, "", gen(genA, "serving", 12, ""), waiting(gen(genB, "building", 8, ""), "is behind"))
	f := newFakeAdmin(t, alone, wanted, building, halfway, further, beside).answering(ok(wanted))
	f.statuses[0] = stands(genA, "", gen(genA, "serving", 12, ""))
	s := newSession()
	s.terminal = true
	s.do(t, exitOK, "views", "rebuild", "page_views", "--wait", "--url", f.URL)
	says(
		t,
		&s.err,
		"waiting for batch to begin",
		"01KB0000BBBB: run 3 of 12",
		"01KB0000BBBB: run 8 of 12",
		"5/9",
		"% |",
		"runs/",
		"01KB0000BBBB: lags behind",
	)
	if tail := s.err.String()[strings.LastIndex(s.err.String(), "\r")+1:]; strings.TrimSpace(tail) != "" {
		t.Errorf("leaves %q behind", tail)
	}
}

// TestViewsWaitInterrupted checks that Ctrl-C ends the wait, but not the operation.
func TestViewsWaitInterrupted(t *testing.T) {
	for _, line := range []string{"rebuild page_views --wait", "switch page_views --wait", "audit page_views"} {
		f := newFakeAdmin(
			t,
			building,
		).answering(ok(stands(genA, `,"rebuild":true`+auditOf("12:00:00", "", "", ""), gen(genA, "serving", 12, ""))))
		if strings.HasPrefix(line, "switch") {
			f.answering(refusal)
		}
		s := newSession()
		ctx, cancel := newContext(t)
		s.sleep = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
		if code := s.run(ctx, append(strings.Fields("views "+line), "--url", f.URL)); code != exitUnreachable ||
			s.out.Len() > 0 {
			t.Errorf("%s: exit code %d, %s", line, code, &s.out)
		}
		says(
			t,
			&s.err,
			`anabranch: stopped waiting; the server goes on: "anabranch views status page_views" shows how far it is`,
		)
	}
}
