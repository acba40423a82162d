package dynamocatalog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/lifecycle"
	views "github.com/anabranch/anabranch/shared/view"
)

func open(t *testing.T, answers ...awstest.Answer) (*awstest.Wire, *dynamocatalog.Catalog) {
	t.Helper()
	wire, cfg := awstest.NewWire(t, answers...)
	return wire, dynamocatalog.New(dynamodb.NewFromConfig(cfg), "catalog")
}

var (
	done     = awstest.JSON(`{}`)
	lost     = awstest.Answer{}
	mismatch = awstest.Failure("ConditionalCheckFailedException")
	missing  = awstest.Failure("ResourceNotFoundException")
)

var run = lifecycle.Run{
	N: 42, Horizon: 1_795_555_500_000, Manifest: "runs/000000000042/m", Identities: "runs/000000000042/i", FirstArrival: 1,
	LastArrival: 2,
	Objects:     3, LateObjects: 4, Events: 5, Duplicates: 6, Conflicts: 7, Bytes: 10, AllObjects: 8, AllEvents: 9,
}

var view = lifecycle.View{
	Name: "page_views", Description: `"Größe"`, Revision: 8, Serving: "01JD8Z6B1QZ0W6V3T5YJ9K4M2N",
	Generations: []lifecycle.Generation{{
		ID: "01JD8Z6B1QZ0W6V3T5YJ9K4M2N", Definition: "9f86d081884c7d659a2feaa0c55ad015", State: lifecycle.Serving,
		LiveFrom: 1_795_555_200_000, Run: math.MaxUint64, Horizon: 1_795_555_500_000,
	}},
}

// The items as DynamoDB holds them.
var (
	runDocument = `{"version":4,"horizon":1795555500000,"manifest":"runs/000000000042/m","identities":"runs/000000000042/i","first_arrival":1,` +
		`"last_arrival":2,"objects":3,"late_objects":4,"events":5,"duplicates":6,"conflicts":7,"bytes":10,"all_objects":8,"all_events":9}`
	viewDocument = `{"version":8,"description":"\"Größe\"","serving":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N","generations":[{"id":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N",` +
		`"definition":"9f86d081884c7d659a2feaa0c55ad015","state":"serving","live_from":1795555200000,"run":18446744073709551615,"horizon":1795555500000}]}`
	runStored        = key("run", "00000000000000000042") + `,"doc":{"S":` + quoted(runDocument) + `}}`
	viewStored       = key("view", "page_views") + `,"doc":{"S":` + quoted(viewDocument) + `},"rev":{"N":"8"}}`
	definitionStored = key("definition", "9f86d081884c7d659a2feaa0c55ad015") + `,"text":{"B":"dGV4dA=="}}`
	sweptStored      = key("sweep", "swept") + `,"run":{"S":"00000000000000000042"}}`
)

// key is the beginning of an item.
func key(partition, sort string) string {
	return fmt.Sprintf(`{"pk":{"S":"%s"},"sk":{"S":"%s"}`, partition, sort)
}

func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err) // text is a constant
	}
	return string(encoded)
}

