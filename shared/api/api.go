// Package api is the table of the HTTP API's routes: the method and path of each, the scope that it requires, and the
// function that answers. It says which route a request asks for, which methods a path has, and which web pages may call
// the API (cors.go).
//
// The handlers, the authorizer, the front of `anabranch dev` and `anabranch smoke` read the table. shared/api/openapi
// describes it, and a test in infra/ compares template.yaml with it. It knows no handler.
package api

import (
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/access"
)

// Key names a route by its method and path pattern, as API Gateway and http.ServeMux both write it: "GET
// /v1/views/{view}".
type Key string

// The routes.
const (
	SendEvents Key = "POST /v1/events"

	ListViews Key = "GET /v1/views"
	GetView   Key = "GET /v1/views/{view}"
	QueryView Key = "GET /v1/views/{view}/query"
	ListKeys  Key = "GET /v1/views/{view}/keys"

	ListStatus  Key = "GET /v1/admin/views"
	GetStatus   Key = "GET /v1/admin/views/{view}"
	DiffView    Key = "GET /v1/admin/views/{view}/diff"
	OperateView Key = "POST /v1/admin/views/{view}/{operation}"

	// Prometheus's HTTP API. Its clients choose between GET and POST.
	PromAsk         Key = "GET /prometheus/api/v1/{endpoint}"
	PromPost        Key = "POST /prometheus/api/v1/{endpoint}"
	PromLabelValues Key = "GET /prometheus/api/v1/label/{label}/values"
	PromStatus      Key = "GET /prometheus/api/v1/status/{endpoint}"

	CallTools   Key = "POST /mcp"
	ListenTools Key = "GET /mcp" // refused: the tools have nothing to tell unasked

	Health  Key = "GET /health"
	OpenAPI Key = "GET /openapi.json"

	Page     Key = "GET /"            // the page that shows views in a browser
	PageFile Key = "GET /page/{file}" // a script, style sheet or picture of the page
)

// BatchIsLate is how the warning of an answer begins whose horizon is older than the settings explain.
const BatchIsLate = "batch is late"

// Method returns the HTTP method, for example "GET".
func (k Key) Method() string {
	method, _, _ := strings.Cut(string(k), " ")
	return method
}

// Pattern returns the path with its parameters in braces, for example "/v1/views/{view}".
func (k Key) Pattern() string {
	_, pattern, _ := strings.Cut(string(k), " ")
	return pattern
}

// Parameters returns the names of the path's parameters, in order, for example "view", "operation".
func (k Key) Parameters() []string {
	var names []string
	for segment := range strings.SplitSeq(k.Pattern(), "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	return names
}

// Function is a Lambda function that answers requests, named as its folder below functions/.
type Function string

// The functions behind the API.
const (
	Ingest     Function = "ingest"
	Query      Function = "query"
	Admin      Function = "admin"
	Prometheus Function = "prometheus"
	MCP        Function = "mcp"
)

// Route is one row of the table.
type Route struct {
	Key      Key
	Scope    access.Scope // scope that a key needs; access.Anyone: no key
	Function Function     // function that answers
}

// IsOpen reports whether the route needs no key.
func (r Route) IsOpen() bool { return r.Scope == access.Anyone }

// Routes returns all routes, in the order in which messages and documents list them.
func Routes() []Route {
	return []Route{
		{SendEvents, access.Write, Ingest},
		{ListViews, access.Read, Query},
		{GetView, access.Read, Query},
		{QueryView, access.Read, Query},
		{ListKeys, access.Read, Query},
		{ListStatus, access.Admin, Admin},
		{GetStatus, access.Admin, Admin},
		{DiffView, access.Admin, Admin},
		{OperateView, access.Admin, Admin},
		{PromAsk, access.Read, Prometheus},
		{PromPost, access.Read, Prometheus},
		{PromLabelValues, access.Read, Prometheus},
		{PromStatus, access.Read, Prometheus},
		{CallTools, access.Read, MCP},
		{ListenTools, access.Read, MCP},
		{Health, access.Anyone, Query},
		{OpenAPI, access.Anyone, Query},
		{Page, access.Anyone, Query},
		{PageFile, access.Anyone, Query},
	}
}

// Find returns the route with the key, and whether there is one.
func Find(key Key) (Route, bool) {
	all := Routes()
	if i := slices.IndexFunc(all, func(r Route) bool { return r.Key == key }); i >= 0 {
		return all[i], true
	}
	return Route{}, false
}

// Of returns the routes that the functions answer.
func Of(functions ...Function) []Route {
	return slices.DeleteFunc(Routes(), func(r Route) bool { return !slices.Contains(functions, r.Function) })
}

// NoRoute returns the message for a request that matches no route. It lists the routes that exist.
func NoRoute(routes []Route) string {
	keys := make([]string, len(routes))
	for i, r := range routes {
		keys[i] = string(r.Key)
	}
	return "no such route; the routes are " + strings.Join(keys, ", ")
}
