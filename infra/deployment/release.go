package deployment

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Published returns the names of the functions that the gateway calls by an alias. The template publishes a version of
// each whenever its package changes.
func Published() []string {
	return []string{"admin", "authorizer", "ingest", "mcp", "prometheus", "query"}
}

// writeRelease adds a file to the packages of the published functions that changes with the templates and the values of
// the parameters. SAM publishes a new version only if the package or the text of the template changes. If a parameter
// alone got another value, the alias would stay at a version with the old one. And Lambda refuses to publish a version
// if SAM wants one and nothing has changed in the function.
//
// Source: SAM translator 1.115, _construct_version: it takes the hash of the properties before it resolves Ref;
// github.com/aws/serverless-application-model/issues/3820.
func writeRelease(root string, values map[string]string) error {
	hash := sha256.New()
	for _, name := range []string{"template.yaml", "infra/storage.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%s %d\n%s", name, len(text), text)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(hash, "%q=%q\n", name, values[name])
	}
	for _, function := range Published() {
		file := filepath.Join(root, "build", function, "release")
		if err := os.WriteFile(file, fmt.Appendf(nil, "%x\n", hash.Sum(nil)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
