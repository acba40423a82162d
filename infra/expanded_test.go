//go:build emulator

package infra_test

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/infra/deployment"
	"github.com/anabranch/anabranch/infra/venv"
	"github.com/anabranch/anabranch/localstack/emulator"
)

//go:embed expand.py
var expand string

// packages returns the bin directory of a virtual environment.
func packages(t *testing.T, p venv.Packages) string {
	t.Helper()
	root, err := venv.Root()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := venv.Open(t.Context(), root, p)
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// expanded returns template.yaml after the SAM transform.
func expanded(t *testing.T) template {
	t.Helper()
	bin := packages(t, emulator.MiniStack.Packages)
	body, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), filepath.Join(bin, "python"), "-c", expand)
	command.Env = append(os.Environ(), "AWS_DEFAULT_REGION=us-east-1")
	command.Stdin = bytes.NewReader(body)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("expand template.yaml: %v\n%s", err, &stderr)
	}
	var root object
	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		t.Fatal(err)
	}
	return template{t, "expanded template.yaml", root}
}

// TestExpanded checks that SAM makes Lambda functions of ours, and adds nothing that we have not written: no role, no
// permission, no policy.
func TestExpanded(t *testing.T) {
	app, got := application(t), expanded(t)
	wanted := map[string]string{}
	for _, name := range []string{"Batch", "Replay", "Audit"} {
		wanted[name+"FunctionEventInvokeConfig"] = "AWS::Lambda::EventInvokeConfig"
	}
	for _, name := range deployment.Published() {
		function, alias := large(name)+"Function", large(name)+"FunctionAliaslive"
		version := versionOf(got, function)
		wanted[version.name], wanted[alias] = "AWS::Lambda::Version", "AWS::Lambda::Alias"
		want(t, alias, got.resource(alias).object["Properties"],
			"{FunctionName: !Ref "+function+", FunctionVersion: !GetAtt "+version.name+".Version, Name: live}")
		want(t, version.name, version.object["DeletionPolicy"], "Retain") // running invocations need it, and a rollback
	}
	for _, r := range app.resources("") {
		wanted[r.name] = r.kind()
		if r.kind() == "AWS::Serverless::Function" {
			wanted[r.name] = "AWS::Lambda::Function"
			continue
		}
		written := strings.ReplaceAll(text(r.object), "Function.Alias", "FunctionAliaslive")
		want(t, r.name, got.resource(r.name).object, written)
	}
	kinds := map[string]string{}
	for _, r := range got.resources("") {
		kinds[r.name] = r.kind()
	}
	if diff := gocmp.Diff(wanted, kinds); diff != "" {
		t.Errorf("(-template.yaml +expanded):\n%s", diff)
	}
}

// versionOf returns the version that SAM publishes of a function. Its name ends with a hash.
func versionOf(f template, function string) resource {
	f.t.Helper()
	for _, r := range f.resources("AWS::Lambda::Version") {
		if strings.HasPrefix(r.name, function+"Version") {
			return r
		}
	}
	f.t.Fatalf("%s has no version of %s", f.name, function)
	return resource{}
}

// TestExpandedFunctions checks that every function has what the template says, in Lambda's own properties.
func TestExpandedFunctions(t *testing.T) {
	app, got := application(t), expanded(t)
	same := []string{"FunctionName", "MemorySize", "ReservedConcurrentExecutions", "Role", "Timeout"}
	for _, r := range got.resources("AWS::Lambda::Function") {
		for _, name := range same {
			want(t, r.name+": "+name, r.property(name), text(app.resource(r.name).property(name)))
		}
		want(t, r.name+": runtime", r.property("Runtime"), "provided.al2023")
		want(t, r.name+": handler", r.property("Handler"), "bootstrap")
		want(t, r.name+": architecture", r.property("Architectures"), "[!Ref Architecture]")
		want(t, r.name+": code", r.property("Code", "S3Key"), text(app.resource(r.name).property("CodeUri")))
		logGroup := text(app.resource(r.name).property("LoggingConfig", "LogGroup"))
		systemLevel := cmp.Or(strings.TrimPrefix(systemLog(r.name), ", SystemLogLevel: "), "WARN")
		// No parameter reaches ApplicationLogLevel, since Lambda would take lines of metrics for INFO and drop them.
		want(t, r.name+": log", r.property("LoggingConfig"), "{ApplicationLogLevel: DEBUG, LogFormat: JSON, LogGroup: "+
			logGroup+", SystemLogLevel: "+systemLevel+"}")
		variables := map[string]string{}
		for name, value := range r.property("Environment", "Variables").(object) {
			variables[name] = text(value)
		}
		name := strings.ToLower(strings.TrimSuffix(r.name, "Function"))
		if diff := gocmp.Diff(given(app, name), variables); diff != "" {
			t.Errorf("%s: variables (-template.yaml +expanded):\n%s", r.name, diff)
		}
		known := append(slices.Clone(same), "Architectures", "Code", "Environment", "Handler", "LoggingConfig", "Runtime",
			"Tags")
		for _, name := range slices.Sorted(maps.Keys(r.object["Properties"].(object))) {
			if !slices.Contains(known, name) {
				t.Errorf("%s has the property %s, which we have not written", r.name, name)
			}
		}
	}
	config := got.resource("BatchFunctionEventInvokeConfig")
	want(t, "batch's retries", config.property("MaximumRetryAttempts"), "0")
	want(t, "batch's age", config.property("MaximumEventAgeInSeconds"), "60")
	want(t, "batch's qualifier", config.property("Qualifier"), "$LATEST")
}

// TestLint checks that cfn-lint and sam report nothing.
func TestLint(t *testing.T) {
	bin := packages(t, venv.Tools)
	for _, args := range [][]string{
		{"cfn-lint", "template.yaml", "infra/storage.yaml"},
		{"sam", "validate", "--lint", "--template", "template.yaml"},
		{"sam", "validate", "--lint", "--template", "infra/storage.yaml"},
	} {
		command := exec.CommandContext(t.Context(), filepath.Join(bin, args[0]), args[1:]...)
		command.Dir = ".."
		command.Env = append(os.Environ(), "AWS_DEFAULT_REGION=us-east-1", "SAM_CLI_TELEMETRY=0")
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
}
