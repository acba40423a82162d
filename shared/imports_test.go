// Package shared_test holds the import rules: core <- contracts <- layers, and who may use what besides.
//
// Source: docs/design.md, layout of the code.
package shared_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	module = "github.com/anabranch/anabranch/"
	awsSDK = "github.com/aws/aws-sdk-go-v2"
	smithy = "github.com/aws/smithy-go" // the SDK's own foundation
	events = "github.com/aws/aws-lambda-go/events"
	ulid   = "github.com/oklog/ulid/v2"
	xxhash = "github.com/cespare/xxhash/v2"
	zstd   = "github.com/klauspost/compress/zstd"
	yaml   = "github.com/goccy/go-yaml"
	jsonV2 = "github.com/go-json-experiment/json"

	prom      = "github.com/prometheus/prometheus" // the engine of PromQL
	promModel = "github.com/prometheus/common/model"

	engine     = "shared/view/engine"
	expression = "shared/view/expression"
	spelling   = "shared/view/spelling"
	viewfile   = "shared/view/viewfile" // as pure as core, but of no use to who runs views
	examples   = "shared/view/examples"
	fields     = "shared/view/fields"
	lint       = "shared/view/lint"

	mcpSDK  = "github.com/modelcontextprotocol/go-sdk"
	mcpJSON = "github.com/google/jsonschema-go" // the schemas of its tools
)

// The rings, from the inside out. Each may import those before it.
var (
	core = []string{"shared/clock", "shared/event", "shared/slot", "shared/aggregate", spelling, engine, expression,
		"shared/view", "shared/lifecycle", "shared/calendar"}
	contracts = []string{"shared/archive", "shared/stream", "shared/viewstore", "shared/catalog"}
	// that several layers take
	steps = []string{"shared/runs", "shared/programs", "shared/generations", "shared/lease"}
	// what layers are handed goroutines, time and settings by
	handed = []string{"shared/runner", "shared/budget", "shared/setting"}
	layers = []string{"shared/ingest", "shared/speed", "shared/batch", "shared/sweep", "shared/audit", "shared/watch",
		"shared/serving", "shared/operations"}
	answers = []string{"shared/present", "shared/compare", "shared/promql"} // what is made of that which serving reads
)

// rule is what a package's code may import besides the standard library; its tests may import what they need.
type rule struct {
	module     []string // packages of the module
	thirdParty []string // packages, or modules with all their packages
}

