package openapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	adminhandler "github.com/anabranch/anabranch/functions/admin/handler"
	queryhandler "github.com/anabranch/anabranch/functions/query/handler"
	"github.com/anabranch/anabranch/shared/access"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/api/openapi"
	"github.com/anabranch/anabranch/shared/aws/respond"
	"github.com/anabranch/anabranch/shared/compare"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/operations"
	"github.com/anabranch/anabranch/shared/present"
	"github.com/anabranch/anabranch/shared/simulation"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml anew")

const file = "../../../docs/openapi.yaml"

type object = map[string]any

// at is what stands below some names, nil when there is nothing.
func at(v any, names ...string) any {
	for _, name := range names {
		o, _ := v.(object)
		v = o[name]
	}
	return v
}

func parsed(t *testing.T) object {
	t.Helper()
	text, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	var document object
	if err := yaml.UnmarshalWithOptions(text, &document, yaml.Strict(), yaml.UseJSONUnmarshaler()); err != nil {
		t.Fatal(err)
	}
	return document
}

// described is what the document says of a route; nil when it says nothing.
func described(t *testing.T, key api.Key) any {
	t.Helper()
	return at(parsed(t), "paths", key.Pattern(), strings.ToLower(key.Method()))
}

// TestDocumentIsCurrent checks that docs/openapi.yaml is what this package makes.
func TestDocumentIsCurrent(t *testing.T) {
	want, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	compact, err := yaml.YAMLToJSON(want)
	if err != nil {
		t.Fatal(err)
	}
	var inJSON bytes.Buffer
	if err := json.Indent(&inJSON, compact, "", " "); err != nil { // one member a line: changes of two people merge
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", inJSON.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(inJSON.String(), string(openapi.JSON())); diff != "" {
		t.Errorf("openapi.json is not current: go test ./shared/api/openapi -update (-want +got):\n%s", diff)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/openapi.yaml is not current: go test ./shared/api/openapi -update (-want +got):\n%s", diff)
	}
}

