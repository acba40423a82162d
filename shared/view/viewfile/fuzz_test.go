package viewfile_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// Parse returns definitions that compile and can be read back from their texts, or problems at places that exist in the
// file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(with(whereLine, `    where: |`, `      data.a == "é" &&`, ``, `        tpye == "x" ||`, `      dat.b`)))
	f.Add([]byte(with(keyLine, `      path: "\tdata[\"a\\u0062\"] + \u0064at.b"`)))
	f.Add([]byte("views: [{name: v, key: {a: 'data[''a'']'}, window: P1D, aggregates: {s: sum(-data.a * 0.1)}}]"))
	f.Add([]byte("views:\n- {where: !x, key: &a {}, <<: *a}\n---\n? - - -"))
	f.Add([]byte("\"\\\n:"))
	f.Fuzz(func(t *testing.T, text []byte) {
		definitions, err := viewfile.Parse("v.yaml", text)
		if err != nil {
			checkProblems(t, text, err)
			return
		}
		if _, err := view.Compile(definitions...); err != nil {
			t.Fatalf("Parse accepted %q, Compile says %v", text, err)
		}
		for _, d := range definitions {
			checkText(t, d.Text())
		}
	})
}

func checkProblems(t *testing.T, text []byte, err error) {
	var problems viewfile.Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("got %v, want Problems", err)
	}
	lines := strings.Split(string(text), "\n")
	for _, p := range problems {
		if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len([]rune(lines[p.Line-1]))+1 || p.Text == "" {
			t.Errorf("%s: the file has no such place", p)
		}
	}
}

func checkText(t *testing.T, text []byte) {
	d, err := view.ParseText(text)
	if err != nil {
		t.Fatalf("its own text: %v", err)
	}
	if again := d.Text(); !bytes.Equal(again, text) {
		t.Fatalf("text %s became %s", text, again)
	}
}