// rules names every package that there may be. A new one gets its rule here, in the commit that brings it.
func rules() map[string]rule {
	inner := slices.Concat(core, contracts)
	layer := func(thirdParty ...string) rule { return rule{slices.Concat(inner, handed), thirdParty} }
	stepping := func(thirdParty ...string) rule {
		return rule{slices.Concat(inner, steps, handed), thirdParty}
	}
	handler := func(layer string, thirdParty ...string) rule {
		return rule{append(slices.Clone(inner), "shared/api", "shared/aws/respond", "shared/metrics", layer),
			append(thirdParty, events)}
	}
	reading := func(layers ...string) rule { // and presents what it has read, or compares it
		return rule{slices.Concat(inner, layers, answers,
			[]string{"shared/api", "shared/api/openapi", "shared/aws/respond", "shared/metrics"}), []string{events}}
	}
	// what a function is made of; infra tests what it links and calls
	function := func(name string, besides ...string) rule {
		return rule{
			append([]string{"functions/" + name + "/handler", "shared/aws/launch", "shared/aws/sdk"}, besides...),
			[]string{"github.com/aws/aws-lambda-go/lambda"},
		}
	}
	onViews := func(name string, besides ...string) rule {
		return function(name, append(besides, "shared/aws/tables", "shared/programs")...)
	}
	adapter := func(contracts ...string) rule {
		return rule{slices.Concat(core, contracts, []string{"shared/aws/sdk", "shared/aws/table"}),
			[]string{awsSDK, smithy, ulid}}
	}
	return map[string]rule{
		"shared": {},

		"shared/clock":     {},
		"shared/event":     {nil, []string{"github.com/dchest/siphash", zstd, ulid}},
		"shared/slot":      {[]string{"shared/event"}, nil},
		"shared/aggregate": {nil, []string{"github.com/dchest/siphash"}},
		spelling:           {},
		engine:             {[]string{"shared/aggregate"}, nil},
		expression: {[]string{"shared/event", "shared/aggregate", spelling, engine},
			[]string{"cel.dev/cel-go", jsonV2}},
		"shared/view": {[]string{"shared/event", "shared/aggregate", spelling, engine, expression}, nil},
		viewfile: {[]string{"shared/event", "shared/view", spelling},
			[]string{yaml, "github.com/sosodev/duration"}},
		// events that a user wrote, and views files, without a server
		examples:           {[]string{"shared/event"}, []string{ulid}},
		fields:             {[]string{"shared/event", "shared/view", spelling}, nil},
		lint:               {[]string{examples, fields, "shared/event", "shared/view", viewfile}, nil},
		"shared/lifecycle": {[]string{"shared/event", "shared/slot", "shared/view"}, nil},
		"shared/calendar":  {[]string{"shared/event", spelling}, nil},

		"shared/archive":   {[]string{"shared/event", "shared/slot"}, []string{ulid}},
		"shared/stream":    {[]string{"shared/event"}, nil},
		"shared/viewstore": {[]string{"shared/event", "shared/slot", "shared/view", "shared/lifecycle"}, []string{ulid}},
		"shared/catalog":   {[]string{"shared/event", "shared/slot", "shared/view", "shared/lifecycle"}, nil},

		"shared/runs":        layer(xxhash),
		"shared/programs":    layer(),
		"shared/generations": layer(ulid),
		"shared/lease":       layer(ulid),

		"shared/ingest":  layer(ulid, xxhash),
		"shared/speed":   stepping(),
		"shared/batch":   stepping(ulid),
		"shared/sweep":   stepping(ulid),
		"shared/audit":   stepping(ulid),
		"shared/serving": stepping(),
		"shared/watch":   {slices.Concat(inner, []string{"shared/setting"}), []string{ulid}},

		"shared/spreadsheet": {},
		"shared/present":     {append(slices.Clone(inner), "shared/accept", "shared/serving", "shared/spreadsheet"), nil},
		"shared/compare":     {append(slices.Clone(inner), "shared/serving", "shared/present"), nil},
		"shared/promql":      {append(slices.Clone(inner), "shared/serving", "shared/setting"), []string{promModel, prom}},

		// for tests only
		"shared/serving/servingtest": {append(slices.Clone(inner), "shared/programs", "shared/runner", "shared/serving",
			"shared/memory"), []string{ulid}},

		"shared/operations": stepping(),

		"shared/agents": {[]string{"shared/access", "shared/api", "shared/calendar", "shared/release", lint, spelling,
			viewfile},
			[]string{mcpSDK, mcpJSON}},

		"shared/setting": {append(slices.Clone(inner), "shared/runner"), []string{ulid}},
		"shared/system":  {slices.Concat(inner, steps, layers, handed, []string{"shared/compare"}), nil},

		"shared/eventsource": {core, nil},
		"shared/budget":      {},
		"shared/runner":      {},
		"shared/metrics":     {},
		"shared/release":     {},
		"shared/access":      {},
		"shared/accept":      {},
		"shared/api":         {[]string{"shared/access"}, nil},
		"shared/api/openapi": {[]string{"shared/api"}, nil},
		"shared/page":        {}, // files for browsers
		"shared/api/openapi/contract": {[]string{"shared/api", "shared/api/openapi"},
			[]string{"github.com/santhosh-tekuri/jsonschema", events}},

		"shared/memory":      {inner, nil},
		"shared/dirarchive":  {inner, nil},
		"shared/conformance": {inner, []string{"github.com/google/go-cmp", ulid}},
		"shared/simulation": {slices.Concat(inner, layers,
			[]string{viewfile, "shared/present", "shared/setting", "shared/system", "shared/memory", "shared/programs",
				"shared/eventsource", "shared/runner"}), []string{ulid}},
		"shared/simulation/history": {
			slices.Concat(inner, layers, []string{
				viewfile, "shared/present", "shared/setting", "shared/system", "shared/memory", "shared/programs",
				"shared/eventsource", "shared/runner", "shared/lease", "shared/simulation",
			}), []string{ulid},
		},
		"shared/simulation/model":        {}, // Promela, and what runs Spin
		"shared/simulation/model/check":  {[]string{"shared/simulation/model"}, nil},
		"shared/simulation/mutants":      {}, // mistakes, as text, and what plays them
		"shared/simulation/mutants/play": {[]string{"shared/simulation/history"}, nil},
		"shared/simulation/mutants/run":  {[]string{"shared/simulation/mutants"}, nil},
		"shared/simulation/proof":        {}, // tests only
		"shared/ratios":                  {}, // tests only

		"shared/aws/sdk":     {nil, []string{awsSDK, smithy}},
		"shared/aws/table":   {nil, []string{awsSDK, smithy}},
		"shared/aws/awstest": {[]string{"shared/aws/sdk", "shared/aws/table"}, []string{awsSDK, smithy}}, // for tests only
		"shared/aws/respond": {[]string{"shared/accept"}, []string{events}},
		"shared/aws/launch": {
			[]string{
				"shared/setting", "shared/budget", "shared/metrics", "shared/runner", "shared/aws/sdk", "shared/aws/s3archive",
				"shared/aws/kinesisstream",
				"shared/aws/sqsqueue",
			},
			[]string{"github.com/aws/aws-lambda-go", awsSDK, ulid},
		},
		// for tests only
		"shared/aws/launch/launchtest": {[]string{"shared/aws/launch", "shared/setting"},
			[]string{"github.com/aws/aws-lambda-go/lambda"}},
		"shared/aws/tables": {
			[]string{"shared/aws/launch", "shared/aws/dynamocatalog", "shared/aws/dynamoviews"}, []string{awsSDK},
		},
		"shared/aws/s3archive":     adapter("shared/archive"),
		"shared/aws/kinesisstream": adapter("shared/stream"),
		"shared/aws/sqsqueue":      adapter("shared/stream"),
		"shared/aws/dynamoviews":   adapter("shared/viewstore"),
		"shared/aws/dynamocatalog": adapter("shared/catalog"),

		"functions/ingest/handler": handler("shared/ingest"),
		"functions/speed/handler":  handler("shared/speed", "github.com/go-json-experiment/json/jsontext"),
		// a tick is of both
		"functions/batch/handler": {
			append(slices.Clone(inner), "shared/batch", "shared/sweep", "shared/budget", "shared/metrics"), []string{events},
		},
		"functions/replay/handler": handler("shared/speed"),
		// a tick is of both
		"functions/audit/handler": {
			append(slices.Clone(inner), "shared/audit", "shared/watch", "shared/metrics"), []string{events},
		},
		"functions/query/handler":     reading("shared/serving", "shared/page"),
		"functions/republish/handler": handler("shared/ingest"),
		"functions/admin/handler":     reading("shared/operations", "shared/serving"),
		"functions/prometheus/handler": {
			[]string{"shared/api", "shared/aws/respond", "shared/event", "shared/promql", "shared/release"},
			[]string{events, promModel, prom},
		},
		"functions/mcp/handler": {[]string{"shared/agents", "shared/api", "shared/aws/respond"},
			[]string{events}},

		"functions/authorizer/handler": {[]string{"shared/access", "shared/api"}, []string{events}}, // needs no layer

		"functions/ingest":    function("ingest", "shared/ingest"),
		"functions/republish": function("republish", "shared/ingest"),
		"functions/speed":     onViews("speed", "shared/speed"),
		// which deploys definitions
		"functions/batch":      onViews("batch", "shared/batch", "shared/sweep", "shared/lifecycle", viewfile),
		"functions/replay":     onViews("replay", "shared/speed"),
		"functions/audit":      onViews("audit", "shared/audit", "shared/watch"),
		"functions/query":      onViews("query", "shared/serving"),
		"functions/prometheus": onViews("prometheus", "shared/serving", "shared/promql"),
		"functions/admin":      onViews("admin", "shared/operations", "shared/serving", "shared/compare"),
		"functions/mcp":        onViews("mcp", "functions/query/handler", "shared/serving"),
		"functions/authorizer": {
			[]string{"functions/authorizer/handler", "shared/aws/launch", "shared/aws/sdk", "shared/setting"},
			[]string{"github.com/aws/aws-lambda-go/lambda", awsSDK},
		},

		"cmd/anabranch": {
			[]string{"cmd/anabranch/client", "cmd/anabranch/cases", "cmd/anabranch/cost",
				"cmd/anabranch/dev", "cmd/anabranch/doctor", "cmd/anabranch/explain", "cmd/anabranch/fold",
				"cmd/anabranch/plan", "infra/costs", examples, lint,
				"cmd/anabranch/send", "cmd/anabranch/smoke", "cmd/anabranch/table", "shared/agents", "shared/api",
				"shared/calendar", "shared/event", "shared/release",
				"shared/setting", "shared/spreadsheet", "shared/view", viewfile, spelling},
			[]string{"github.com/alecthomas/kong", "github.com/schollz/progressbar/v3", "golang.org/x/term",
				"golang.org/x/text/unicode/norm", ulid, mcpSDK},
		},
		// events that a user wrote, and views files, without a server
		"cmd/anabranch/cases":   {[]string{examples, "cmd/anabranch/fold", "shared/view", viewfile}, nil},
		"cmd/anabranch/explain": {[]string{examples, fields, "cmd/anabranch/fold", "shared/event", "shared/view"}, nil},
		"cmd/anabranch/plan":    {[]string{"cmd/anabranch/fold", "infra/costs", "shared/view"}, nil},
		"cmd/anabranch/fold":    {[]string{"shared/event", "shared/view"}, nil},
		"cmd/anabranch/cost": {
			[]string{"cmd/anabranch/fold", "infra/costs", "localstack/sample", "shared/event", "shared/lifecycle",
				"shared/setting", "shared/view", viewfile, "shared/viewstore"}, []string{ulid},
		},

		"cmd/anabranch/doctor": {[]string{"cmd/anabranch/client", "shared/api", "shared/setting"}, nil},
		"cmd/anabranch/client": {nil, []string{"github.com/go-json-experiment/json"}},
		"cmd/anabranch/send":   {[]string{"cmd/anabranch/client"}, []string{zstd, "github.com/go-json-experiment/json"}},
		"cmd/anabranch/smoke":  {[]string{"cmd/anabranch/client", "shared/api"}, []string{ulid, zstd}},
		"cmd/anabranch/table":  {nil, []string{"github.com/rivo/uniseg"}},
		"cmd/anabranch/dev": {
			slices.Concat(inner, layers, []string{
				"shared/setting", "shared/system", "shared/memory", "shared/programs", "shared/dirarchive", "shared/eventsource",
				"shared/runner", "shared/api", "shared/aws/respond", fields,
				"functions/ingest/handler", "functions/speed/handler", "functions/batch/handler", "functions/query/handler",
				"functions/republish/handler",
				"functions/replay/handler", "functions/audit/handler", "functions/admin/handler",
				"functions/prometheus/handler", "functions/mcp/handler", "shared/promql",
			}),
			[]string{events, ulid},
		},

		// The demo folds the sample by itself, or it would prove nothing.
		"localstack/demo":     {[]string{"localstack/sample"}, nil},
		"localstack/sample":   {},
		"localstack/emulator": {[]string{"infra/venv", "localstack/host/kinesislocal"}, nil},
		"localstack/stack": {
			[]string{"shared/access", "infra/deployment", "infra/venv", "localstack/emulator", "localstack/host",
				"localstack/host/trigger", "shared/aws/sdk"}, []string{awsSDK},
		},
		"localstack/local":             {[]string{"localstack/stack"}, nil},
		"localstack/e2e":               {}, // the end-to-end story
		"localstack/browser":           {}, // tests of the page
		"localstack/wire":              {},
		"localstack/wire/counts":       {}, // tests of what things cost
		"localstack/wire/wiretest":     {[]string{"localstack/wire"}, nil},
		"localstack/host":              {append(slices.Clone(core), "shared/eventsource", "localstack/host/emf"), nil},
		"localstack/host/emf":          {},
		"localstack/host/kinesislocal": {[]string{"infra/venv"}, nil},
		"localstack/host/trigger": {append(slices.Clone(core), "shared/eventsource", "localstack/host"),
			[]string{awsSDK, smithy, events}},

		"infra": {}, // tests of the template
		"infra/deployment": {
			[]string{
				"shared/access", "shared/archive", "shared/aws/dynamocatalog", "shared/aws/s3archive", "shared/catalog",
				"shared/programs", "shared/setting", "infra/venv", "shared/view", viewfile, spelling,
			},
			[]string{awsSDK, smithy, yaml},
		},
		"infra/costs":   {nil, []string{yaml}},
		"infra/deploy":  {[]string{"infra/deployment"}, nil},
		"infra/destroy": {[]string{"infra/deployment"}, nil},
		"infra/experiments": {
			[]string{"cmd/anabranch/client", "infra/costs", "shared/metrics"}, []string{awsSDK, ulid, zstd},
		},
		"infra/firstday": {[]string{"infra/deployment", "infra/experiments"}, []string{awsSDK}},
		"infra/keys":     {[]string{"infra/deployment"}, nil},
		"infra/pack":     {[]string{"shared/view", viewfile, "cmd/anabranch/table"}, nil},
		"infra/venv":     {},
	}
}

