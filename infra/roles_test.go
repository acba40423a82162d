package infra_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
)

// functionNames returns the folders of the functions. The names of their resources begin with the same word,
// capitalized.
func functionNames() []string {
	return []string{
		"admin", "audit", "authorizer", "batch", "ingest", "mcp", "prometheus", "query", "replay", "republish", "speed",
	}
}

func large(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// grant holds the actions that a policy allows, sorted, for each resource, for example "ArchiveBucket".
type grant map[string][]string

func (g grant) add(thing string, actions ...string) {
	for _, action := range actions {
		if !slices.Contains(g[thing], action) {
			g[thing] = append(g[thing], action)
		}
	}
	slices.Sort(g[thing])
}

// statement is one statement of a policy. All its members are lists.
type statement struct{ effects, actions, resources []any }

func statements(policies any) (all []statement) {
	for _, policy := range listOf(policies) {
		for _, s := range listOf(at(policy, "PolicyDocument", "Statement")) {
			all = append(all, statement{listOf(at(s, "Effect")), listOf(at(s, "Action")), listOf(at(s, "Resource"))})
		}
	}
	return all
}

// granted returns what the policies of a role allow.
func granted(t testing.TB, role resource) grant {
	t.Helper()
	g := grant{}
	for _, s := range statements(role.property("Policies")) {
		if text(s.effects) != "[Allow]" {
			t.Errorf("%s has a statement with effect %s", role.name, text(s.effects))
		}
		for _, r := range s.resources {
			for _, action := range s.actions {
				g.add(thing(t, r), text(action))
			}
		}
	}
	return g
}

// thing returns the resource that an ARN of a template names, for example "ArchiveBucket" for
// "!Sub ${Storage.Outputs.ArchiveBucketArn}/events/*".
func thing(t testing.TB, arn any) string {
	t.Helper()
	name := strings.TrimPrefix(strings.TrimPrefix(text(arn), "!Sub "), "!GetAtt ")
	name, _, _ = strings.Cut(strings.TrimPrefix(name, "${"), "}")
	if output, ok := strings.CutPrefix(name, "Storage.Outputs."); ok {
		return strings.TrimSuffix(output, "Arn")
	}
	own, attribute, _ := strings.Cut(name, ".")
	if attribute != "Arn" && attribute != "Id" {
		t.Errorf("the ARN %s names no resource of the stack", text(arn))
	}
	return own
}

// behind holds the resource that each adapter uses.
func behind(adapter string) string {
	return map[string]string{
		"shared/aws/s3archive.Archive":     "ArchiveBucket",
		"shared/aws/kinesisstream.Stream":  "Stream",
		"shared/aws/sqsqueue.Queue":        "RepublishQueue",
		"shared/aws/dynamocatalog.Catalog": "CatalogTable",
		"shared/aws/dynamoviews.Base":      "BaseTable",
		"shared/aws/dynamoviews.Speed":     "SpeedTable",
		"shared/aws/dynamoviews.Seen":      "SeenTable",
		"functions/authorizer.secret":      "KeysSecret",
	}[adapter]
}

// lambdaNeeds adds the actions that Lambda itself takes with the function's role: it writes the log, and reads the
// function's event source.
//
// Source: Lambda Developer Guide: execution role; processing Kinesis records, with an S3 on-failure destination; using
// Lambda with SQS.
func lambdaNeeds(function string, g grant) {
	g.add(large(function)+"Log", "logs:CreateLogStream", "logs:PutLogEvents")
	switch function {
	case "speed":
		g.add(
			"Stream", "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords",
			"kinesis:GetShardIterator", "kinesis:ListShards",
		)
		g.add("FailureBucket", "s3:ListBucket", "s3:PutObject")
	case "republish":
		g.add("RepublishQueue", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
	}
}

// functions is the source of all functions, read once for all tests.
var functions = sync.OnceValues(func() (*program, error) {
	var patterns []string
	for _, name := range functionNames() {
		patterns = append(patterns, "./functions/"+name)
	}
	return load(patterns...)
})

func loadFunctions(t testing.TB) *program {
	t.Helper()
	p, err := functions()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRolesAllowWhatTheCodeCalls checks that the role of each function allows exactly the calls that its code can make,
// each on the one resource that it uses, and the actions that Lambda itself takes with the role.
func TestRolesAllowWhatTheCodeCalls(t *testing.T) {
	source, app := loadFunctions(t), application(t)
	for _, name := range functionNames() {
		t.Run(name, func(t *testing.T) {
			r := source.reach(t, "functions/"+name)
			wanted := grant{}
			var throughAdapters []string
			for adapter, actions := range r.byAdapter() {
				if behind(adapter) == "" {
					t.Errorf("add the resource behind adapter %s to this test", adapter)
				}
				wanted.add(behind(adapter), actions...)
				throughAdapters = append(throughAdapters, actions...)
			}
			slices.Sort(throughAdapters)
			if diff := cmp.Diff(slices.Compact(throughAdapters), r.actions(t)); diff != "" || len(throughAdapters) == 0 {
				t.Errorf("calls outside adapters (-adapters +all):\n%s", diff)
			}
			lambdaNeeds(name, wanted)
			if diff := cmp.Diff(wanted, granted(t, app.resource(large(name)+"Role"))); diff != "" {
				t.Errorf("role (-code +template):\n%s", diff)
			}
			want(
				t, "role of the function", app.resource(large(name)+"Function").property("Role"), "!GetAtt "+large(name)+"Role.Arn",
			)
		})
	}
}

// TestArchivePrefixes checks that each function reads and writes only its part of the archive, and that these parts are
// where the archive has its objects.
func TestArchivePrefixes(t *testing.T) {
	const layout = "events/_layouts/${Layout}.json" // no function of a stack may put the layout of another stack
	wanted := map[string]map[string][]string{       // by function and action: the parts of the bucket
		"ingest":    {"s3:PutObject": {layout, "events/dt=*", "rejected/*"}, "s3:GetObject": {"events/_layouts/*"}},
		"speed":     {"s3:PutObject": {layout, "setaside/*"}, "s3:GetObject": {"events/_layouts/*"}},
		"batch":     {"s3:PutObject": {layout, "runs/*"}, "s3:GetObject": {"events/*", "runs/*"}, "s3:ListBucket": {""}},
		"replay":    {"s3:PutObject": {layout}, "s3:GetObject": {"events/*", "runs/*"}},
		"audit":     {"s3:PutObject": {layout}, "s3:GetObject": {"events/*", "runs/*"}, "s3:ListBucket": {""}},
		"republish": {"s3:PutObject": {layout}, "s3:GetObject": {"events/*"}, "s3:ListBucket": {""}},
	}
	app, got := application(t), map[string]map[string][]string{}
	for _, name := range functionNames() {
		for _, s := range statements(app.resource(large(name) + "Role").property("Policies")) {
			for _, r := range s.resources {
				if thing(t, r) != "ArchiveBucket" {
					continue
				}
				if got[name] == nil {
					got[name] = map[string][]string{}
				}
				_, key, _ := strings.Cut(text(r), "}/")
				got[name][text(s.actions[0])] = append(got[name][text(s.actions[0])], key)
			}
		}
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := strings.ReplaceAll(layout, "${Layout}", "7"); got != string(archive.LayoutKey(7)) {
		t.Errorf("layout 7 is %s, want %s", archive.LayoutKey(7), got)
	}
	if key := string(archive.EventsKey(0, ulid.ULID{})); !strings.HasPrefix(key, "events/dt=") {
		t.Errorf("events are at %s, want events/dt=", key)
	}
	for _, role := range []string{"BatchRole", "AuditRole", "RepublishRole"} {
		list := at(app.resource(role).property("Policies").([]any)[0], "PolicyDocument", "Statement").([]any)
		i := slices.IndexFunc(list, func(s any) bool { return at(s, "Action") == "s3:ListBucket" })
		want(t, "what "+role+" may list", at(list[i], "Condition"), "{StringLike: {s3:prefix: events/dt*}}")
	}
}

// TestNoWildcards checks that every role, also that of the schedules, names its actions and resources in full.
func TestNoWildcards(t *testing.T) {
	for _, f := range []template{application(t), storage(t)} {
		for _, r := range f.resources("") {
			if r.kind() != "AWS::IAM::Role" {
				continue
			}
			if r.property("ManagedPolicyArns") != nil || r.property("RoleName") != nil {
				t.Errorf("%s has a managed policy or a fixed name", r.name)
			}
			for _, s := range statements(r.property("Policies")) {
				for _, action := range s.actions {
					if service, name, ok := strings.Cut(text(action), ":"); !ok ||
						service == "" || name == "" || strings.ContainsAny(text(action), "*?") {
						t.Errorf("%s may do %s", r.name, text(action))
					}
				}
				for _, arn := range s.resources {
					if !strings.HasPrefix(text(arn), "!GetAtt ") && !strings.HasPrefix(text(arn), "!Sub ${") {
						t.Errorf("%s may use the resource %s", r.name, text(arn))
					}
				}
			}
		}
	}
}

// TestTrust checks that exactly one service may assume each role.
func TestTrust(t *testing.T) {
	app := application(t)
	for _, r := range app.resources("AWS::IAM::Role") {
		service, condition := "lambda.amazonaws.com", ""
		if r.name == "ScheduleRole" {
			service = "scheduler.amazonaws.com"
			condition = "Condition: {StringEquals: {aws:SourceAccount: !Ref AWS::AccountId}}, "
		}
		want(t, r.name, r.property("AssumeRolePolicyDocument", "Statement"),
			"[{Action: sts:AssumeRole, "+condition+"Effect: Allow, Principal: {Service: "+service+"}}]")
	}
	want(t, "the schedule's role", func() any {
		var all []any
		for _, s := range statements(app.resource("ScheduleRole").property("Policies")) {
			all = append(all, s.actions, s.resources)
		}
		return all
	}(), "[[lambda:InvokeFunction], [!GetAtt BatchFunction.Arn, !GetAtt ReplayFunction.Arn, !GetAtt "+
		"AuditFunction.Arn], [sqs:SendMessage], [!GetAtt ScheduleDeadLetters.Arn]]")
}

// TestEveryFunctionIsHere checks that these tests cover every function of the template, and that the template has every
// function that is built.
func TestEveryFunctionIsHere(t *testing.T) {
	var names []string
	for _, r := range application(t).resources("AWS::Serverless::Function") {
		names = append(names, strings.ToLower(strings.TrimSuffix(r.name, "Function")))
	}
	if diff := cmp.Diff(functionNames(), names); diff != "" {
		t.Errorf("(-tests +template):\n%s", diff)
	}
	built := slices.Sorted(maps.Keys(mainPackages(t)))
	if diff := cmp.Diff(functionNames(), built); diff != "" {
		t.Errorf("(-tests +functions/):\n%s", diff)
	}
}
