package deployment

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/setting"
)

// TestFirstDeployment checks that a new stack has the defaults and the sample's views, and that sam asks for nothing.
func TestFirstDeployment(t *testing.T) {
	c := newCloud(t)
	d, out := c.settings(nil)
	var args []string
	sam := d.Sam
	d.Sam = func(ctx context.Context, all []string) error { args = all; return sam(ctx, all) }
	d.Parameters = map[string]string{"Lanes": "8"}
	if err := c.account().Deploy(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	c.expectCalls("build arm64 localstack/sample/views.yaml", `sam deploy Architecture="arm64" Lanes="8"`)
	for _, wanted := range []string{"--region eu-central-1", "--stack-name shop", "--no-fail-on-empty-changeset",
		"--no-confirm-changeset", "--resolve-s3", "--config-file build/samconfig.toml"} {
		if !strings.Contains(strings.Join(args, " "), wanted) {
			t.Errorf("sam %s: want %s in it", args, wanted)
		}
	}
	if slices.Contains(args, "--guided") {
		t.Error("sam asks for what is known")
	}
	if want := "creating   stack shop in eu-central-1, arm64\n"; !strings.HasPrefix(out.String(), want) ||
		!strings.Contains(out.String(), "parameter  Lanes=8\n") {
		t.Errorf("printed\n%s", out)
	}
}

// TestUpdateKeepsWhatIsNotGiven checks that an update from a new checkout passes only what is given: CloudFormation
// keeps the other values. It also keeps architecture and views.
func TestUpdateKeepsWhatIsNotGiven(t *testing.T) {
	c := newCloud(t).deployed(
		types.StackStatusUpdateComplete, map[string]string{"Architecture": "x86_64", "Slot": "1m", "Shards": "2"}, nil,
	)
	c.objects["code/batch.zip"] = c.zipped("views.yaml", "views: []\n")
	d, out := c.settings(nil)
	d.Parameters = map[string]string{"Shards": "4"}
	if err := c.account().Deploy(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	c.expectCalls("build amd64 build/deployed-views.yaml", `sam deploy Architecture="x86_64" Shards="4"`)
	if text, err := os.ReadFile(d.Root + "/build/deployed-views.yaml"); err != nil || string(text) != "views: []\n" {
		t.Errorf("views are %q, %v", text, err)
	}
	for _, line := range []string{"updating   stack shop", "parameter  Slot=1m\n", "parameter  Shards=4\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("printed\n%swant %q in it", out, line)
		}
	}
}

func TestGivenBuild(t *testing.T) {
	c := newCloud(t).deployed(types.StackStatusCreateComplete, map[string]string{"Architecture": "x86_64"}, nil)
	d, _ := c.settings(nil)
	d.Architecture, d.Views = "arm64", c.views(d, "mine.yaml")
	if err := c.account().Deploy(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	c.expectCalls("build arm64 mine.yaml", `sam deploy Architecture="arm64"`)
}

// views writes a file with one view for a deployment, and returns its name.
func (c *cloud) views(d Settings, name string) string {
	const text = "views:\n  - name: visits\n    key: {path: data.path}\n    window: 1h\n    " +
		"aggregates: {visits: count()}\n"
	if err := os.WriteFile(filepath.Join(d.Root, name), []byte(text), 0o644); err != nil {
		c.Fatal(err)
	}
	return name
}

// layoutOf returns the stored layout of an archive that default settings have made, changed by change.
func layoutOf(t *testing.T, change func(*setting.All)) []byte {
	t.Helper()
	s, a := setting.Default(), &memory.Archive{Now: time.Now}
	change(&s)
	if _, err := s.OpenLayout(t.Context(), a, "stream-1", rand.Reader, time.Now); err != nil {
		t.Fatal(err)
	}
	text, _, err := a.Get(t.Context(), archive.LayoutKey(1))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRefusedBefore checks that what the functions, CloudFormation or Kinesis would refuse is refused before anything
// is built or deployed.
func TestRefusedBefore(t *testing.T) {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/other/.well-known/openid-configuration" {
			fmt.Fprint(w, `{"issuer":"https://login.example"}`)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(issuer.Close)
	parameter := func(name, value string) func(*Settings) {
		return func(d *Settings) { d.Parameters = map[string]string{name: value} }
	}
	for _, test := range []struct {
		name   string
		status types.StackStatus
		change func(*Settings)
		says   string
	}{
		{"a long name", "", func(d *Settings) { d.Stack = strings.Repeat("a", 54) }, "54 characters, and the maximum is 53"},
		{"a name with a dot", "", func(d *Settings) { d.Stack = "my.shop" }, `invalid stack name "my.shop": must begin`},
		{"an unknown parameter", "", parameter("Colour", "red"), "unknown parameter Colour: must be one of"},
		{"one letter too many", "", parameter("Slots", "1m"), "unknown parameter Slots: did you mean Slot?"},
		{"a misspelled parameter", "", parameter("slot", "1m"), "unknown parameter slot: did you mean Slot?"},
		{"no duration", "", parameter("Slot", "five"), `Slot="five": must be a duration`},
		{"a rule", "", parameter("SealDelay", "1s"), "SealDelay=1s: must be at least CommitWithin + ClockMargin"},
		{"no such architecture", "", func(d *Settings) { d.Architecture = "x86" }, "ARCH=x86: must be arm64 or amd64"},
		{"two architectures", "", parameter("Architecture", "x86_64"), "does not match ARCH=arm64"},
		{"a layout without an archive", "", parameter("Layout", "2"),
			"Layout=2: a new archive begins with layout 1: leave the parameter out, or name the archive to take over"},
		{"a layout for a failed stack", types.StackStatusRollbackComplete, parameter("Layout", "2"), "begins with layout 1"},
		{"a dead issuer", "", parameter("JwtIssuer", issuer.URL), "/.well-known/openid-configuration: the answer is 404"},
		{"another issuer", "", parameter("JwtIssuer", issuer.URL+"/other"), "names the issuer https://login.example"},
		{"slot", types.StackStatusCreateComplete, parameter("Slot", "1m"),
			"Slot=1m0s: the archive of stack shop has Slot=5m0s, which never changes"},
		{"layout", types.StackStatusUpdateComplete, parameter("Layout", "2"),
			"Layout=2: stack shop has Layout=1, which never changes"},
		{"lanes", types.StackStatusUpdateComplete, parameter("Lanes", "8"), "has Lanes=1, which never changes"},
		{"dedupe window", types.StackStatusUpdateComplete, parameter("DedupeWindow", "48h"), "has DedupeWindow=24h0m0s"},
		{"speed window", types.StackStatusUpdateComplete, parameter("SpeedWindow", "2h"), "has SpeedWindow=1h0m0s"},
		{"too many shards", types.StackStatusUpdateComplete, parameter("Shards", "5"),
			"parameter Shards=5: the stream has 2, and Kinesis accepts 1 to 4"},
		{"under way", types.StackStatusUpdateInProgress, nil, "stack shop is UPDATE_IN_PROGRESS: wait until it ends"},
		{"a rollback that failed", types.StackStatusUpdateRollbackFailed, nil, "continue-update-rollback --stack-name shop"},
		{"a deletion that failed", types.StackStatusDeleteFailed, nil, "make destroy STACK=shop"},
		{"a creation without rollback", types.StackStatusCreateFailed, nil, "make destroy STACK=shop"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCloud(t)
			if test.status != "" {
				parameters := map[string]string{"Shards": "2", "Layout": "1"}
				c.deployed(test.status, parameters, map[string]string{"ArchiveBucket": "archive-1"})
			}
			c.objects["archive-1/events/_layouts/1.json"] = layoutOf(t, func(*setting.All) {})
			d, _ := c.settings(nil)
			if test.change != nil {
				test.change(&d)
			}
			err := c.account().Deploy(t.Context(), d)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v; want %q in it", err, test.says)
			}
			c.expectCalls()
		})
	}
}

func TestRefusesAnotherStack(t *testing.T) {
	c := newCloud(t).deployed(types.StackStatusCreateComplete, nil, nil)
	c.stack.Parameters = nil
	d, _ := c.settings(nil)
	if err := c.account().Deploy(t.Context(), d); err == nil || !strings.Contains(err.Error(), "not an Anabranch stack") {
		t.Errorf("error is %v", err)
	}
	c.expectCalls()
}

// TestDeployAgain checks that a deployment to a stack whose archive has the wanted layout, or that has not run yet, is
// not refused.
func TestDeployAgain(t *testing.T) {
	for _, layout := range [][]byte{layoutOf(t, func(s *setting.All) { s.Slot = time.Minute }), nil} {
		c := newCloud(t).deployed(
			types.StackStatusCreateComplete, map[string]string{"Slot": "60s"}, map[string]string{"ArchiveBucket": "archive-1"},
		)
		if layout != nil {
			c.objects["archive-1/events/_layouts/1.json"] = layout
		}
		d, _ := c.settings(nil)
		d.Views = c.views(d, "mine.yaml")
		if err := c.account().Deploy(t.Context(), d); err != nil {
			t.Error(err)
		}
		c.expectCalls("build arm64 mine.yaml", `sam deploy Architecture="arm64"`)
	}
}

// TestNamesOfFunctionsFit checks that the longest name of a function in the template fits into Lambda's 64 characters
// for the longest name of a stack.
func TestNamesOfFunctionsFit(t *testing.T) {
	template, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	longest := 0
	for _, suffix := range regexp.MustCompile(`"\$\{AWS::StackName\}(-[a-z-]+)"`).FindAllSubmatch(template, -1) {
		longest = max(longest, maxName+len(suffix[1]))
	}
	if longest != 64 {
		t.Errorf("the longest name of a function has %d characters, want 64", longest)
	}
}

func TestParseParameters(t *testing.T) {
	got, err := ParseParameters([]string{"Slot=5m", "AlarmTopic=", "JwtIssuer=https://a.example/?x=1"})
	want := map[string]string{"Slot": "5m", "AlarmTopic": "", "JwtIssuer": "https://a.example/?x=1"}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, given := range [][]string{{"Slot"}, {"=5m"}, {"Slot=5m", "Slot=6m"}, {`CorsOrigins="*"`}} {
		if got, err := ParseParameters(given); err == nil {
			t.Errorf("%q is %v, want an error", given, got)
		}
	}
}
