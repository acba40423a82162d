package kinesislocal

import (
	"strings"
	"testing"
)

// TestVersion: LocalStack would install another version than the one that it finds.
func TestVersion(t *testing.T) {
	pinned, err := files.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(pinned), `"kinesis-local": "`+Version+`"`) {
		t.Errorf("package.json does not pin kinesis-local %s", Version)
	}
}
