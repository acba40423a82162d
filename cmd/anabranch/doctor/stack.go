package doctor

import (
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/setting"
)

func stackChecks() []check {
	return []check{
		{"stack", OfStack, Failed, stackState, "look at the events of the stack, then run make deploy again"},
		{"settings", OfStack, Failed, contradictions, "deploy parameters that meet the rules: docs/deploy.md"},
		{"variables", OfStack, Failed, variables,
			"run make deploy: somebody has changed the variables by hand, or an update has stopped half-way"},
		{"layout", OfStack, Failed, layout,
			"deploy the parameters that the archive has, or a new stack: docs/operations.md"},
		{"functions", OfStack, Failed, functionStates,
			"run make deploy again; the console says why the function is not active"},
		{"stream read", OfStack, Failed, mappings, "enable the mapping: make deploy PARAMETERS=ReadStream=true"},
		{"topic", OfStack, Warning, func(f Facts) []string {
			return when(f.Stack.Parameters["AlarmTopic"] == "", "AlarmTopic is empty: alarms show only in the console")
		}, "make an SNS topic, and run make deploy PARAMETERS=AlarmTopic=<its ARN>"},
		{"alarms", OfStack, Failed, alarmed, "docs/runbook.md has a section for each alarm"},
		{"alarm actions", OfStack, Warning, silenced,
			"enable them: aws cloudwatch enable-alarm-actions --alarm-names <name>"},
		{"rejected", OfStack, Warning, func(f Facts) []string {
			return when(f.Stack.Rejected > 0, fmt.Sprintf("ingest rejected %d events within a day", f.Stack.Rejected))
		}, "read them below rejected/ in the archive bucket: each has its reason; then mend the producer"},
		{"concurrency", OfStack, Warning, func(f Facts) []string {
			return when(f.Stack.Instances > 0 && f.Stack.Instances < 50,
				fmt.Sprintf("the account may run %d functions at once", f.Stack.Instances))
		}, "ask AWS for 1,000: Service Quotas, Lambda, Concurrent executions"},
	}
}

func when(is bool, fault string) []string {
	if is {
		return []string{fault}
	}
	return nil
}

func stackState(f Facts) []string {
	state := f.Stack.State
	good := strings.HasSuffix(state, "_COMPLETE") && !strings.Contains(state, "ROLLBACK") ||
		strings.HasSuffix(state, "_IN_PROGRESS") && !strings.Contains(state, "ROLLBACK")
	return when(!good, fmt.Sprintf("stack %s is in the state %s", f.Stack.Name, state))
}

func contradictions(f Facts) []string {
	_, err := setting.ReadParameters(f.Stack.Parameters)
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")[1:] // the first line says that they are invalid
}

// variables finds settings that two functions have with different values, or that are not those of the parameters.
func variables(f Facts) (all []string) {
	given := map[string]string{} // parameter by variable
	for i := range reflect.TypeFor[setting.All]().NumField() {
		name := reflect.TypeFor[setting.All]().Field(i).Name
		if value, ok := f.Stack.Parameters[name]; ok && setting.HasVariable(name) {
			given[setting.Variable(name)] = value
		}
	}
	for _, function := range f.Stack.Functions {
		for _, name := range slices.Sorted(keysOf(function.Variables)) {
			has, wants := function.Variables[name], given[name]
			if wants != "" && has != wants && strings.TrimRight(has, "mh") != wants {
				all = append(all, fmt.Sprintf("%s has %s=%s; the stack's parameter is %s", function.Name, name, has, wants))
			}
		}
	}
	return all
}

func layout(f Facts) (all []string) {
	l := f.Stack.Layout
	if l == nil {
		return nil // ingest writes it at its first start
	}
	for _, c := range []struct{ name, has string }{
		{"Slot", l.Slot}, {"Lanes", strconv.Itoa(l.Lanes)}, {"DedupeWindow", l.DedupeWindow}, {"SpeedWindow", l.SpeedWindow},
	} {
		if wants := f.Stack.Parameters[c.name]; wants != "" && !isSame(c.has, wants) {
			all = append(all, fmt.Sprintf("%s=%s, but the archive has %s, which never changes", c.name, wants, c.has))
		}
	}
	return all
}

// isSame reports whether two texts are equal, or the same duration: 5m and 5m0s.
func isSame(a, b string) bool {
	x, errX := time.ParseDuration(a)
	y, errY := time.ParseDuration(b)
	return a == b || errX == nil && errY == nil && x == y
}

func functionStates(f Facts) (all []string) {
	for _, function := range f.Stack.Functions {
		if function.State != "Active" || function.Update == "Failed" {
			all = append(all, fmt.Sprintf("%s is %s, its last update %s", function.Name, function.State, function.Update))
		}
	}
	return all
}

func mappings(f Facts) (all []string) {
	for _, m := range f.Stack.Mappings {
		if m.State != "Enabled" && m.State != "Creating" && m.State != "Updating" && m.State != "Enabling" {
			all = append(all, fmt.Sprintf("what reads for %s is %s", m.Function, m.State))
		}
	}
	if len(f.Stack.Mappings) == 0 {
		all = append(all, "nothing reads the stream for speed")
	}
	return all
}

func alarmed(f Facts) (all []string) {
	for _, a := range f.Stack.Alarms {
		if a.State == "ALARM" {
			all = append(all, fmt.Sprintf("%s: %s", a.Name, a.Reason))
		}
	}
	if len(f.Stack.Alarms) == 0 {
		all = append(all, "the stack has no alarms")
	}
	return all
}

func silenced(f Facts) (all []string) {
	for _, a := range f.Stack.Alarms {
		if !a.Enabled {
			all = append(all, a.Name+" notifies nobody: its actions are disabled")
		}
	}
	return all
}

func keysOf[V any](of map[string]V) iter.Seq[string] { return maps.Keys(of) }
