// Package openapi describes the HTTP API as an OpenAPI 3.1 document. The routes and scopes come from shared/api; this
// package adds what each route takes and answers, and components.yaml the shapes of bodies. docs/openapi.yaml is the
// document, and openapi.json the same in JSON, which servers answer with. Tests compare both with this package, and
// this package with the handlers, their answers, and the types of their answers.
//
// Source: OpenAPI Specification 3.1.1; RFC 9457.
package openapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/anabranch/anabranch/shared/api"
)

// components are the shapes of bodies, parameters and answers.
//
//go:embed components.yaml
var components string

//go:embed document.yaml.tmpl
var document string

//go:embed openapi.json
var asJSON []byte

// JSON returns the OpenAPI document in JSON, as servers answer GET /openapi.json.
func JSON() []byte { return asJSON }

// Document returns the OpenAPI document, in YAML.
//
// Errors: a route of shared/api is not described here. Not retryable.
func Document() ([]byte, error) {
	var routes []described
	for _, r := range api.Routes() {
		o, ok := operations()[r.Key]
		if Elsewhere(r.Key) != "" {
			continue
		}
		if !ok {
			return nil, fmt.Errorf("route %s is not described in shared/api/openapi", r.Key)
		}
		routes = append(routes, described{r, o})
	}
	t, err := template.New("document").Funcs(template.FuncMap{
		"text": text, "lower": strings.ToLower, "elsewhere": allElsewhere,
	}).Parse(document)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	if err := t.Execute(&b, byPath(routes)); err != nil {
		return nil, err
	}
	return []byte(b.String() + components), nil
}

// elsewhere names the routes that this document leaves out, each with the place that describes it.
var elsewhere = map[api.Key]string{
	api.Page:     "docs/page.md",
	api.PageFile: "docs/page.md",

	// Prometheus documents its API.
	api.PromAsk:         "docs/prometheus.md",
	api.PromPost:        "docs/prometheus.md",
	api.PromLabelValues: "docs/prometheus.md",
	api.PromStatus:      "docs/prometheus.md",

	api.CallTools:   "docs/mcp.md",
	api.ListenTools: "docs/mcp.md",
}

// Elsewhere returns the document that describes a route in place of this one: "docs/page.md". It is "" for a route that
// this document describes.
func Elsewhere(key api.Key) string { return elsewhere[key] }

// allElsewhere lists the routes of elsewhere in one sentence, in the order of the table.
func allElsewhere() string {
	var all []string
	for _, r := range api.Routes() {
		if page := Elsewhere(r.Key); page != "" {
			all = append(all, fmt.Sprintf("`%s` (%s)", r.Key, page))
		}
	}
	return "Other documents describe " + strings.Join(all, ", ") + "."
}

// described is a route with its description.
type described struct {
	api.Route
	operation
}

// path is a path with its routes.
type path struct {
	Pattern string
	Routes  []described
}

// byPath groups routes by path, in the order of the table. A path has one entry for all its methods.
func byPath(routes []described) []path {
	var paths []path
	for _, r := range routes {
		i := slices.IndexFunc(paths, func(p path) bool { return p.Pattern == r.Key.Pattern() })
		if i < 0 {
			i, paths = len(paths), append(paths, path{Pattern: r.Key.Pattern()})
		}
		paths[i].Routes = append(paths[i].Routes, r)
	}
	return paths
}

// text writes a string so that YAML accepts it anywhere: as JSON, which is YAML.
func text(s string) (string, error) {
	b, err := json.Marshal(s)
	return string(b), err
}

// Answers groups the problems of a route by status, in order. An OpenAPI operation has one answer per status.
func (d described) Answers() []answer {
	var all []answer
	for _, p := range d.Problems {
		i := slices.IndexFunc(all, func(a answer) bool { return a.Status == p.Status })
		if i < 0 {
			i, all = len(all), append(all, answer{Status: p.Status})
		}
		all[i].Problems = append(all[i].Problems, p)
	}
	slices.SortStableFunc(all, func(a, b answer) int { return a.Status - b.Status })
	return all
}

// answer is all problems with one status.
type answer struct {
	Status   int
	Problems []problem
}

// Meaning describes every problem of the answer, for example "unknown_view: there is no such view."
func (a answer) Meaning() string {
	var all []string
	for _, p := range a.Problems {
		all = append(all, "`"+p.Code+"`: "+p.When)
	}
	return strings.Join(all, " ")
}
