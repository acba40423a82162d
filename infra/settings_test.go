package infra_test

import (
	"fmt"
	"go/types"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/settings"
	"github.com/anabranch/anabranch/shared/setting"
)

// mainPackages returns the folders below functions/ that hold a function.
func mainPackages(t testing.TB) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir("../functions")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, e := range entries {
		if _, err := os.Stat("../functions/" + e.Name() + "/main.go"); err == nil {
			all[e.Name()] = true
		}
	}
	return all
}

// field is a field of a function's Settings.
type field struct {
	name   string
	preset string // from its tag
	has    bool   // a default
}

// settingsOf returns the fields of a function's Settings, those of embedded structs included.
func settingsOf(t testing.TB, p *program, function string) (all []field) {
	t.Helper()
	var fields func(s *types.Struct)
	fields = func(s *types.Struct) {
		for i := range s.NumFields() {
			if f := s.Field(i); f.Embedded() {
				fields(f.Type().Underlying().(*types.Struct))
			} else {
				preset, has := reflect.StructTag(s.Tag(i)).Lookup("default")
				all = append(all, field{f.Name(), preset, has})
			}
		}
	}
	declared := p.packages["functions/"+function].Scope().Lookup("Settings")
	if declared == nil {
		t.Fatalf("function %s has no Settings", function)
	}
	fields(declared.Type().Underlying().(*types.Struct))
	return all
}

// TestVariablesAreTheSettings checks that the template gives each function exactly the variables that it reads.
func TestVariablesAreTheSettings(t *testing.T) {
	source, app := loadFunctions(t), application(t)
	for _, name := range functionNames() {
		t.Run(name, func(t *testing.T) {
			wanted := map[string]string{}
			for _, s := range settingsOf(t, source, name) {
				wanted[settings.Name(s.name)] = valueFor(s.name)
			}
			got := map[string]string{}
			for variable, value := range app.resource(large(name)+"Function").property("Environment", "Variables").(object) {
				got[variable] = text(value)
			}
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Errorf("(-main.go +template):\n%s", diff)
			}
		})
	}
}

// valueFor returns the value that the template must give a setting: the parameter or the output of the storage with the
// same name, or a resource.
func valueFor(name string) string {
	switch {
	case strings.HasSuffix(name, "Table"), name == "ArchiveBucket", name == "StreamName", name == "RepublishQueue":
		return "!GetAtt Storage.Outputs." + name
	case name == "KeysSecret":
		return "!GetAtt KeysSecret.Id"
	case name == "BatchEvery": // in minutes, as the schedule has it
		return "!Sub ${BatchEvery}m"
	case name == "StreamRetention": // in hours, as the stream has it
		return "!Sub ${StreamRetention}h"
	}
	return "!Ref " + name
}

// TestDefaults checks that the parameters of the template have the defaults of the code.
func TestDefaults(t *testing.T) {
	source, app := loadFunctions(t), application(t)
	for _, name := range functionNames() {
		for _, s := range settingsOf(t, source, name) {
			if !s.has {
				continue
			}
			got := fmt.Sprint(app.parameter(s.name)["Default"])
			if s.name == "BatchEvery" {
				got += "m"
			}
			if s.name == "StreamRetention" {
				got += "h"
			}
			if !equalSettings(got, s.preset) {
				t.Errorf("%s: parameter %s has the default %s, main.go %s", name, s.name, got, s.preset)
			}
		}
	}
}

// TestDefaultsAreTheSettings checks that a function's variable has the default of the setting in shared/setting, and
// that some function reads each setting that has a variable.
func TestDefaultsAreTheSettings(t *testing.T) {
	source, defaults := loadFunctions(t), reflect.ValueOf(setting.Default())
	read := map[string]bool{}
	for _, name := range functionNames() {
		for _, s := range settingsOf(t, source, name) {
			field := defaults.FieldByName(s.name)
			if !field.IsValid() {
				continue // a name of a resource, or the authorizer's
			}
			read[s.name] = true
			if want := fmt.Sprint(field.Interface()); !s.has || !equalSettings(s.preset, want) {
				t.Errorf("%s: %s has the default %q, shared/setting %s", name, s.name, s.preset, want)
			}
		}
	}
	for i := range defaults.NumField() {
		f := defaults.Type().Field(i)
		if hasNone := f.Tag.Get("variable") == "-"; hasNone == read[f.Name] {
			t.Errorf("setting %s has a variable: %v, in shared/setting: %v", f.Name, read[f.Name], !hasNone)
		}
	}
}

// equalSettings compares durations by their length, so "1m" equals "60s", and other values as text.
func equalSettings(a, b string) bool {
	m, errA := time.ParseDuration(a)
	n, errB := time.ParseDuration(b)
	return a == b || errA == nil && errB == nil && m == n
}

// TestParametersSayWhatTheyAre checks that each parameter has a description and a default, and that the template uses
// it.
func TestParametersSayWhatTheyAre(t *testing.T) {
	for _, f := range []template{application(t), storage(t)} {
		body, err := os.ReadFile(f.name)
		if err != nil {
			t.Fatal(err)
		}
		for name := range f.root["Parameters"].(object) {
			p := f.parameter(name)
			if p["Description"] == nil || p["Default"] == nil {
				t.Errorf("%s: parameter %s has no description or no default", f.name, name)
			}
			if !strings.Contains(string(body), "!Ref "+name) && !strings.Contains(string(body), "${"+name+"}") {
				t.Errorf("%s: nothing uses parameter %s", f.name, name)
			}
		}
	}
}

// TestStorageParameters checks that the template sets every parameter of the storage, and that both have the same
// defaults.
func TestStorageParameters(t *testing.T) {
	app, store := application(t), storage(t)
	given := app.resource("Storage").property("Parameters").(object)
	for name := range store.root["Parameters"].(object) {
		want(t, "parameter "+name+" of the storage", given[name], "!Ref "+name)
		want(t, "default of "+name, store.parameter(name)["Default"], text(app.parameter(name)["Default"]))
	}
	if len(given) != len(store.root["Parameters"].(object)) {
		t.Errorf(
			"the template sets %d parameters of the storage, which has %d", len(given), len(store.root["Parameters"].(object)),
		)
	}
	for name, output := range app.root["Outputs"].(object) {
		if wanted := "!GetAtt Storage.Outputs." + name; strings.HasPrefix(text(at(output, "Value")), "!GetAtt Storage.") {
			want(t, "output "+name, at(output, "Value"), wanted)
		}
	}
}

// number reads a number of a template.
func number(t testing.TB, value any) int {
	t.Helper()
	n, err := strconv.Atoi(text(value))
	if err != nil {
		t.Fatalf("%s is not a number", text(value))
	}
	return n
}

// TestReadmes checks that a function's README has a row for each setting, with its default.
func TestReadmes(t *testing.T) {
	source := loadFunctions(t)
	for _, name := range functionNames() {
		body, err := os.ReadFile("../functions/" + name + "/README.md")
		if err != nil {
			t.Fatal(err)
		}
		all := settingsOf(t, source, name)
		for _, s := range all {
			row := "| `" + settings.Name(s.name) + "` |  | "
			if s.has {
				row = "| `" + settings.Name(s.name) + "` | `" + s.preset + "` | "
			}
			if !strings.Contains(string(body), row) {
				t.Errorf("functions/%s/README.md has no row %q", name, row)
			}
		}
		_, section, _ := strings.Cut(string(body), "## Settings")
		if rows := strings.Count(section, "\n| `"); rows != len(all) {
			t.Errorf("functions/%s/README.md has %d settings, main.go %d", name, rows, len(all))
		}
	}
}