// listed is a package as go list describes it.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string // Imports, and theirs
}

// name is the package's path in the module.
func (p listed) name() string { return strings.TrimPrefix(p.ImportPath, module) }

// list describes every package of the module.
func list(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,Deps", "./...")
	command.Dir = ".."
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	all := list(t)
	if len(all) < 20 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	left := rules()
	for _, p := range all {
		delete(left, p.name())
		for _, problem := range slices.Concat(checkName(p), checkRule(p), checkRings(p), checkPurity(p), checkSDK(p),
			checkYAML(p), checkPrometheus(p), checkMCP(p)) {
			t.Error(problem)
		}
	}
	for name := range left {
		t.Errorf("a rule names %s, which is no package", name)
	}
}

// checkName: a package is a noun of the flow, or a product and its contract.
func checkName(p listed) (problems []string) {
	for _, part := range strings.Split(p.name(), "/") {
		switch part {
		case "internal", "util", "utils", "common", "pkg", "types", "manager", "helper", "helpers", "misc":
			problems = append(problems, fmt.Sprintf("%s: a package called %q says nothing of its one job", p.name(), part))
		}
	}
	return problems
}

// checkRule compares a package's imports with its rule.
func checkRule(p listed) (problems []string) {
	r, ok := rules()[p.name()]
	if !ok {
		return []string{fmt.Sprintf("%s: no rule names this package; say in imports_test.go what it may import", p.name())}
	}
	for _, imported := range p.Imports {
		inside, isOurs := strings.CutPrefix(imported, module)
		switch {
		case isOurs && !slices.Contains(r.module, inside):
			problems = append(problems, fmt.Sprintf("%s imports %s, which its rule does not allow", p.name(), inside))
		case !isOurs && !isStandard(imported) && !slices.ContainsFunc(r.thirdParty, func(allowed string) bool {
			return within(imported, allowed)
		}):
			problems = append(problems, fmt.Sprintf("%s imports %s, which its rule does not allow", p.name(), imported))
		}
	}
	return problems
}

