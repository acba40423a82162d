package handler_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/api/openapi/contract"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/memory"
)

var update = flag.Bool("update", false, "write the golden files anew")

// captured returns a request that was captured from API Gateway.
func (d *fixture) captured(t *testing.T, name string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var r events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(name, err)
	}
	response, err := d.Handle(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	contract.Check(t, r, response)
	return response
}

// golden compares the text of a response with a file.
func golden(t *testing.T, name string, r events.APIGatewayV2HTTPResponse) {
	t.Helper()
	got := fmt.Sprintln(r.StatusCode)
	for _, header := range slices.Sorted(maps.Keys(r.Headers)) {
		got += header + ": " + r.Headers[header] + "\n"
	}
	got += "\n" + r.Body
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +got): %s", path, diff)
	}
}

// TestGolden checks every byte of the responses before a switch, after it, and to a repeated switch.
func TestGolden(t *testing.T) {
	d := newFixture(t)
	golden(t, "views.http", d.captured(t, "views.json"))
	golden(t, "view.http", d.captured(t, "view.json"))
	golden(t, "diff.http", d.captured(t, "diff.json"))
	golden(t, "switch.http", d.captured(t, "switch.json"))
	golden(t, "switch-refused.http", d.captured(t, "switch.json"))
}

// TestConflict checks the response if a view keeps changing: it is not the error of a client, and nothing was changed.
func TestConflict(t *testing.T) {
	d := newFixture(t)
	d.catalog.Hook = func(c memory.Call) memory.Fault {
		if c.Name == "catalog.PutView" {
			return memory.Fault{Err: catalog.ErrConflict}
		}
		return memory.Fault{}
	}
	golden(t, "switch-conflict.http", d.captured(t, "switch.json"))
}
