package infra_test

import (
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/setting"
)

var update = flag.Bool("update", false, "write "+releaseBefore+" anew, from this release: only when it is released")

// releaseBefore lists the variables without a default that the template of the release before gives each function.
const releaseBefore = "testdata/release-before.txt"

// withoutDefault returns the variables that the template gives a function and that are no settings, since every setting
// has a default.
func withoutDefault(app template, function string) []string {
	all := given(app, function)
	for i := range reflect.TypeFor[setting.All]().NumField() {
		delete(all, setting.Variable(reflect.TypeFor[setting.All]().Field(i).Name))
	}
	return slices.Sorted(maps.Keys(all))
}

// TestVariablesOfTheReleaseBefore checks that a function starts whatever mix of two releases it meets: CloudFormation
// changes the code and the variables of a function by two calls, so for seconds new code runs with the variables of the
// release before, or old code with new ones. Every setting has a default. A variable without a default must be given
// by both releases. A function that the release before does not have is created with all its variables.
func TestVariablesOfTheReleaseBefore(t *testing.T) {
	if _, err := setting.Read(func(string) (string, bool) { return "", false }); err != nil {
		t.Errorf("without any variable: %v", err)
	}
	source, app, lines := loadFunctions(t), application(t), []string{}
	text, err := os.ReadFile(releaseBefore)
	if err != nil {
		t.Fatal(err)
	}
	before := strings.Fields(strings.ReplaceAll(string(text), " ", "/"))
	for _, name := range functionNames() {
		now := withoutDefault(app, name)
		for _, variable := range now {
			lines = append(lines, name+" "+variable)
		}
		if !slices.ContainsFunc(before, func(had string) bool { return strings.HasPrefix(had, name+"/") }) {
			continue
		}
		_, resources := needs(t, source, name)
		for resource := range resources {
			if variable := setting.Variable(resource); !slices.Contains(before, name+"/"+variable) {
				t.Errorf("%s needs %s, which the release before does not give it: the template must give it in one release, "+
					"and the code may read it from the next one on", name, variable)
			}
		}
		for _, had := range before {
			if function, variable, _ := strings.Cut(had, "/"); function == name && !slices.Contains(now, variable) {
				t.Errorf("the release before needs %s in %s: the template must give it for one more release", variable, name)
			}
		}
	}
	if *update {
		if err := os.WriteFile(releaseBefore, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
