package infra_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dependencies returns the resources that a resource needs before it, by Ref, GetAtt, Sub or DependsOn, directly or
// through others.
func dependencies(app template, name string, all map[string]bool) map[string]bool {
	declared := app.root["Resources"].(object)
	for needed := range named(declared[name]) {
		if _, ok := declared[needed]; ok && !all[needed] {
			all[needed] = true
			dependencies(app, needed, all)
		}
	}
	return all
}

// inSub finds the names in the text of a Sub.
var inSub = regexp.MustCompile(`\$\{([A-Za-z]+)`)

// named returns what a value of a template refers to.
func named(value any) map[string]bool {
	all := map[string]bool{}
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			for name := range named(e) {
				all[name] = true
			}
		}
	case object:
		for key, e := range v {
			switch key {
			case "Ref":
				name, _, _ := strings.Cut(e.(string), ".") // IngestFunction.Alias
				all[name] = true
			case "Fn::GetAtt":
				all[e.([]any)[0].(string)] = true
			case "DependsOn":
				for _, name := range listOf(e) {
					all[name.(string)] = true
				}
			case "Fn::Sub":
				for _, match := range inSub.FindAllStringSubmatch(text(e), -1) {
					all[match[1]] = true
				}
			}
			for name := range named(e) {
				all[name] = true
			}
		}
	}
	return all
}

// TestWhatStartsTheSystemComesLast checks that mappings come after the roles and the API, and schedules after the
// mappings. AWS checks the roles when it creates these, and IAM needs some seconds to make a new role known. If the
// creation fails earlier, nothing has written into the buckets and tables.
func TestWhatStartsTheSystemComesLast(t *testing.T) {
	app := application(t)
	before := func(name string, earlier []resource) {
		needs := dependencies(app, name, map[string]bool{})
		for _, r := range earlier {
			if !needs[r.name] {
				t.Errorf("%s does not come after %s: add it to DependsOn", name, r.name)
			}
		}
		if needs[name] {
			t.Errorf("%s depends on itself", name)
		}
	}
	mappings := app.resources("AWS::Lambda::EventSourceMapping")
	for _, r := range mappings {
		other := map[string]string{"StreamMapping": "RepublishRole", "RepublishMapping": "SpeedRole"}[r.name]
		before(r.name, slices.DeleteFunc(app.resources("AWS::IAM::Role"), func(role resource) bool {
			return role.name == other // of the other mapping, which comes neither before nor after
		}))
		before(r.name, []resource{app.resource("ApiStage")})
	}
	for _, r := range app.resources("AWS::Scheduler::Schedule") {
		before(r.name, mappings)
	}
}

// TestAccessLog checks that the log group of the API does not count against the policy for logs of the account.
//
// Source: API Gateway Developer Guide, logging for HTTP APIs; error "Policy document length breaking Cloudwatch Logs
// Constraints, either < 1 or > 5120".
func TestAccessLog(t *testing.T) {
	if name := text(application(t).resource("ApiLog").property("LogGroupName")); !strings.HasPrefix(
		name, "!Sub /aws/vendedlogs/",
	) {
		t.Errorf("the API logs to %s: the name must begin with /aws/vendedlogs/", name)
	}
}
