package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/simulation/mutants"
)

// TestTable checks that killed mutants and equivalent ones pass. Every other verdict fails the run, with the mutant's
// name.
func TestTable(t *testing.T) {
	mistake := mutants.Mutant{Name: "mistake"}
	harmless := mutants.Mutant{Name: "harmless", Equivalent: "a reason"}
	for _, test := range []struct {
		name  string
		m     mutants.Mutant
		v     verdict
		foot  string
		wrong bool
	}{
		{"killed", mistake, verdict{end: killed, by: "an oracle", seed: 3}, "1 killed, 0 survived, 0 equivalent (1 s)",
			false},
		{"survived", mistake, verdict{end: survived}, "0 killed, 1 survived, 0 equivalent (1 s)", true},
		{"not built", mistake, verdict{end: broken, by: "go build"}, "0 killed, 0 survived, 0 equivalent (1 s)", true},
		{"equivalent", harmless, verdict{end: survived}, "0 killed, 0 survived, 1 equivalent (1 s)", false},
		{"not equivalent after all", harmless, verdict{end: killed, by: "an oracle"},
			"0 killed, 0 survived, 0 equivalent (1 s)", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			table := table{out: &out}
			table.line(test.m, test.v)
			err := table.foot(time.Second)
			if !strings.Contains(out.String(), test.foot) {
				t.Errorf("it ends with %q, want %q", out.String(), test.foot)
			}
			if wrong := err != nil && strings.Contains(err.Error(), test.m.Name); wrong != test.wrong || !wrong && err != nil {
				t.Errorf("error %v, want one: %v", err, test.wrong)
			}
		})
	}
}

func TestInOrder(t *testing.T) {
	first := make(chan struct{}) // the first item ends after the second
	var reported []int
	inOrder([]int{1, 2, 3}, 2, func(n int) verdict {
		switch n {
		case 1:
			<-first
		case 2:
			close(first)
		}
		return verdict{seed: uint64(n)}
	}, func(n int, v verdict) { reported = append(reported, n, int(v.seed)) })
	if diff := cmp.Diff([]int{1, 1, 2, 2, 3, 3}, reported); diff != "" {
		t.Errorf("reported (-want +got):\n%s", diff)
	}
}

// TestOverlay checks that the overlay names every file that a mutant changes, by its path in the module.
func TestOverlay(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.go"), []byte("package a // right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := mutants.Mutant{Name: "m", Edits: []mutants.Edit{{File: "a.go", Find: "right", Replace: "wrong"}}}
	place, err := workshop{root: root}.overlay(m, dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &overlay); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(overlay.Replace[filepath.Join(root, "a.go")])
	if err != nil || len(overlay.Replace) != 1 || string(got) != "package a // wrong\n" {
		t.Errorf("overlay %s: %q, %v", text, got, err)
	}
}
