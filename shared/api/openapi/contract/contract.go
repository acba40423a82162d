// Package contract checks answers of the HTTP API against the OpenAPI document: that each status and each type of body
// is documented, that the body has the documented shape, and that tests meet every documented status. Only tests use
// it.
package contract

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/api/openapi"
)

const resource = "openapi.json"

// document is the OpenAPI document, decoded once, and a compiler that knows it.
var document = sync.OnceValues(func() (map[string]any, error) {
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(openapi.JSON()))
	if err != nil {
		return nil, err
	}
	return decoded.(map[string]any), nil
})

// met has the statuses of each route that tests have seen: "GET /health 200".
var met = struct {
	sync.Mutex
	statuses map[string]bool
}{statuses: map[string]bool{}}

// Check fails a test when a function's answer to a request is not as documented.
func Check(t testing.TB, r events.APIGatewayV2HTTPRequest, answer events.APIGatewayV2HTTPResponse) {
	t.Helper()
	body, err := bodyOf(answer)
	if err == nil {
		err = Answer(api.Key(r.RouteKey), answer.StatusCode, answer.Headers["content-type"], body)
	}
	if err != nil {
		t.Errorf("%s?%s is answered otherwise than docs/openapi.yaml says: %v", r.RouteKey, r.RawQueryString, err)
	}
}

func bodyOf(answer events.APIGatewayV2HTTPResponse) ([]byte, error) {
	body := []byte(answer.Body)
	if answer.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(answer.Body); err != nil {
			return nil, err
		}
	}
	if answer.Headers["content-encoding"] != "gzip" {
		return body, nil
	}
	packed, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(packed)
}

// Answer checks one answer: the body without its encoding.
func Answer(key api.Key, status int, contentType string, body []byte) error {
	all, err := document()
	if err != nil {
		return err
	}
	media, _, _ := strings.Cut(contentType, ";")
	if openapi.Elsewhere(key) != "" {
		return nil
	}
	if _, ok := api.Find(key); !ok {
		return matches("/components/schemas/Problem", body)
	}
	responses := []string{"paths", key.Pattern(), strings.ToLower(key.Method()), "responses", strconv.Itoa(status)}
	documented, ok := at(all, responses...).(map[string]any)
	if !ok {
		return fmt.Errorf("status %d is not documented", status)
	}
	met.Lock()
	met.statuses[fmt.Sprint(key, " ", status)] = true
	met.Unlock()
	content, _ := documented["content"].(map[string]any)
	if len(content) == 0 {
		if media != "" || len(body) > 0 {
			return fmt.Errorf("status %d has a body of type %q", status, media)
		}
		return nil
	}
	if content[media] == nil {
		return fmt.Errorf("status %d with type %q is not documented", status, media)
	}
	return bodyMatches(media, pointer(append(responses, "content", media, "schema")...), body)
}

func bodyMatches(media, schema string, body []byte) error {
	switch {
	case strings.HasSuffix(media, "ndjson"):
		for line := range bytes.Lines(body) {
			if err := matches(schema, line); err != nil {
				return fmt.Errorf("line %s: %w", line, err)
			}
		}
		return nil
	case strings.HasSuffix(media, "json"):
		return matches(schema, body)
	}
	return nil
}

// matches checks JSON against the schema at a JSON pointer of the document.
func matches(schema string, body []byte) error {
	all, err := document()
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%.200s is not JSON: %w", body, err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(resource, all); err != nil {
		return err
	}
	compiled, err := compiler.Compile(resource + "#" + schema)
	if err != nil {
		return err
	}
	if err := compiled.Validate(value); err != nil {
		return fmt.Errorf("%.500s: %w", body, err)
	}
	return nil
}

func at(v any, names ...string) any {
	for _, name := range names {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}

func pointer(names ...string) string {
	var out strings.Builder
	for _, name := range names {
		out.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name))
	}
	return out.String()
}

// The statuses that only the gateway answers with: no function does.
var ofGateway = []string{"401", "403", "429"}

// Unmet returns the documented statuses of the function's routes that no test has met.
func Unmet(function api.Function) ([]string, error) {
	all, err := document()
	if err != nil {
		return nil, err
	}
	var unmet []string
	for _, r := range api.Of(function) {
		responses, _ := at(all, "paths", r.Key.Pattern(), strings.ToLower(r.Key.Method()), "responses").(map[string]any)
		for status := range responses {
			if what := fmt.Sprint(r.Key, " ", status); !slices.Contains(ofGateway, status) && !met.statuses[what] {
				unmet = append(unmet, what)
			}
		}
	}
	slices.Sort(unmet)
	return unmet, nil
}

// Main runs the tests of a function's handler. It fails when they leave out a documented status, unless only some tests
// run.
func Main(m *testing.M, function api.Function) {
	flag.Parse()
	code := m.Run()
	some := flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.list").Value.String() != ""
	if code == 0 && !some {
		unmet, err := Unmet(function)
		if len(unmet) > 0 {
			err = errors.Join(err, fmt.Errorf("no test meets these answers of docs/openapi.yaml: %s", strings.Join(unmet, ", ")))
		}
		if err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	os.Exit(code)
}
