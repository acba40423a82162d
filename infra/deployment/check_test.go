package deployment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/infra/venv"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/engine"
)

// catalogOf returns a catalog with one view, which has a generation of each engine version, in the given state.
func catalogOf(t *testing.T, state lifecycle.State, versions ...int) *memory.Catalog {
	t.Helper()
	c := &memory.Catalog{}
	v := lifecycle.View{Name: "v"}
	for i, version := range versions {
		d := view.Definition{
			Engine: version, Name: "v", Window: time.Hour, Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}},
		}
		if err := c.PutDefinition(t.Context(), d.Hash(), d.Text()); err != nil {
			t.Fatal(err)
		}
		id := lifecycle.GenerationID(fmt.Sprintf("g%d", i))
		v.Generations = append(v.Generations, lifecycle.Generation{ID: id, Definition: d.Hash(), State: state})
	}
	if err := c.PutView(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	return c
}

// Versions that this release does not run. In a Definition, version 0 stands for the current one.
const (
	tooOld = -1
	tooNew = engine.Current + 1
)

func TestCheckViews(t *testing.T) {
	for _, c := range []struct {
		name     string
		state    lifecycle.State
		versions []int
		says     []string // parts of the error; none: no error
	}{
		{"no generation", lifecycle.Serving, nil, nil},
		{"both versions of this release", lifecycle.Serving, []int{engine.Previous, engine.Current}, nil},
		{"an old one that is being dropped", lifecycle.Dropping, []int{tooOld, engine.Current}, nil},
		{"an old one serves", lifecycle.Serving, []int{engine.Current, tooOld},
			[]string{"view v keeps the generation g1, which is serving", "let its views be built anew"}},
		{"an old one is retained", lifecycle.Retained, []int{tooOld},
			[]string{"generation g0, which is retained", "let its views be built anew"}},
		{"a newer one serves", lifecycle.Serving, []int{tooNew},
			[]string{"generation g0, which is serving", "deploy all functions at that release"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := checkViews(t.Context(), catalogOf(t, c.state, c.versions...))
			if refused := len(c.says) > 0; errors.Is(err, view.ErrVersion) != refused || (err != nil) != refused {
				t.Fatalf("error %v; want one: %t", err, refused)
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q; want %q in it", err, part)
				}
			}
		})
	}
}

// TestOpen checks that a missing region, and missing credentials, are named with what to do.
func TestOpen(t *testing.T) {
	for _, test := range []struct{ region, key, says string }{
		{"eu-central-1", "test", ""},
		{"", "test", "no AWS region: set AWS_REGION in deploy.mk"},
		{"eu-central-1", "", "no AWS credentials: run aws configure"},
	} {
		for name, value := range map[string]string{
			"AWS_REGION": test.region, "AWS_ACCESS_KEY_ID": test.key, "AWS_SECRET_ACCESS_KEY": test.key,
			"AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_ROLE_ARN": "",
			"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
			"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
		} {
			t.Setenv(name, value)
		}
		a, err := Open(t.Context())
		if test.says == "" && (err != nil || a.Region != test.region) {
			t.Errorf("%+v: region %q, error %v", test, a.Region, err)
		}
		if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%+v: error %v", test, err)
		}
	}
}

// TestFindSam checks that a sam on the path is used if the frozen one cannot be installed, and only if it is new
// enough.
func TestFindSam(t *testing.T) {
	for _, test := range []struct{ name, sam, says string }{
		{"as new", "echo SAM CLI, version 1.170.0", ""},
		{"newer", "echo SAM CLI, version 1.1000.0", ""},
		{"older", "echo SAM CLI, version 1.99.3", "sam is 1.99.3: must be 1.170.0 or later"},
		{"no version", "echo usage", "must be 1.170.0 or later"},
		{"none", "", "or install sam 1.170.0 or later"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root, bin := t.TempDir(), t.TempDir()
			t.Setenv("PATH", bin) // without a Python, the frozen packages cannot be installed
			t.Setenv("PYENV_ROOT", root)
			write(t, filepath.Join(root, venv.Tools.Requirements), "aws-sam-cli==1.170.0\n")
			if test.sam != "" {
				write(t, filepath.Join(bin, "sam"), "#!/bin/sh\n"+test.sam+"\n")
			}
			got, err := FindSam(t.Context(), root)
			if test.says == "" && (err != nil || got != bin) {
				t.Errorf("%s, %v; want %s", got, err, bin)
			}
			if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says) ||
				!strings.Contains(err.Error(), "missing Python")) {
				t.Errorf("error %v; want %q and the versions of Python in it", err, test.says)
			}
		})
	}
}

// write writes an executable file.
func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
