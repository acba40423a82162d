//go:build emulator

package e2e_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/anabranch/anabranch/infra/deployment"
	"github.com/anabranch/anabranch/infra/venv"
	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/host/trigger"
	"github.com/anabranch/anabranch/localstack/stack"
	"github.com/anabranch/anabranch/shared/aws/s3archive"
	"github.com/anabranch/anabranch/shared/setting"
)

// target is an emulator without a stack, to deploy to as make deploy does.
type target struct {
	*testing.T
	deployment.Account
	root, endpoint string
}

func newTarget(t *testing.T) target {
	root, err := venv.Root()
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.Launch(t.Context(), emulator.Settings{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	return target{t, deployment.At(stack.Config(e.Endpoint)), root, e.Endpoint}
}

// deploy deploys from a repository with parameters, and returns what was printed.
func (t target) deploy(root string, parameters map[string]string) (printed string, err error) {
	began := time.Now()
	var out strings.Builder
	err = stack.Deploy(t.Context(), root, t.endpoint, &out, parameters)
	fmt.Fprintf(os.Stderr, "deploy     %v in %.0f s\n", parameters, time.Since(began).Seconds())
	return out.String(), err
}

// expectStatus checks the status of the stack, "" for none.
func (t target) expectStatus(want types.StackStatus) deployment.Stack {
	t.Helper()
	s, err := t.Describe(t.Context(), stack.Name)
	if err != nil || s.Status != want {
		t.Fatalf("stack is %q, %v; want %q", s.Status, err, want)
	}
	return s
}

// broken returns the directory of a repository whose template has one more resource: one that MiniStack cannot make.
// Everything else is made before it.
func (t target) broken() string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"build", "infra"} {
		if err := os.Symlink(filepath.Join(t.root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	template, err := os.ReadFile(filepath.Join(t.root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(template), "\nOutputs:\n", `
  Broken:
    Type: AWS::CloudWatch::Alarm
    DependsOn: [BatchSchedule, ReplaySchedule, AuditSchedule]
    Properties:
      ComparisonOperator: GreaterThanThreshold
      EvaluationPeriods: 1
      Threshold: 0
      Metrics: [{Id: a, Expression: "1"}]

Outputs:
`, 1)
	if err := os.WriteFile(filepath.Join(dir, "template.yaml"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// expectMaxRows checks a variable of the version of query that the gateway calls.
func (t target) expectMaxRows(want string) {
	t.Helper()
	live, err := trigger.Deployed(t.Context(), stack.Config(t.endpoint), stack.Query+":live", "")
	if err != nil || live.Env["MAX_ROWS"] != want {
		t.Errorf("the alias of query has MAX_ROWS=%s, %v; want %s", live.Env["MAX_ROWS"], err, want)
	}
}

// tables returns the names of all tables.
func (t target) tables() []string {
	t.Helper()
	listed, err := t.Tables.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	return listed.TableNames
}

// TestDeployment follows a stack from a first deployment that fails to its deletion, as make deploy and make destroy
// do it: nobody is asked for anything.
func TestDeployment(t *testing.T) {
	t.Parallel()
	d := newTarget(t)
	printed, err := d.deploy(d.broken(), map[string]string{"Slot": "1m", "DeletionProtection": "true"})
	if err == nil || !strings.Contains(printed, "ROLLBACK_COMPLETE. Why:\n  Broken: ") {
		t.Fatalf("a resource that cannot be made: error %v, printed\n%s", err, printed)
	}
	d.expectStatus(types.StackStatusRollbackComplete)

	printed, err = d.deploy(d.root, map[string]string{"Slot": "2m", "SealDelay": "50s"})
	if err != nil || !strings.Contains(printed, "has failed (ROLLBACK_COMPLETE). Deleting it") {
		t.Fatalf("after a failed creation: error %v, printed\n%s", err, printed)
	}
	first := d.expectStatus(types.StackStatusCreateComplete)
	if now := d.tables(); len(now) != 4 {
		t.Errorf("the tables are %q, want the 4 of the new stack", now)
	}

	printed, err = d.deploy(d.root, nil)
	if err != nil || !strings.Contains(printed, "views      those of the stack") ||
		!strings.Contains(printed, "parameter  Slot=2m\n") {
		t.Fatalf("without a change: error %v, printed\n%s", err, printed)
	}
	t.Logf("without a change:\n%s", printed) // once, in some ten runs, the emulator updated the stack all the same
	if s := d.expectStatus(types.StackStatusCreateComplete); s.ID != first.ID || s.Parameters["SealDelay"] != "50s" {
		t.Errorf("after a deployment without a change, the stack is %+v", s)
	}
	if err := d.PrintKeys(t.Context(), &strings.Builder{}, stack.Name); err != nil {
		t.Error(err)
	}

	d.expectMaxRows("10000")
	if printed, err = d.deploy(d.root, map[string]string{"MaxRows": "500"}); err != nil {
		t.Fatalf("another parameter: error %v, printed\n%s", err, printed)
	}
	d.expectMaxRows("500")

	openLayout(t.Context(), t, d, first)
	printed, err = d.deploy(d.root, map[string]string{"Slot": "1m"})
	if err == nil || !strings.Contains(err.Error(), "Slot=1m0s: the archive of stack") {
		t.Errorf("another slot: error %v, printed\n%s", err, printed)
	}

	var out strings.Builder
	if err := d.Destroy(t.Context(), strings.NewReader(stack.Name), &out, stack.Name); err != nil {
		t.Error(err)
	}
	d.expectStatus("")
	// MiniStack also deletes the buckets and tables of the nested stack, which AWS keeps. So nothing is left to name.
	if !strings.HasSuffix(out.String(), "Stack anabranch is deleted.\n") {
		t.Errorf("destroy printed\n%s", &out)
	}
}

// openLayout makes the layout of the archive, as the first function that starts does.
func openLayout(ctx context.Context, t *testing.T, d target, s deployment.Stack) {
	t.Helper()
	settings := setting.Default()
	settings.Slot, settings.Lanes = 2*time.Minute, 4
	archive := s3archive.New(d.S3, s.Outputs["ArchiveBucket"])
	if _, err := settings.OpenLayout(ctx, archive, s.Outputs["StreamName"], rand.Reader, time.Now); err != nil {
		t.Fatal(err)
	}
}
