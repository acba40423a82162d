package deployment

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// TestPackagesChangeWithParameters checks that the packages of the functions behind an alias change with each value of
// a parameter, since SAM publishes no version for that alone, and stay the same without a change.
func TestPackagesChangeWithParameters(t *testing.T) {
	c := newCloud(t).deployed(types.StackStatusUpdateComplete, map[string]string{"CommitWithin": "10s"}, nil)
	d, _ := c.settings(nil)
	d.Views = c.views(d, "mine.yaml")
	deploy := func(given map[string]string) map[string]string {
		t.Helper()
		d.Parameters = given
		if err := c.account().Deploy(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		packages := map[string]string{}
		for _, function := range Published() {
			text, err := os.ReadFile(filepath.Join(d.Root, "build", function, "release"))
			if err != nil {
				t.Fatal(err)
			}
			packages[function] = string(text)
		}
		return packages
	}
	first := deploy(nil)
	if again := deploy(map[string]string{"CommitWithin": "10s"}); !maps.Equal(again, first) {
		t.Errorf("without a change, the packages are %v, then %v", first, again)
	}
	for function, text := range deploy(map[string]string{"CommitWithin": "9s"}) {
		if text == first[function] {
			t.Errorf("the package of %s does not change with a parameter", function)
		}
	}
}