func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func within(imported, allowed string) bool {
	return imported == allowed || strings.HasPrefix(imported, allowed+"/")
}

// checkRings looks at all that a package links, whatever its rule says: a ring knows nothing of those outside it, and
// layers nothing of each other.
func checkRings(p listed) (problems []string) {
	var allowed []string
	switch {
	case slices.Contains(core, p.name()), p.name() == viewfile:
		allowed = core
	case slices.Contains(contracts, p.name()), p.name() == "shared/memory", p.name() == "shared/dirarchive",
		p.name() == "shared/conformance":
		allowed = slices.Concat(core, contracts)
	case slices.Contains(steps, p.name()):
		allowed = slices.Concat(core, contracts, handed)
	case slices.Contains(layers, p.name()):
		allowed = slices.Concat(core, contracts, steps, handed)
	case slices.Contains(answers, p.name()):
		allowed = slices.Concat(core, contracts, steps, handed, answers,
			[]string{"shared/serving", "shared/accept", "shared/spreadsheet"})
	default:
		return nil
	}
	for _, linked := range p.Deps {
		if inside, isOurs := strings.CutPrefix(linked, module); isOurs && !slices.Contains(allowed, inside) {
			problems = append(problems, fmt.Sprintf("%s links %s, which lies outside it", p.name(), inside))
		}
	}
	return problems
}

