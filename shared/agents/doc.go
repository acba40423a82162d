// Package agents offers the HTTP API to assistants, as tools of the Model Context Protocol.
//
// Each tool asks the API through an http.RoundTripper: `anabranch mcp` hands in one that sends requests to a server,
// and the mcp function one that calls the handler of the query function in its own process. So scopes, bounds and the
// words of errors are those of the API. A tool asks only routes that a read key opens.
//
// Every answer says up to when it is exact, and an answer without rows says why it has none. An answer has at most
// MaxAnswer bytes; what does not fit is behind a cursor.
//
// Source: Model Context Protocol, server/tools; docs/mcp.md.
package agents