// wantRequests compares the operations and bodies of all requests, each written as operation and JSON.
func wantRequests(t *testing.T, wire *awstest.Wire, want ...string) {
	t.Helper()
	var got, wanted []string
	for _, r := range wire.Requests() {
		got = append(got, r.Operation()+" "+canonical(t, string(r.Body)))
	}
	for _, w := range want {
		operation, body, _ := strings.Cut(w, " ")
		wanted = append(wanted, operation+" "+canonical(t, body))
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func canonical(t *testing.T, text string) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func get(partition, sort string) string {
	return `GetItem {"TableName":"catalog","ConsistentRead":true,"Key":` + key(partition, sort) + `}}`
}

func put(item, condition string) string {
	return `PutItem {"TableName":"catalog","ReturnValuesOnConditionCheckFailure":"ALL_OLD","Item":` + item + `,` + condition + `}`
}

const none = `"ConditionExpression":"attribute_not_exists(pk)"`

func expected(attribute, value string) string {
	return `"ConditionExpression":"#expected = :expected","ExpressionAttributeNames":{"#expected":"` + attribute + `"},"ExpressionAttributeValues":{":expected":` + value + `}`
}

func TestAppend(t *testing.T) {
	before := awstest.JSON(`{"Item":` + key("run", "00000000000000000041") + `}}`)
	first := run
	first.N = 1
	beforeRead, written := get("run", "00000000000000000041"), put(runStored, none)
	for _, test := range []struct {
		name     string
		run      lifecycle.Run
		answers  []awstest.Answer
		want     error // nil: none; errOther: one that is no conflict
		requests []string
	}{
		{"OK", run, []awstest.Answer{before, done}, nil, []string{beforeRead, written}},
		{"the first run has none before it", first, []awstest.Answer{done}, nil,
			[]string{put(strings.Replace(runStored, "00000000000000000042", "00000000000000000001", 1), none)}},
		{"no run 0", lifecycle.Run{}, nil, catalog.ErrConflict, nil},
		{"ErrConflict, the run before is not real", run, []awstest.Answer{done}, catalog.ErrConflict, []string{beforeRead}},
		{"ErrConflict, the run is real", run, []awstest.Answer{before, mismatch}, catalog.ErrConflict,
			[]string{beforeRead, written}},
		{"our own, whose answer was lost", run, []awstest.Answer{before, lost, mismatch}, catalog.ErrConflict,
			[]string{beforeRead, written, written}},
		{"the read fails", run, []awstest.Answer{missing}, errOther, []string{beforeRead}},
		{"the read's answer is lost, once", run, []awstest.Answer{lost, before, done}, nil,
			[]string{beforeRead, beforeRead, written}},
		{"every answer to the write is lost", run, []awstest.Answer{before, lost, lost, lost}, errOther,
			[]string{beforeRead, written, written, written}},
	} {
		t.Run(test.name, func(t *testing.T) {
			wire, c := open(t, test.answers...)
			wantError(t, c.Append(t.Context(), test.run), test.want)
			wantRequests(t, wire, test.requests...)
		})
	}
}

var errOther = errors.New("an error that is no conflict")

func wantError(t *testing.T, got, want error) {
	t.Helper()
	conflict := errors.Is(got, catalog.ErrConflict)
	if (got == nil) != (want == nil) || conflict != errors.Is(want, catalog.ErrConflict) {
		t.Errorf("error %v, want %v", got, want)
	}
}

func TestPutView(t *testing.T) {
	next := view
	next.Revision = 7
	fresh := next
	fresh.Revision = 0
	written := put(viewStored, expected("rev", `{"N":"7"}`))
	for _, test := range []struct {
		name     string
		view     lifecycle.View
		answers  []awstest.Answer
		want     error
		requests []string
	}{
		{"OK", next, []awstest.Answer{done}, nil, []string{written}},
		{"none stored", fresh, []awstest.Answer{done}, nil, []string{put(strings.Replace(viewStored, `"8"`, `"1"`, 1), none)}},
		{"ErrConflict", next, []awstest.Answer{mismatch}, catalog.ErrConflict, []string{written}},
		{"our own, whose answer was lost", next, []awstest.Answer{lost, mismatch}, catalog.ErrConflict,
			[]string{written, written}},
		{"every answer is lost", next, []awstest.Answer{lost, lost, lost}, errOther, []string{written, written, written}},
	} {
		t.Run(test.name, func(t *testing.T) {
			wire, c := open(t, test.answers...)
			wantError(t, c.PutView(t.Context(), test.view), test.want)
			wantRequests(t, wire, test.requests...)
		})
	}
}

func TestPutDefinition(t *testing.T) {
	written := put(definitionStored, none)
	for _, test := range []struct {
		name     string
		answers  []awstest.Answer
		want     error
		requests []string
	}{
		{"OK", []awstest.Answer{done}, nil, []string{written}},
		{"it is stored", []awstest.Answer{mismatch}, nil, []string{written}},
		{"every answer is lost", []awstest.Answer{lost, lost, lost}, errOther, []string{written, written, written}},
	} {
		t.Run(test.name, func(t *testing.T) {
			wire, c := open(t, test.answers...)
			wantError(t, c.PutDefinition(t.Context(), "9f86d081884c7d659a2feaa0c55ad015", []byte("text")), test.want)
			wantRequests(t, wire, test.requests...)
		})
	}
}

func TestSweeps(t *testing.T) {
	wire, c := open(t, awstest.JSON(`{"Item":`+sweptStored+`}`), done, done, done, mismatch, lost, lost, lost)
	if swept, err := c.Swept(t.Context()); swept != 42 || err != nil {
		t.Errorf("swept %d, error %v", swept, err)
	}
	if swept, err := c.Swept(t.Context()); swept != 0 || err != nil {
		t.Errorf("swept %d, error %v", swept, err)
	}
	wantError(t, c.PutSwept(t.Context(), 42, 41), nil)
	wantError(t, c.PutSwept(t.Context(), 42, 0), nil)
	wantError(t, c.PutSwept(t.Context(), 42, 41), catalog.ErrConflict)
	wantError(t, c.PutSwept(t.Context(), 42, 41), errOther)
	from41 := put(sweptStored, expected("run", `{"S":"00000000000000000041"}`))
	wantRequests(t, wire, get("sweep", "swept"), get("sweep", "swept"), from41,
		put(sweptStored, strings.Replace(expected("run", `{"S":"00000000000000000000"}`), "#expected =", "attribute_not_exists(pk) OR #expected =", 1)),
		from41, from41, from41, from41)
}

func TestWaits(t *testing.T) {
	const stored = `"doc":{"S":"{\"version\":1,\"waits\":[[42,3,1795555500000,2,17,9]]}"},"rev":{"N":"6"}`
	want := catalog.SweepWaits{Revision: 6,
		Waits: []catalog.SweepWait{{Run: 42, Lane: 3, Until: 1_795_555_500_000, Rounds: 2, Through: 17, Probe: 9}}}
	wire, c := open(t, awstest.JSON(`{"Item":`+key("sweep", "waits")+`,`+stored+`}}`), done, done, mismatch)
	got, err := c.Waits(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if got, err := c.Waits(t.Context()); got.Revision != 0 || err != nil {
		t.Errorf("of none stored: %+v, error %v", got, err)
	}
	want.Revision = 5
	wantError(t, c.PutWaits(t.Context(), want), nil)
	wantError(t, c.PutWaits(t.Context(), want), catalog.ErrConflict)
	from5 := put(key("sweep", "waits")+`,`+stored+`}`, expected("rev", `{"N":"5"}`))
	wantRequests(t, wire, get("sweep", "waits"), get("sweep", "waits"), from5, from5)
}

func query(condition, values, more string) string {
	return `Query {"TableName":"catalog","ConsistentRead":true,"KeyConditionExpression":"` + condition + `","ExpressionAttributeValues":{` + values + `},` + more + `}`
}

func items(all ...string) awstest.Answer {
	return awstest.JSON(`{"Items":[` + strings.Join(all, ",") + `]}`)
}

func TestReads(t *testing.T) {
	wire, c := open(t, items(runStored), items(), items(runStored), items(viewStored),
		awstest.JSON(`{"Item":`+viewStored+`}`), awstest.JSON(`{"Item":`+definitionStored+`}`))
	head, err := c.Head(t.Context())
	wantRead(t, "head", head, run, err)
	head, err = c.Head(t.Context())
	wantRead(t, "head of nothing", head, lifecycle.Run{}, err)
	runs, err := c.Runs(t.Context(), 1, 42)
	wantRead(t, "runs", runs, []lifecycle.Run{run}, err)
	runs, err = c.Runs(t.Context(), 3, 2) // makes no request
	wantRead(t, "runs from above to", runs, nil, err)
	views, err := c.Views(t.Context())
	wantRead(t, "views", views, []lifecycle.View{view}, err)
	one, err := c.View(t.Context(), view.Name)
	wantRead(t, "view", one, view, err)
	definition, err := c.Definition(t.Context(), "9f86d081884c7d659a2feaa0c55ad015")
	wantRead(t, "definition", string(definition), "text", err)
	last := query("pk = :partition", `":partition":{"S":"run"}`, `"ScanIndexForward":false,"Limit":1`)
	wantRequests(t, wire, last, last,
		query("pk = :partition AND sk BETWEEN :from AND :to",
			`":partition":{"S":"run"},":from":{"S":"00000000000000000001"},":to":{"S":"00000000000000000042"}`, `"ScanIndexForward":true`),
		query("pk = :partition", `":partition":{"S":"view"}`, `"ScanIndexForward":true`),
		get("view", "page_views"), get("definition", "9f86d081884c7d659a2feaa0c55ad015"))
}

func wantRead[T any](t *testing.T, what string, got, want T, err error) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%s: error %v (-want +got):\n%s", what, err, diff)
	}
}

func TestReadsThatFailAreNoWantOfAnItem(t *testing.T) {
	_, c := open(t, missing, missing, missing, missing, missing, missing)
	_, head := c.Head(t.Context())
	_, runs := c.Runs(t.Context(), 1, 2)
	_, views := c.Views(t.Context())
	_, one := c.View(t.Context(), "a")
	_, definition := c.Definition(t.Context(), "a")
	_, swept := c.Swept(t.Context())
	for _, err := range []error{head, runs, views, one, definition, swept} {
		if err == nil || errors.Is(err, catalog.ErrNotFound) {
			t.Errorf("error %v", err)
		}
	}
}

// TestStoredItemsThatAreNone checks items that this program never writes. Each must be an error that names the problem.
func TestStoredItemsThatAreNone(t *testing.T) {
	runWith := func(document string) string {
		return key("run", "00000000000000000042") + `,"doc":{"S":` + quoted(document) + `}}`
	}
	for says, stored := range map[string]string{
		`"sk" is "42"`: strings.Replace(runStored, "00000000000000000042", "42", 1), `"sk" is "0000000000000000004x"`: strings.Replace(runStored, "42", "4x", 1),
		`"doc" is missing`: key("run", "00000000000000000042") + `}`, `stored run 42: attribute "doc": `: runWith(`{`),
		"document of version 0, this release reads version 4": runWith(`{}`),
		"document of version 5, this release reads version 4": runWith(`{"version":5}`),
		"cannot unmarshal": runWith(`{"version":4,"horizon":"now"}`),
	} {
		_, c := open(t, items(stored), items(stored))
		_, head := c.Head(t.Context())
		_, runs := c.Runs(t.Context(), 1, 2)
		for _, err := range []error{head, runs} {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("error %v, want one that says %s", err, says)
			}
		}
	}
	for says, stored := range map[string]string{
		`stored view page_views: attribute "rev" is missing`: strings.Replace(viewStored, `"rev"`, `"other"`, 1),
		`stored view page_views: document of version 9, this release reads version 8`: strings.Replace(viewStored,
			`\"version\":8`, `\"version\":9`, 1),
		`"sk" is missing`: strings.Replace(viewStored, `"sk"`, `"other"`, 1),
	} {
		_, c := open(t, items(stored), awstest.JSON(`{"Item":`+stored+`}`))
		_, views := c.Views(t.Context())
		_, one := c.View(t.Context(), view.Name)
		for _, err := range []error{views, one} {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("error %v, want one that says %s", err, says)
			}
		}
	}
	_, c := open(t, awstest.JSON(`{"Item":`+key("definition", "a")+`}}`), awstest.JSON(`{"Item":`+strings.Replace(sweptStored, "42", "4x", 1)+`}`))
	if _, err := c.Definition(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), `"text" is missing`) {
		t.Errorf("definition: error %v", err)
	}
	if _, err := c.Swept(t.Context()); err == nil || !strings.Contains(err.Error(), "must be a run's number") {
		t.Errorf("swept: error %v", err)
	}
}