// checkPurity: core holds values and laws.
func checkPurity(p listed) (problems []string) {
	if !slices.Contains(core, p.name()) && p.name() != viewfile && p.name() != "shared/present" {
		return nil
	}
	for _, imported := range p.Imports {
		switch imported {
		case "os", "net", "net/http", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "io/ioutil", "os/exec",
			"syscall", "unsafe", "expvar",
			"flag", "runtime/debug", "testing":
			problems = append(problems, fmt.Sprintf("%s imports %s: core has no clock, randomness, I/O or log", p.name(),
				imported))
		}
	}
	return problems
}

// checkSDK: the AWS SDK is linked by its adapters, by functions, which start in main, and by what deploys; never by the
// command.
func checkSDK(p listed) (problems []string) {
	function, isMain := path.Split(p.name())
	if within(p.name(), "shared/aws") || within(p.name(), "localstack") || within(p.name(), "infra") ||
		function == "functions/" && isMain != "" {
		return nil
	}
	if i := slices.IndexFunc(p.Deps, func(linked string) bool { return within(linked, awsSDK) }); i >= 0 {
		problems = append(problems, fmt.Sprintf("%s links %s: only adapters and functions may", p.name(), p.Deps[i]))
	}
	return problems
}

// checkYAML: only who reads views files links the YAML parser, and what deploys, which reads the template. Who runs
// views has the texts of their definitions.
func checkYAML(p listed) (problems []string) {
	if within(p.name(), "infra") || within(p.name(), "localstack") {
		return nil
	}
	switch p.name() {
	case viewfile, "functions/batch", "cmd/anabranch", "cmd/anabranch/cases", lint, "shared/agents", "functions/mcp",
		"functions/mcp/handler", "cmd/anabranch/dev",
		"cmd/anabranch/plan", "cmd/anabranch/cost", "shared/simulation",
		"shared/simulation/history", "shared/simulation/mutants/play":
		return nil
	}
	if i := slices.IndexFunc(p.Deps, func(linked string) bool { return within(linked, yaml) }); i >= 0 {
		problems = append(problems, fmt.Sprintf("%s links %s: only who reads views files may", p.name(), p.Deps[i]))
	}
	return problems
}

