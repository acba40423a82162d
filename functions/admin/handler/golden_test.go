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

	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/memory"
)

var update = flag.Bool("update", false, "write the golden files anew")

// captured makes a request as API Gateway made it.
func (d *desk) captured(t *testing.T, name string) events.APIGatewayV2HTTPResponse {
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
	return response
}

// golden compares a response, as it goes over the wire, with a file.
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

// TestGolden: what operators are told, to the byte: before a switch, after it, and when it is asked for again.
func TestGolden(t *testing.T) {
	d := newDesk(t)
	golden(t, "views.http", d.captured(t, "views.json"))
	golden(t, "view.http", d.captured(t, "view.json"))
	golden(t, "diff.http", d.captured(t, "diff.json"))
	golden(t, "switch.http", d.captured(t, "switch.json"))
	golden(t, "switch-refused.http", d.captured(t, "switch.json"))
}

// TestConflict: a view that keeps changing is none of the operator's mistakes, and nothing was done.
func TestConflict(t *testing.T) {
	d := newDesk(t)
	d.catalog.Hook = func(c memory.Call) memory.Fault {
		if c.Name == "catalog.PutView" {
			return memory.Fault{Err: catalog.ErrConflict}
		}
		return memory.Fault{}
	}
	golden(t, "switch-conflict.http", d.captured(t, "switch.json"))
}