// TestEveryRoute checks that the document has the routes of the table, with their path parameters and scopes, and no
// others. It names those that another document describes, and that document names them.
func TestEveryRoute(t *testing.T) {
	document := parsed(t)
	left := map[string]bool{}
	for path, item := range document["paths"].(object) {
		for method := range item.(object) {
			left[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, r := range api.Routes() {
		if page := openapi.Elsewhere(r.Key); page != "" {
			text, err := os.ReadFile("../../../" + page)
			if want := "`" + string(r.Key) + "`"; err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%s, error %v: it does not describe %s", page, err, want)
			}
			if got := at(document, "info", "description"); !strings.Contains(fmt.Sprint(got), string(r.Key)+"` ("+page) {
				t.Errorf("the document does not say that %s describes %s", page, r.Key)
			}
			continue
		}
		if !left[string(r.Key)] {
			t.Errorf("%s is not in the document", r.Key)
			continue
		}
		delete(left, string(r.Key))
		operation := at(document, "paths", r.Key.Pattern(), strings.ToLower(r.Key.Method()))
		for _, name := range r.Key.Parameters() {
			if !strings.Contains(fmt.Sprint(at(operation, "parameters")), "#/components/parameters/"+name+"]") {
				t.Errorf("%s does not describe {%s}", r.Key, name)
			}
		}
		want := fmt.Sprintf("[map[bearer:[%s]] map[header:[%s]]]", r.Scope, r.Scope)
		if r.Scope == access.Anyone {
			want = "[]"
		}
		if got := fmt.Sprint(at(operation, "security")); got != want {
			t.Errorf("%s: security %s, want %s", r.Key, got, want)
		}
	}
	if len(left) > 0 {
		t.Errorf("the table of shared/api has no %v", left)
	}
}

// TestReferences checks that every reference has a target, and that every component is referenced.
func TestReferences(t *testing.T) {
	document, used := parsed(t), map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case object:
			if to, ok := v["$ref"].(string); ok {
				used[to] = true
				if at(document, strings.Split(strings.TrimPrefix(to, "#/"), "/")...) == nil {
					t.Errorf("%s leads nowhere", to)
				}
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(document)
	for kind, all := range document["components"].(object) {
		for name := range all.(object) {
			if to := "#/components/" + kind + "/" + name; kind != "securitySchemes" && !used[to] {
				t.Errorf("nothing refers to %s", to)
			}
		}
	}
}

// TestSchemas checks that a schema has the members of the Go type of the answer, with the same kinds, and requires
// those that are always present.
func TestSchemas(t *testing.T) {
	schemas := at(parsed(t), "components", "schemas")
	for name, of := range map[string]any{
		"Healthy": queryhandler.Healthy{}, "Problem": respond.Problem{},
		"Receipt": ingest.Answer{}, "Rejection": event.Rejection{},
		"View": present.Description{}, "KeyField": present.KeyField{}, "Aggregate": present.Aggregate{},
		"Answer": present.Answer{}, "Reads": present.Reads{}, "Items": present.Items{}, "Lag": present.Lag{}, "Row": present.Row{}, "Line": present.Line{},
		"Skip":   present.Skip{},
		"Sample": present.Sample{},
		"Parts":  present.Parts{}, "Total": present.Total{},
		"Keys": present.Keys{}, "Diff": compare.Diff{}, "DiffSide": compare.DiffSide{}, "DiffRow": compare.DiffRow{},
		"Statuses": operations.Statuses{}, "Position": operations.Position{}, "Status": operations.Status{},
		"Generation":  operations.Generation{},
		"AuditStatus": operations.AuditStatus{}, "Drift": operations.Drift{},
	} {
		schema := at(schemas, name)
		want, got := membersOf(reflect.TypeOf(of)), map[string]member{}
		required, _ := at(schema, "required").([]any)
		properties, _ := at(schema, "properties").(object)
		for property, described := range properties {
			m := member{required: slices.Contains(required, any(property))}
			if kind := at(described, "type"); kind != nil && want[property].kind != "" {
				m.kind = strings.Trim(fmt.Sprint(kind), "[]")
			} else {
				m.kind = want[property].kind // it is described elsewhere
			}
			got[property] = m
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(member{})); diff != "" {
			t.Errorf("schema %s (-type +schema):\n%s", name, diff)
		}
		for _, member := range required {
			if properties[member.(string)] == nil {
				t.Errorf("schema %s asks for %s, which it does not describe", name, member)
			}
		}
	}
}

// member is a member of a JSON object.
type member struct {
	kind     string // as JSON Schema says it: "string null"; "" for what has a schema of its own
	required bool
}

func membersOf(of reflect.Type) map[string]member {
	members := map[string]member{}
	for field := range of.NumField() {
		f := of.Field(field)
		if f.Anonymous {
			for name, embedded := range membersOf(f.Type) {
				if _, hidden := members[name]; !hidden {
					members[name] = embedded
				}
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		required := options == ""
		members[name] = member{kindOf(f.Type, required), required}
	}
	return members
}

// kindOf is the kind of values of a type. A pointer that is always there may be null.
func kindOf(of reflect.Type, required bool) string {
	switch of.Kind() {
	case reflect.Pointer:
		if kind := kindOf(of.Elem(), required); kind != "" && required {
			return kind + " null"
		} else {
			return kind
		}
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		if of.Elem().Kind() != reflect.Uint8 && of.Name() == "" {
			return "array"
		}
	}
	return ""
}

var coded = regexp.MustCompile(`(?:Status: )?http\.Status(\w+), (?:Code: )?"([a-z_]+)"`)

// TestProblems checks that a route documents exactly the problems, by status and code, that the handler of its function
// answers with. The problem of an unknown route belongs to no route.
func TestProblems(t *testing.T) {
	numbers := map[string]int{}
	for status := 400; status < 600; status++ {
		numbers[strings.ReplaceAll(http.StatusText(status), " ", "")] = status
	}
	for _, function := range []api.Function{api.Ingest, api.Query, api.Admin} {
		code, err := os.ReadFile("../../../functions/" + string(function) + "/handler/handler.go")
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, found := range coded.FindAllStringSubmatch(string(code), -1) {
			if found[2] != "no_such_route" {
				want = append(want, strconv.Itoa(numbers[found[1]])+" "+found[2])
			}
		}
		var got []string
		for _, r := range api.Of(function) {
			if openapi.Elsewhere(r.Key) == "" {
				got = append(got, problemsOf(at(described(t, r.Key), "responses").(object))...)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(slices.Compact(want), slices.Compact(got)); diff != "" || len(want) == 0 {
			t.Errorf("%s (-handler +document):\n%s", function, diff)
		}
	}
}

func problemsOf(responses object) (all []string) {
	for status, response := range responses {
		parts, ok := at(response, "content", "application/problem+json", "schema", "allOf").([]any)
		if !ok {
			continue
		}
		for _, code := range at(parts[1], "properties", "code", "enum").([]any) {
			all = append(all, status+" "+code.(string))
		}
	}
	return all
}

// TestWords checks that the documented values of a word are those that the code knows.
func TestWords(t *testing.T) {
	components := at(parsed(t), "components")
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"operations", at(components, "parameters", "operation", "schema", "enum"), operations.All()},
		{"states", at(components, "schemas", "State", "enum"), []lifecycle.State{
			lifecycle.Announced, lifecycle.Building, lifecycle.Serving, lifecycle.Retained, lifecycle.Dropping,
		}},
		{"faults of events", at(components, "schemas", "Rejection", "properties", "code", "enum"), []event.Code{
			event.MalformedJSON, event.InvalidUTF8, event.DuplicateKey, event.LimitExceeded, event.TooLarge,
			event.MissingAttribute, event.InvalidAttribute,
		}},
	} {
		if got, want := fmt.Sprint(c.got), fmt.Sprint(c.want); got != want {
			t.Errorf("%s: the document knows %s, the code %s", c.name, got, want)
		}
	}
}

// handle answers a request, as the functions behind the API do.
type handle func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

// TestQueryParameters checks that the document has the parameters that the handlers list when they refuse an unknown
// one. It has a view's key fields as one parameter.
func TestQueryParameters(t *testing.T) {
	kit, err := simulation.Prepare(`views: [{name: v, key: {key: data.path}, window: 1h, aggregates: {n: count()}}]`)
	if err != nil {
		t.Fatal(err)
	}
	w, err := kit.New(1)
	if err != nil {
		t.Fatal(err)
	}
	w.Wait(time.Minute)
	if _, err := w.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	for key, answers := range map[api.Key]handle{
		api.QueryView: (&queryhandler.Handler{Serving: w.Serving, Log: log}).Handle,
		api.DiffView:  (&adminhandler.Handler{Log: log}).Handle,
	} {
		answer, err := answers(t.Context(), events.APIGatewayV2HTTPRequest{
			RouteKey: string(key), RawQueryString: "other=1", PathParameters: map[string]string{"view": "v"},
		})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, parameter := range at(described(t, key), "parameters").([]any) {
			component := strings.TrimPrefix(at(parameter, "$ref").(string), "#/components/parameters/")
			switch name := at(parsed(t), "components", "parameters", component, "name").(string); name {
			case "view":
			case "keyFilter":
				names = append(names, "key")
			default:
				names = append(names, name)
			}
		}
		if want := " " + strings.Join(names, ", ") + `"`; !strings.Contains(answer.Body, want) {
			t.Errorf("%s: the handler says %s, the document %s", key, answer.Body, want)
		}
	}
}
