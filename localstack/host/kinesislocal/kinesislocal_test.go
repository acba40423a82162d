package kinesislocal

import (
	"strings"
	"testing"
)

// TestVersion checks that the version is the one that LocalStack looks for: it would install any other.
func TestVersion(t *testing.T) {
	pinned, err := files.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(pinned), `"kinesis-local": "`+Version+`"`) {
		t.Errorf("package.json does not pin kinesis-local %s", Version)
	}
}
