package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/settings"
)

func lookup(values map[string]string) settings.Lookup {
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

type inner struct {
	StreamName string
	Lanes      int `default:"4"`
}

type sample struct {
	inner
	CommitWithin    time.Duration `default:"10s"`
	RunBytes        int64         `default:"16777216"`
	Table           string
	RequireApproval bool `default:"false"`
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		values map[string]string
		want   sample
		errors []string // parts of the error, one per line of it
	}{
		{
			"defaults", map[string]string{"STREAM_NAME": "s", "TABLE": "t"},
			sample{inner{"s", 4}, 10 * time.Second, 16 << 20, "t", false}, nil,
		},
		{
			"everything", map[string]string{"STREAM_NAME": "s", "LANES": "-1", "COMMIT_WITHIN": "1m30s", "RUN_BYTES": "9000000000", "TABLE": " t ", "REQUIRE_APPROVAL": "true"},
			sample{inner{"s", -1}, 90 * time.Second, 9_000_000_000, " t ", true}, nil,
		},
		{
			"empty is absent", map[string]string{"STREAM_NAME": "s", "LANES": "", "TABLE": "t"},
			sample{inner{"s", 4}, 10 * time.Second, 16 << 20, "t", false}, nil,
		},
		{"nothing", nil, sample{}, []string{"STREAM_NAME is not set", "TABLE is not set"}},
		{"empty without a default", map[string]string{"STREAM_NAME": "", "TABLE": "t"}, sample{}, []string{"STREAM_NAME is not set"}},
		{
			"wrong", map[string]string{"STREAM_NAME": "s", "LANES": "four", "COMMIT_WITHIN": "10", "RUN_BYTES": "1.5", "TABLE": "t", "REQUIRE_APPROVAL": "yes"}, sample{},
			[]string{`LANES="four": want a whole number`, `COMMIT_WITHIN="10": want a duration`, `RUN_BYTES="1.5": want a whole number`, `REQUIRE_APPROVAL="yes": want true or false`},
		},
		{"too large", map[string]string{"STREAM_NAME": "s", "RUN_BYTES": "9223372036854775808", "TABLE": "t"}, sample{}, []string{"RUN_BYTES="}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got sample
			err := settings.Read(lookup(c.values), &got)
			if len(c.errors) == 0 {
				if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(sample{})); diff != "" || err != nil {
					t.Errorf("error %v, (-want +got):\n%s", err, diff)
				}
				return
			}
			checkErrors(t, err, c.errors...)
		})
	}
}

// checkErrors wants an error of one line per part, each holding its part.
func checkErrors(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", parts)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(parts) {
		t.Fatalf("error %q has %d lines, want %d", err, len(lines), len(parts))
	}
	for i, part := range parts {
		if !strings.Contains(lines[i], part) {
			t.Errorf("line %d is %q, want %q in it", i, lines[i], part)
		}
	}
}

func TestReadRefusesOtherTypes(t *testing.T) {
	var odd struct{ Ratio float64 }
	checkErrors(t, settings.Read(lookup(map[string]string{"RATIO": "1"}), &odd), "a float64 cannot be read")
}

func TestNames(t *testing.T) {
	want := []string{"STREAM_NAME", "LANES", "COMMIT_WITHIN", "RUN_BYTES", "TABLE", "REQUIRE_APPROVAL"}
	if diff := cmp.Diff(want, settings.Names(sample{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
