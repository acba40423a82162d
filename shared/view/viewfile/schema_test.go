package viewfile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

var update = flag.Bool("update", false, "write docs/views.schema.json anew")

const (
	schemaFile = "../../../docs/views.schema.json"
	sampleFile = "../../../localstack/sample/views.yaml"
)

// TestSchemaIsCurrent checks that docs/views.schema.json is what this package makes.
func TestSchemaIsCurrent(t *testing.T) {
	if *update {
		if err := os.WriteFile(schemaFile, viewfile.Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, viewfile.Schema()) {
		t.Errorf("%s is not current; run go test ./shared/view/viewfile -update", schemaFile)
	}
}

// TestSchemaHasEveryField checks that the schema has a property for each field of a definition, and no other.
func TestSchemaHasEveryField(t *testing.T) {
	properties := propertiesOf(t)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[view.Definition]()) {
		name := strings.ToLower(field.Name)
		if name == "engine" { // files have none
			continue
		}
		if properties[name].Description == "" {
			t.Errorf("the schema does not describe %s", name)
		}
		delete(properties, name)
	}
	for name := range properties {
		t.Errorf("the schema has %s, which no definition has", name)
	}
}

// conforms returns what the schema says of a views file; nil: it is valid.
func conforms(t *testing.T, text string) error {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(viewfile.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("views.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("views.json") // also against the metaschema
	if err != nil {
		t.Fatal(err)
	}
	var instance any
	if err := yaml.Unmarshal([]byte(text), &instance); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	asJSON, err := json.Marshal(instance)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(value)
}

// TestSchemaAcceptsValidFiles checks the sample, which names the schema in its first line, and all valid files of the
// tests.
func TestSchemaAcceptsValidFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range append(files, sampleFile) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := viewfile.Parse(file, text); err != nil {
			continue
		}
		checked++
		if err := conforms(t, string(text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if checked < 6 {
		t.Errorf("only %d files are valid", checked)
	}
	for _, text := range []string{
		sample,
		with(windowLine, "    window: PT5M", "    architecture: kappa"), with(windowLine, "    window: 1w"),
		with(windowLine, "    window: 1.5h"), with(whereLine, "    where: true"),
		with(keyLine, "      n: 5", "      ok: true"),
		with(descLine, "    description: 42"), with(countLine, "      views: ' count( )'"), with(whereLine),
	} {
		if _, err := viewfile.Parse("v.yaml", []byte(text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		if err := conforms(t, text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	text, err := os.ReadFile(sampleFile)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	named, ok := strings.CutPrefix(first, "# yaml-language-server: $schema=")
	if _, err := os.Stat(filepath.Join(filepath.Dir(sampleFile), named)); !ok || err != nil {
		t.Errorf("the first line of the sample is %q: %v", first, err)
	}
}

// TestSchemaRefusesBrokenFiles checks files whose mistakes an editor shall show.
func TestSchemaRefusesBrokenFiles(t *testing.T) {
	many := func(line string, n int) (lines []string) {
		for i := range n {
			lines = append(lines, fmt.Sprintf(line, i))
		}
		return lines
	}
	const aggregates = "    aggregates:\n      views: count()\n      bytes: sum(data.bytes)\n"
	for name, text := range map[string]string{
		"nothing":              "{}",
		"no list":              "views: {}",
		"no view":              "views: []",
		"null":                 "views:",
		"text":                 "views: [a]",
		"another field":        "view: []",
		"a field more":         sample + "tests: []\n",
		"misspelt field":       with(whereLine, "    were: data.a == 1"),
		"no name":              with(nameLine, "  - architecture: lambda"),
		"no window":            with(windowLine),
		"no aggregates":        strings.Replace(sample, aggregates, "", 1),
		"aggregates empty":     strings.Replace(sample, aggregates, "    aggregates: {}\n", 1),
		"capital":              with(nameLine, "  - name: Page"),
		"hyphen":               with(nameLine, "  - name: page-views"),
		"long name":            with(nameLine, "  - name: "+strings.Repeat("a", 64)),
		"architecture":         with(windowLine, "    window: 1h", "    architecture: kapa"),
		"where empty":          with(whereLine, `    where: ""`),
		"where null":           with(whereLine, `    where:`),
		"where list":           with(whereLine, `    where: [a]`),
		"where number":         with(whereLine, `    where: 5`),
		"where too long":       with(whereLine, `    where: data.a == "`+strings.Repeat("a", 2000)+`"`),
		"description map":      with(descLine, "    description: {a: b}"),
		"key list":             strings.Replace(sample, "    key:\n      path: data.path\n", "    key: [data.path]\n", 1),
		"key text":             strings.Replace(sample, "    key:\n      path: data.path\n", "    key: data.path\n", 1),
		"key null":             with(keyLine),
		"key field":            with(keyLine, `      "the path": data.path`),
		"key value null":       with(keyLine, "      path:"),
		"nine key fields":      with(keyLine, many("      k%d: data.a", 9)...),
		"33 aggregates":        with(sumLine, many("      n%d: count()", 32)...),
		"aggregate name":       with(sumLine, "      1st: count()"),
		"aggregate a word":     with(sumLine, "      bytes: count"),
		"aggregate a path":     with(sumLine, "      bytes: data.bytes"),
		"aggregate a number":   with(sumLine, "      bytes: 5"),
		"window without unit":  with(windowLine, "    window: 60"),
		"window text":          with(windowLine, "    window: an hour"),
		"window negative":      with(windowLine, "    window: -1h"),
		"window of months":     with(windowLine, "    window: 1mo"),
		"window of one letter": with(windowLine, "    window: P"),
	} {
		if _, err := viewfile.Parse("v.yaml", []byte(text)); err == nil {
			t.Errorf("%s: the file is valid", name)
		}
		if err := conforms(t, text); err == nil {
			t.Errorf("%s: the schema accepts\n%s", name, text)
		}
	}
}

// TestDocsHaveEveryField checks that the table of docs/views.md has a row for each field of the schema, and no other.
func TestDocsHaveEveryField(t *testing.T) {
	text, err := os.ReadFile("../../../docs/views.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "| field | meaning | example |\n|---|---|---|\n")
	rows, _, _ := strings.Cut(after, "\n\n")
	if !found {
		t.Fatal("docs/views.md has no table of fields")
	}
	properties := propertiesOf(t)
	for row := range strings.Lines(rows + "\n") {
		name, _, _ := strings.Cut(strings.TrimPrefix(row, "| `"), "`")
		if _, ok := properties[name]; !ok {
			t.Errorf("docs/views.md has the field %q, which the schema does not have", name)
		}
		delete(properties, name)
	}
	for name := range properties {
		t.Errorf("docs/views.md does not have the field %s", name)
	}
}

// propertiesOf returns the properties of a view in the schema.
func propertiesOf(t *testing.T) map[string]struct{ Description string } {
	t.Helper()
	var s struct {
		Properties struct {
			Views struct {
				Items struct {
					Properties map[string]struct{ Description string }
				}
			}
		}
	}
	if err := json.Unmarshal(viewfile.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	return s.Properties.Views.Items.Properties
}
