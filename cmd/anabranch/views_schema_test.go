package main

import (
	"os"
	"testing"
)

// TestSchema checks that the command prints docs/views.schema.json.
func TestSchema(t *testing.T) {
	want, err := os.ReadFile("../../docs/views.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	s := newSession()
	s.do(t, exitOK, "views", "schema")
	if s.out.String() != string(want) {
		t.Errorf("%s", &s.out)
	}
}