// checkPrometheus: only the function that answers PromQL links the engine, and dev, which runs that function. It would
// make every other function larger and slower to start.
func checkPrometheus(p listed) (problems []string) {
	switch p.name() {
	case "shared/promql", "functions/prometheus", "functions/prometheus/handler", "cmd/anabranch/dev", "cmd/anabranch":
		return nil
	}
	if i := slices.IndexFunc(p.Deps, func(linked string) bool { return within(linked, prom) }); i >= 0 {
		problems = append(problems, fmt.Sprintf("%s links %s: only who answers PromQL may", p.name(), p.Deps[i]))
	}
	return problems
}

// checkMCP: only who offers tools to assistants links the SDK of their protocol. The other functions stay small.
func checkMCP(p listed) (problems []string) {
	switch p.name() {
	case "shared/agents", "functions/mcp", "functions/mcp/handler", "cmd/anabranch", "cmd/anabranch/dev":
		return nil
	}
	if i := slices.IndexFunc(p.Deps, func(linked string) bool { return within(linked, mcpSDK) }); i >= 0 {
		problems = append(problems, fmt.Sprintf("%s links %s: only what serves assistants may", p.name(), p.Deps[i]))
	}
	return problems
}

// TestNoClockAndNoGoroutines checks that core, contracts and layers neither read a clock nor start goroutines. They get
// the time and a runner, so that the simulator controls both.
func TestNoClockAndNoGoroutines(t *testing.T) {
	pure := slices.Concat(core, contracts, steps, layers, answers, []string{viewfile, "shared/eventsource"})
	for _, p := range list(t) {
		// go test remembers a result for as long as no file that the test has opened changes: so every file is opened, and
		// every folder.
		if _, err := os.ReadDir(filepath.Dir(p.Dir)); err != nil {
			t.Fatal(err)
		}
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(pure, p.name()) {
				continue
			}
			problems, err := impurities(path.Join(p.name(), name), text)
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range problems {
				t.Error(problem)
			}
		}
	}
}