// TestTheViewItemStaysBelow4KB checks that a read of a view costs one read unit, even with the longest name and
// description that views.yaml allows, in ASCII, and with generations that serve, are retained and are being built.
func TestTheViewItemStaysBelow4KB(t *testing.T) {
	longest := view.Name
	for len(longest) < 63 {
		longest += "v"
	}
	v := lifecycle.View{
		Name: longest, Description: strings.Repeat("d", 2000), Revision: math.MaxInt64 - 1, Serving: view.Serving,
		Held: view.Generations[0].Definition, Rebuild: 4,
	}
	for range 4 {
		g := view.Generations[0]
		g.Architecture, g.Since = views.Kappa, 1_795_555_500_000
		v.Generations = append(v.Generations, g)
	}
	item, err := dynamocatalog.EncodeView(v)
	if err != nil {
		t.Fatal(err)
	}
	item["rev"] = table.Number(v.Revision)
	size := 0
	for name, value := range item {
		size += len(name)
		switch value := value.(type) {
		case *types.AttributeValueMemberS:
			size += len(value.Value)
		case *types.AttributeValueMemberN:
			size += 21 // at most
		}
	}
	if size > 4096 {
		t.Errorf("%d bytes", size)
	}
}

func FuzzDecodeDocuments(f *testing.F) {
	f.Add("00000000000000000042", runDocument)
	f.Add("page_views", viewDocument)
	f.Add("page_views", `{"version":8,"generations":[{"id":"a","architecture":"kappa","built":3}],"held":"b","rebuild":4}`)
	f.Fuzz(func(t *testing.T, sort, document string) {
		stored := table.KeyOf(table.Text("p"), table.Text(sort))
		stored["doc"], stored["rev"] = table.Text(document), table.Number(int64(3))
		if r, err := dynamocatalog.DecodeRun(stored); err == nil {
			encoded, err := dynamocatalog.EncodeRun(r)
			again, againErr := dynamocatalog.DecodeRun(encoded)
			if err != nil || againErr != nil || again != r {
				t.Errorf("%+v became %+v, errors %v and %v", r, again, err, againErr)
			}
		}
		if v, err := dynamocatalog.DecodeView(stored); err == nil {
			encoded, err := dynamocatalog.EncodeView(v)
			encoded["rev"] = table.Number(v.Revision)
			again, againErr := dynamocatalog.DecodeView(encoded)
			if diff := cmp.Diff(v, again); diff != "" || err != nil || againErr != nil {
				t.Errorf("errors %v and %v (-first +again):\n%s", err, againErr, diff)
			}
		}
	})
}
