package lifecycle_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/lifecycle"
)

var update = flag.Bool("update", false, "write the table of moves into docs/design.md")

const (
	page  = "../../docs/design.md"
	begin = "<!-- The moves: written by go test ./shared/lifecycle -run TestDesignShowsTheMoves -update. -->\n"
	end   = "<!-- End of the moves. -->\n"
)

// TestDesignShowsTheMoves checks that the table in docs/design.md is the table that the code uses.
func TestDesignShowsTheMoves(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	shown, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the moves", page)
	}
	drawn := draw()
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+drawn+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if shown != drawn {
		t.Errorf("%s shows other moves than there are; run go test ./shared/lifecycle -run TestDesignShowsTheMoves "+
			"-update:\n%s", page, drawn)
	}
}

func draw() string {
	var b strings.Builder
	b.WriteString("\n| from | move | to | when | why |\n|---|---|---|---|---|\n")
	name := func(s lifecycle.State) string {
		if s == lifecycle.None {
			return "(none)"
		}
		return string(s)
	}
	for _, r := range lifecycle.Rules() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name(r.From), r.Move, name(r.To), r.Guard, r.Reason)
	}
	b.WriteString("\n")
	return b.String()
}

// TestRules checks that a move leads from one state to only one other, so the order of the table does not matter, and
// that every state can be reached and left.
func TestRules(t *testing.T) {
	type step struct {
		from lifecycle.State
		move lifecycle.Move
	}
	known, to, from := map[step]bool{}, map[lifecycle.State]bool{}, map[lifecycle.State]bool{}
	for _, r := range lifecycle.Rules() {
		if s := (step{r.From, r.Move}); known[s] {
			t.Errorf("two rules for %q from %q", s.move, s.from)
		} else {
			known[s] = true
		}
		if r.Reason == "" {
			t.Errorf("%q from %q has no reason", r.Move, r.From)
		}
		to[r.To], from[r.From] = true, true
	}
	for _, s := range []lifecycle.State{
		lifecycle.None, lifecycle.Announced, lifecycle.Building, lifecycle.Serving, lifecycle.Retained, lifecycle.Dropping,
	} {
		if !to[s] || !from[s] {
			t.Errorf("state %q: reached %t, left %t", s, to[s], from[s])
		}
	}
}
