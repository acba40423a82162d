package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/shared/agents"
)

// MCPCmd is "anabranch mcp".
type MCPCmd struct {
	Server
}

// Help returns the text below the flags of --help.
func (*MCPCmd) Help() string {
	return `Offers the views of a server to an assistant: an MCP server on standard input and output. An assistant starts
this command by itself. For example, in the configuration of an assistant:

    {"mcpServers": {"anabranch": {"command": "anabranch", "args": ["mcp", "--url", "https://..."],
      "env": {"ANABRANCH_KEY": "<read key>"}}}}

The tools only read, and need a read key. A server also offers them itself, at /mcp. docs/mcp.md describes them.`
}

// Run serves until the assistant closes standard input, and answers the requests before that.
func (c *MCPCmd) Run(ctx context.Context, w *world) error {
	asker := w.client(c.Server, queryRetry, 4)
	server := agents.NewServer(agents.Settings{API: asker, Now: w.now, Log: c.log(w)})
	err := server.Run(ctx, draining{&mcp.IOTransport{Reader: io.NopCloser(w.stdin), Writer: keepOpen{w.stdout}}})
	if errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// log returns a function that writes to standard error, which assistants keep as the log of the server.
func (*MCPCmd) log(w *world) func(string) {
	return func(what string) { fmt.Fprintf(w.stderr, "anabranch: %s\n", table.Printable(what)) }
}

// keepOpen is a writer that others use too.
type keepOpen struct{ io.Writer }

// Close implements io.Closer.
func (keepOpen) Close() error { return nil }