// impurities finds go statements and what reads the clock or waits.
func impurities(name string, text []byte) (problems []string, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, text, 0)
	if err != nil {
		return nil, err
	}
	report := func(node ast.Node, what string) {
		problems = append(problems, fmt.Sprintf("%s: %s", files.Position(node.Pos()), what))
	}
	clock := "" // what the file calls package time
	for _, imported := range file.Imports {
		if imported.Path.Value != `"time"` {
			continue
		}
		if clock = "time"; imported.Name != nil {
			clock = imported.Name.Name
		}
		if clock == "." {
			report(imported, "package time without its name hides what reads the clock")
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			report(node, "go statement: goroutines only through an injected runner")
		case *ast.SelectorExpr:
			if x, ok := node.X.(*ast.Ident); ok && clock != "" && x.Name == clock && readsClock(node.Sel.Name) {
				report(node, "time."+node.Sel.Name+": the time is handed in")
			}
		}
		return true
	})
	return problems, nil
}

func readsClock(function string) bool {
	switch function {
	case "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker":
		return true
	}
	return false
}

// TestTheRulesCatch gives the checks what they are there for.
func TestTheRulesCatch(t *testing.T) {
	of := func(name string, imports ...string) listed {
		return listed{ImportPath: module + name, Imports: imports, Deps: imports}
	}
	for _, test := range []struct {
		name    string
		check   func(listed) []string
		p       listed
		problem string // none when empty
	}{
		{"a package without a rule", checkRule, of("shared/watermark"), "no rule names"},
		{"a package at the top", checkRule, of("tools"), "no rule names"},
		{"core imports core", checkRule, of("shared/slot", module+"shared/event", "time"), ""},
		{"core imports a contract", checkRule, of("shared/view", module+"shared/archive"), "imports shared/archive"},
		{"a layer imports a layer", checkRule, of("shared/speed", module+"shared/batch"), "imports shared/batch"},
		{"a layer imports memory", checkRule, of("shared/serving", module+"shared/memory"), "imports shared/memory"},
		{"a layer imports a contract", checkRule, of("shared/speed", module+"shared/catalog", module+"shared/runner"), ""},
		{"republish imports ingest", checkRule,
			of("functions/republish/handler", module+"shared/ingest", module+"shared/stream", events), ""},
		{"a handler imports another layer", checkRule, of("functions/query/handler", module+"shared/batch"),
			"imports shared/batch"},
		{"a handler imports the SDK", checkRule, of("functions/query/handler", awsSDK+"/service/s3"), "imports " + awsSDK},
		{"an adapter imports another contract", checkRule, of("shared/aws/s3archive", module+"shared/stream"),
			"imports shared/stream"},
		{"the demo imports the fold", checkRule, of("localstack/demo", module+"shared/view"), "imports shared/view"},
		{"a library that is not listed", checkRule, of("shared/slot", "github.com/oklog/ulid/v2"),
			"imports github.com/oklog/ulid/v2"},
		{"a library with a like name", checkRule, of(viewfile, "github.com/goccy/go-yaml-other"),
			"imports github.com/goccy/go-yaml-other"},
		{"a package of a listed library", checkRule, of(viewfile, "github.com/goccy/go-yaml/ast"), ""},
		{"a layer links a layer", checkRings, of("shared/serving", module+"shared/batch"), "links shared/batch"},
		{"core links a contract", checkRings, of("shared/event", module+"shared/stream"), "links shared/stream"},
		{"a reader of runs links a layer", checkRings, of("shared/runs", module+"shared/batch"), "links shared/batch"},
		{"a contract links a reader of runs", checkRings, of("shared/archive", module+"shared/runs"), "links shared/runs"},
		{"a layer links a reader of runs", checkRings, of("shared/batch", module+"shared/runs"), ""},
		{"a contract links a layer", checkRings, of("shared/catalog", module+"shared/ingest"), "links shared/ingest"},
		{"memory links a layer", checkRings, of("shared/memory", module+"shared/ingest"), "links shared/ingest"},
		{"a layer links contracts", checkRings, of("shared/serving", module+"shared/catalog", "fmt"), ""},
		{"a function that runs views reads YAML", checkYAML, of("functions/query", yaml+"/ast"), "links " + yaml},
		{"the function that deploys views reads YAML", checkYAML, of("functions/batch", yaml+"/ast"), ""},
		{"a function links the engine of PromQL", checkPrometheus, of("functions/query", prom+"/promql"), "links " + prom},
		{"the function that answers PromQL links it", checkPrometheus, of("functions/prometheus", prom+"/promql"), ""},
		{"the reader of views files reads files by itself", checkPurity, of(viewfile, "os"), "imports os"},
		{"core reads files", checkPurity, of("shared/view", "os"), "imports os"},
		{"core logs", checkPurity, of("shared/event", "log/slog"), "imports log/slog"},
		{"a layer logs", checkPurity, of("shared/ingest", "log/slog"), ""},
		{"the command links the SDK", checkSDK, of("cmd/anabranch", awsSDK+"/service/s3"), "links " + awsSDK},
		{"a handler links the SDK", checkSDK, of("functions/batch/handler", awsSDK+"/aws"), "links " + awsSDK},
		{"a layer links the SDK", checkSDK, of("shared/ingest", awsSDK+"/aws"), "links " + awsSDK},
		{"an adapter links the SDK", checkSDK, of("shared/aws/s3archive", awsSDK+"/aws"), ""},
		{"a function links the SDK", checkSDK, of("functions/batch", awsSDK+"/aws"), ""},
		{"a name that says nothing", checkName, of("shared/util"), `"util"`},
		{"a function wires another layer", checkRule, of("functions/query", module+"shared/batch"), "imports shared/batch"},
		{"a function imports another's handler", checkRule, of("functions/speed", module+"functions/batch/handler"),
			"imports functions/batch/handler"},
		{"a layer imports an adapter", checkRule, of("shared/batch", module+"shared/aws/s3archive"),
			"imports shared/aws/s3archive"},
		{"internal", checkName, of("internal/event"), `"internal"`},
		{"a name that says it", checkName, of("shared/viewstore"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			problems := test.check(test.p)
			if test.problem == "" && len(problems) > 0 || test.problem != "" &&
				!strings.Contains(strings.Join(problems, "\n"), test.problem) {
				t.Errorf("problems %q, want %q", problems, test.problem)
			}
		})
	}
}

func TestImpuritiesAreFound(t *testing.T) {
	const text = `package p
import clock "time"
func f(now func() clock.Time, Now clock.Duration) {
	go f(nil, 0)
	_ = now()
	_ = clock.Now()
	defer clock.Sleep(clock.Second)
	func() { <-clock.After(Now) }()
}`
	got, err := impurities("p.go", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	want := []string{
		"p.go:4:2: go statement: goroutines only through an injected runner",
		"p.go:6:6: time.Now: the time is handed in",
		"p.go:7:8: time.Sleep: the time is handed in",
		"p.go:8:13: time.After: the time is handed in",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := impurities("p.go", []byte("package p\nimport . \"time\"\n")); err != nil || len(got) != 1 {
		t.Errorf("a dot import: %q, error %v", got, err)
	}
}
