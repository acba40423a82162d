package launchtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/setting"
)

// Lookup finds variables in a map.
func Lookup(variables map[string]string) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

// With is a copy of variables in which one has another value.
func With(variables map[string]string, name, value string) map[string]string {
	changed := map[string]string{name: value}
	for n, v := range variables {
		if n != name {
			changed[n] = v
		}
	}
	return changed
}

// Layout are the variables of a function on the archive: what has no default, and all settings as they are by default.
func Layout() map[string]string {
	variables := map[string]string{"ARCHIVE_BUCKET": "bucket", "STREAM_NAME": "stream"}
	defaults := reflect.ValueOf(setting.Default())
	for i := range defaults.NumField() {
		if name := defaults.Type().Field(i).Name; setting.HasVariable(name) {
			variables[setting.Variable(name)] = fmt.Sprint(defaults.Field(i))
		}
	}
	return variables
}

// again tells a test binary that it is to be the function itself.
const again = "LAUNCHTEST_MAIN"

// Main runs the tests of a command or, where Refuses asks for it, the command. It is called by TestMain.
func Main(m *testing.M, command func()) {
	if os.Getenv(again) != "" {
		command()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Refuses runs the command, which ends with exit code 1 since the environment lacks its settings, and says in its log
// which.
func Refuses(t *testing.T, missing ...string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program)
	command.Env = []string{again + "=1", "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"}
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	exit := (*exec.ExitError)(nil)
	if err := command.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v, want exit code 1:\n%s", err, &out)
	}
	for _, name := range missing {
		if !strings.Contains(out.String(), name+" is not set") {
			t.Errorf("the log does not name %s:\n%s", name, &out)
		}
	}
	if n := strings.Count(out.String(), " is not set"); n != len(missing) {
		t.Errorf("the log names %d settings, want %d:\n%s", n, len(missing), &out)
	}
}

// Refusal wants an error that has the part in it.
func Refusal(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("error is %v, want %q in it", err, part)
	}
}
