//go:build emulator

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/stack"
)

// examined checks that the doctor finds no fault in a stack that works, with the admin key, and that it refuses to call
// a stack healthy with a read key.
func examined(t *testing.T, w *world) {
	if err := w.batchByHand(t.Context()); err != nil { // the parts before may have taken long
		t.Fatal(err)
	}
	if err := w.anabranch(t.Context(), w.Keys.Admin, "doctor"); err != nil {
		t.Errorf("with the admin key: %v", err)
	}
	if err := w.anabranch(t.Context(), w.Keys.Read, "doctor"); err == nil {
		t.Error("with the read key, the doctor finds no fault")
	}
}

// examineStack checks what the doctor says of a stack that the program aws describes: that it is sound, and then that
// an alarm is on whose actions are disabled.
func examineStack(t *testing.T, w *world) {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS CLI is not installed")
	}
	checks := func(want map[string]string) {
		t.Helper()
		said, err := w.doctor(t.Context(), stack.Name)
		for _, name := range []string{"stack", "settings", "variables", "layout", "functions", "stream read", "alarms",
			"alarm actions", "rejected"} {
			result := "ok"
			if w, ok := want[name]; ok {
				result = w
			}
			if line := fmt.Sprintf("\n%-13s  %s", name, result); !strings.Contains(said, line) {
				t.Errorf("the doctor does not say %q; error %v:\n%s", line, err, said)
			}
		}
	}
	checks(nil)
	alarms := cloudwatch.NewFromConfig(w.Config)
	listed, err := alarms.DescribeAlarms(
		t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: new(stack.Name + "-DriftAlarm-")},
	)
	if err != nil || len(listed.MetricAlarms) != 1 {
		t.Fatalf("%d alarms of drift, error %v", len(listed.MetricAlarms), err)
	}
	name := listed.MetricAlarms[0].AlarmName
	set := func(to types.StateValue) {
		t.Helper()
		_, err := alarms.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{
			AlarmName: name, StateValue: to, StateReason: new("somebody set it in a test"),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set(types.StateValueAlarm)
	if _, err := alarms.DisableAlarmActions(
		t.Context(), &cloudwatch.DisableAlarmActionsInput{AlarmNames: []string{*name}},
	); err != nil {
		t.Fatal(err)
	}
	checks(map[string]string{
		"alarms":        "failed   DriftAlarm: somebody set it in a test",
		"alarm actions": "warning  DriftAlarm notifies nobody: its actions are disabled",
	})
	set(types.StateValueOk)
	if _, err := alarms.EnableAlarmActions(
		t.Context(), &cloudwatch.EnableAlarmActionsInput{AlarmNames: []string{*name}},
	); err != nil {
		t.Fatal(err)
	}
	if said, err := w.doctor(t.Context(), "no-such-stack"); err == nil || !strings.Contains(said, "does not exist") {
		t.Errorf("of a stack that does not exist: error %v, it says\n%s", err, said)
	}
}

// doctor runs the doctor over a stack with the admin key, and the program aws on the emulator. It returns all that is
// printed.
func (w *world) doctor(ctx context.Context, name string) (said string, err error) {
	command := exec.CommandContext(ctx, filepath.Join("..", "..", "build", "anabranch"), "doctor", "--stack", name)
	command.Env = append(os.Environ(), "ANABRANCH_KEY="+w.Keys.Admin, "ANABRANCH_URL="+w.URL,
		"AWS_ENDPOINT_URL="+*w.Config.BaseEndpoint, "AWS_ACCESS_KEY_ID="+emulator.AccessKey,
		"AWS_SECRET_ACCESS_KEY="+emulator.SecretKey, "AWS_REGION="+emulator.Region, "AWS_DEFAULT_REGION="+emulator.Region)
	out, err := command.CombinedOutput()
	return string(out), err
}
