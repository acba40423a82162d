package infra_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPermissionsOfTheDeployer checks that docs/deploy.md lists the actions of the deployer for every service of both
// templates, and for no other.
func TestPermissionsOfTheDeployer(t *testing.T) {
	body, err := os.ReadFile("../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(body), "\n## Permissions of the deployer\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9]+)` \\|.*\\| .*`[A-Z]").FindAllStringSubmatch(section, -1) {
		listed = append(listed, row[1])
	}
	prefixes := map[string]string{"apigatewayv2": "apigateway", "serverless": "lambda"} // of actions; others are equal
	var used []string
	for _, f := range []template{application(t), storage(t)} {
		for _, r := range f.resources("") {
			service := strings.ToLower(strings.Split(r.kind(), "::")[1])
			if prefix, ok := prefixes[service]; ok {
				service = prefix
			}
			used = append(used, service)
		}
	}
	slices.Sort(used)
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Compact(used), listed); diff != "" {
		t.Errorf("services (-templates +docs/deploy.md):\n%s", diff)
	}
}
