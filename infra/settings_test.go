package infra_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// needs returns what a function's code reads: settings by their field names, and resources. The rules and the defaults
// read all settings; that does not count.
func needs(t testing.TB, p *program, function string) (fields, resources map[string]bool) {
	t.Helper()
	fields, resources = map[string]bool{}, map[string]bool{}
	for f := range p.reach(t, "functions/"+function).called {
		if f.Pkg() != nil && f.Pkg().Path() == module+"shared/setting" &&
			slices.Contains([]string{"Rules", "Default", "checkSlot", "checkSealDelay", "checkMaxStreamAge"}, f.Name()) {
			continue
		}
		for _, name := range p.refers[f].fields {
			if setting.HasVariable(name) {
				fields[name] = true
			}
		}
		for _, name := range p.refers[f].resources {
			resources[name] = true
		}
	}
	return fields, resources
}

// given returns the variables that the template gives a function: those of all functions, and its own.
func given(app template, function string) map[string]string {
	all := map[string]string{}
	own := app.resource(large(function)+"Function").property("Environment", "Variables")
	for _, variables := range []any{at(app.root, "Globals", "Function", "Environment", "Variables"), own} {
		for variable, value := range variables.(object) {
			all[variable] = text(value)
		}
	}
	return all
}

// checked returns the rules that a function checks: those for which it is given all settings.
func checked(variables map[string]string) (all []setting.Rule) {
	for _, r := range setting.Rules() {
		if !slices.ContainsFunc(r.Settings, func(name string) bool {
			_, ok := variables[setting.Variable(name)]
			return !ok && setting.HasVariable(name)
		}) {
			all = append(all, r)
		}
	}
	return all
}

// TestVariablesAreTheSettings checks that each function is given every variable that it reads. Any other variable that
// it is given completes a rule about a setting that it reads.
func TestVariablesAreTheSettings(t *testing.T) {
	source, app := loadFunctions(t), application(t)
	for _, name := range functionNames() {
		t.Run(name, func(t *testing.T) {
			fields, resources := needs(t, source, name)
			variables, wanted := given(app, name), map[string]string{}
			for _, r := range checked(variables) {
				if slices.ContainsFunc(r.Settings, func(s string) bool { return fields[s] }) {
					for _, s := range r.Settings {
						if setting.HasVariable(s) {
							wanted[setting.Variable(s)] = valueFor(s)
						}
					}
				}
			}
			for _, all := range []map[string]bool{fields, resources} {
				for s := range all {
					wanted[setting.Variable(s)] = valueFor(s)
				}
			}
			if diff := cmp.Diff(wanted, variables); diff != "" {
				t.Errorf("(-code +template):\n%s", diff)
			}
		})
	}
}

// TestEveryRuleIsChecked checks that for each rule, some function is given all of its settings. So this function does
// not start when they break the rule.
func TestEveryRuleIsChecked(t *testing.T) {
	app, left := application(t), map[string]bool{}
	for _, r := range setting.Rules() {
		left[fmt.Sprint(r.Settings)] = true
	}
	for _, name := range functionNames() {
		for _, r := range checked(given(app, name)) {
			delete(left, fmt.Sprint(r.Settings))
		}
	}
	for settings := range left {
		t.Errorf("no function is given all of %s, and so none checks the rule about them", settings)
	}
}

// valueFor returns where the template takes a setting from: the parameter with the same name, an output of the storage
// with the same name, or a resource.
func valueFor(name string) string {
	switch {
	case strings.HasSuffix(name, "Table"), name == "ArchiveBucket", name == "StreamName", name == "RepublishQueue":
		return "!GetAtt Storage.Outputs." + name
	case name == "KeysSecret":
		return "!GetAtt KeysSecret.Id"
	case name == "BatchEvery": // in minutes, as the schedule needs it
		return "!Sub ${BatchEvery}m"
	case name == "StreamRetention": // in hours, as the stream needs it
		return "!Sub ${StreamRetention}h"
	}
	return "!Ref " + name
}

// TestDefaults checks that the defaults of the parameters are those of shared/setting, and that every setting with a
// variable is used by some function.
func TestDefaults(t *testing.T) {
	app, read, defaults := application(t), map[string]bool{}, reflect.ValueOf(setting.Default())
	for _, name := range functionNames() {
		for variable := range given(app, name) {
			read[variable] = true
		}
	}
	for i := range defaults.NumField() {
		name := defaults.Type().Field(i).Name
		if setting.HasVariable(name) != read[setting.Variable(name)] {
			t.Errorf("setting %s is read by a function: %v, has a variable: %v", name, read[setting.Variable(name)],
				setting.HasVariable(name))
		}
		if !read[setting.Variable(name)] {
			continue
		}
		got := fmt.Sprint(app.parameter(name)["Default"])
		switch name {
		case "BatchEvery": // in minutes, as the schedule needs it
			got += "m"
		case "StreamRetention": // in hours, as the stream needs it
			got += "h"
		}
		if want := fmt.Sprint(defaults.Field(i)); !equalSettings(got, want) {
			t.Errorf("parameter %s has the default %s, shared/setting %s", name, got, want)
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

// TestReadmes checks that the README of a function has a row for each of its variables, with its default.
func TestReadmes(t *testing.T) {
	app, defaults := application(t), reflect.ValueOf(setting.Default())
	for _, name := range functionNames() {
		body, err := os.ReadFile("../functions/" + name + "/README.md")
		if err != nil {
			t.Fatal(err)
		}
		rows := map[string]string{}
		_, section, _ := strings.Cut(string(body), "## Settings")
		for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| (.*?) \\|").FindAllStringSubmatch(section, -1) {
			rows[row[1]] = strings.Trim(row[2], "` ")
		}
		wanted := map[string]string{}
		for variable := range given(app, name) {
			wanted[variable] = ""
		}
		for i := range defaults.NumField() {
			variable := setting.Variable(defaults.Type().Field(i).Name)
			if _, ok := wanted[variable]; !ok {
				continue
			}
			wanted[variable] = fmt.Sprint(defaults.Field(i))
			if equalSettings(rows[variable], wanted[variable]) {
				wanted[variable] = rows[variable]
			}
		}
		if diff := cmp.Diff(wanted, rows); diff != "" {
			t.Errorf("functions/%s/README.md (-template +rows):\n%s", name, diff)
		}
	}
}
