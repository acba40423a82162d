package openapi

import (
	"net/http"

	"github.com/anabranch/anabranch/shared/api"
)

// operation describes a route.
type operation struct {
	ID, Summary, Description string

	Query    []string // names of the query parameters in components.yaml
	Body     string   // name of the request body in components.yaml; "": none
	Gives    string   // description of the 200 answer
	Schema   string   // name of the 200 answer's shape in components.yaml
	CSV      string   // description of the 200 answer as CSV; "": JSON only
	Line     string   // name of the shape of a line of the 200 answer as ndjson; "" where there is no CSV
	Tagged   bool     // the 200 answer has an ETag, and 304 says that it has not changed
	Problems []problem
}

// problem is one way in which a route fails.
type problem struct {
	Status int
	Code   string
	When   string // a sentence
}

// Problems that several routes share.
var (
	unknownGeneration = problem{http.StatusNotFound, "unknown_generation", "The view has no such generation."}

	internal = problem{http.StatusInternalServerError, "internal", "The request failed inside the service."}
	tooLarge = problem{http.StatusUnprocessableEntity, "too_large",
		"Lambda would not return the answer, since it exceeds 6 MB. The detail says how to ask for less."}
	unknownView = problem{http.StatusNotFound, "unknown_view",
		"There is no such view. If it was deployed just now, it is not ready yet."}
	badParameter = problem{http.StatusBadRequest, "bad_parameter",
		"A parameter is missing, unknown, given twice or malformed."}
	cursorGone = problem{http.StatusGone, "cursor_gone",
		"The cursor belongs to a generation that is gone. Begin again without a cursor."}
	notServing = problem{http.StatusServiceUnavailable, "not_serving",
		"The view is not ready yet: it is announced, or batch or replay is building it. The detail says what it waits for."}
)

// operations describes what each route takes and answers.
func operations() map[api.Key]operation {
	return map[api.Key]operation{
		api.Health: {
			ID: "health", Summary: "Ask whether the API answers",
			Description: "Needs no key. Says that requests reach the functions, and nothing of what is stored.",
			Gives:       "The API answers.", Schema: "Healthy",
		},
		api.OpenAPI: {
			ID: "openapi", Summary: "Get this document", Description: "Needs no key.", Tagged: true,
			Gives: "This document, OpenAPI 3.1.", Schema: "OpenAPI",
		},
		api.SendEvents: {
			ID: "sendEvents", Summary: "Send events",
			Description: "The answer comes once the accepted events are durable. " +
				"If no answer comes, sending the same events again is always safe.",
			Body: "events", Gives: "The result for the events. Some may be rejected.", Schema: "Receipt",
			Problems: []problem{
				{
					http.StatusBadRequest, "malformed_request",
					"The body does not match its content type or encoding. None of its events is stored.",
				},
				{
					http.StatusRequestEntityTooLarge, "request_too_large",
					"The body has more than 1,000 events or 4 MB. None of its events is stored.",
				},
				{
					http.StatusUnsupportedMediaType, "unsupported_media_type",
					"The content type or encoding is not supported.",
				},
				{http.StatusUnprocessableEntity, "no_event_accepted", "Every event was rejected."},
				{
					http.StatusServiceUnavailable, "unavailable",
					"The events may or may not be durable. Send them again.",
				},
			},
		},
		api.ListViews: {
			ID: "listViews", Summary: "List all views",
			Description: "Describes every view. A view that cannot be read hides no other one: its entry has an error.",
			Gives:       "The views.", Schema: "Views",
			Problems: []problem{tooLarge, internal},
		},
		api.GetView: {
			ID: "getView", Summary: "Describe a view", Description: "Describes one view.", Gives: "The view.", Schema: "View",
			Problems: []problem{unknownView, tooLarge, internal},
		},
		api.QueryView: {
			ID: "queryView", Summary: "Query a view",
			Description: "Answers for one key, where each key field has one value: one row per window that has data. " +
				"Otherwise it answers for all keys with these values: rows for each of them, or for each group of group_by. " +
				"Each row says whether it is exact.",
			Query: []string{"keyFilter", "from", "to", "step", "tz", "fill", "total", "parts", "values", "format",
				"group_by", "groupOrder", "groupLimit", "cursor"},
			Gives: "The rows of the key, or of the groups.", Schema: "Answer",
			CSV: "RFC 4180: a header, then a record per row. Each column is named by its path in the JSON, as in values.views " +
				"and values.latency.p99.",
			Line: "Line", Tagged: true,
			Problems: []problem{
				badParameter, unknownView, tooLarge, internal,
				{
					http.StatusUnprocessableEntity, "too_many_windows",
					"The answer would have too many rows. Narrow from and to, or ask for longer steps.",
				},
				{
					http.StatusUnprocessableEntity, "too_many_keys",
					"The answer needs more keys, or more items, than the server reads for it. The detail says what would do.",
				},
				cursorGone, notServing,
			},
		},
		api.ListKeys: {
			ID: "listKeys", Summary: "List the keys of a view",
			Description: "Lists keys a page at a time, in the order of their fields. Whatever a query could find under a key " +
				"is listed; what is listed may have no rows. Follow next, with the same parameters, for all keys. A page may " +
				"have fewer keys than limit, or none, although there are more.",
			Query: []string{"keyFilter", "prefix", "order", "keyLimit", "cursor"},
			Gives: "A page of the keys.", Schema: "Keys",
			Problems: []problem{
				badParameter, unknownView, internal, cursorGone, notServing,
			},
		},
		api.ListStatus: {
			ID: "listStatus", Summary: "Show the status of all views",
			Description: "Shows the generations and the last audit of every view.",
			Gives:       "The status of all views.", Schema: "Statuses", Problems: []problem{tooLarge, internal},
		},
		api.GetStatus: {
			ID: "getStatus", Summary: "Show the status of a view",
			Description: "Shows the generations and the last audit of one view.",
			Gives:       "The status of the view.", Schema: "Status", Problems: []problem{unknownView, tooLarge, internal},
		},
		api.DiffView: {
			ID: "diffView", Summary: "Compare a generation with the one that serves",
			Description: "Compares some keys per call, window by window. Follow next to compare all keys.",
			Query:       []string{"generation", "limit", "cursor"}, Gives: "A page of the comparison.", Schema: "Diff",
			Problems: []problem{
				badParameter, unknownView, unknownGeneration, tooLarge, internal,
				{http.StatusConflict, "refused", "There are no two generations to compare."},
			},
		},
		api.OperateView: {
			ID: "operateView", Summary: "Operate a view",
			Description: "Does one operation as one conditional write. It refuses an operation that would lose or double an " +
				"event. " +
				"Repeating an operation that names its generation changes nothing.",
			Body: "generation", Gives: "The view's status after the operation.", Schema: "Status",
			Problems: []problem{
				badParameter, unknownView, unknownGeneration,
				{http.StatusBadRequest, "malformed_request", "The body is neither empty nor a JSON object."},
				{
					http.StatusUnsupportedMediaType, "unsupported_media_type",
					"The content type is not application/json. An operation needs it also without a body.",
				},
				{http.StatusNotFound, "unknown_operation", "There is no such operation."},
				{http.StatusConflict, "refused", "The operation is not allowed now; the detail says why."},
				{http.StatusConflict, "conflict", "The view kept changing, and nothing was done. Try again."},
				{http.StatusRequestEntityTooLarge, "request_too_large", "The body is too large for an operation."},
				{
					http.StatusInternalServerError, "internal",
					"The operation may or may not have been applied. Check the view's status.",
				},
			},
		},
	}
}
