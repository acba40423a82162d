package shared_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOnlyLifecycleAsksForTheArchitecture checks that nobody but a generation's methods (shared/lifecycle/kind.go)
// compares architectures: these methods hold all differences between Lambda and Kappa. The package of definitions and
// its reader may know an architecture's name, and how large a page is.
func TestOnlyLifecycleAsksForTheArchitecture(t *testing.T) {
	asked := map[string]int{}
	for _, p := range list(t) {
		if slices.Contains([]string{"shared/view", "shared/view/viewfile"}, p.name()) {
			continue
		}
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			n, err := comparisons(name, text)
			if err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				asked[p.name()+"/"+name] += n
			}
		}
	}
	if len(asked) != 1 || asked["shared/lifecycle/kind.go"] != 1 {
		t.Errorf(
			"an architecture is compared in %v, want once, in shared/lifecycle/kind.go: ask the generation (HasBase, "+
				"PerSlot, Owner, ...)",
			asked,
		)
	}
}

// comparisons counts the comparisons with view.Kappa or view.Lambda, and switches over an architecture.
func comparisons(name string, text []byte) (n int, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
	if err != nil {
		return 0, err
	}
	isOne := func(e ast.Expr) bool {
		s, ok := e.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		x, ok := s.X.(*ast.Ident)
		return ok && x.Name == "view" && (s.Sel.Name == "Kappa" || s.Sel.Name == "Lambda")
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.BinaryExpr:
			if (node.Op == token.EQL || node.Op == token.NEQ) && (isOne(node.X) || isOne(node.Y)) {
				n++
			}
		case *ast.SwitchStmt:
			if s, ok := node.Tag.(*ast.SelectorExpr); ok && s.Sel.Name == "Architecture" {
				n++
			}
		case *ast.CaseClause:
			if slices.ContainsFunc(node.List, isOne) {
				n++
			}
		}
		return true
	})
	return n, nil
}

func TestComparisonsAreFound(t *testing.T) {
	const text = `package p
func f(g generation) {
	_ = g.Architecture == view.Kappa || view.Lambda != g.Architecture
	switch {
	case g.Architecture == view.Kappa:
	}
	switch g.Architecture {
	case view.Lambda:
	}
	_ = generation{Architecture: view.Kappa} // a value, not a question
}`
	if n, err := comparisons("p.go", []byte(strings.TrimSpace(text))); n != 5 || err != nil {
		t.Errorf("%d, error %v; want 5", n, err)
	}
}
