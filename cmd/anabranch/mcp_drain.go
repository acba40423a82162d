package main

import (
	"context"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// draining is a transport that answers every request that it has read before it reports the end of the input. The SDK
// alone cancels the requests that it has not answered by then, so requests from a pipe would lose their answers.
type draining struct{ mcp.Transport }

// Connect implements mcp.Transport.
func (d draining) Connect(ctx context.Context) (mcp.Connection, error) {
	c, err := d.Transport.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &drainingConnection{Connection: c, open: map[jsonrpc.ID]bool{}, idle: make(chan struct{}, 1),
		closed: make(chan struct{})}, nil
}

// drainingConnection is a connection of draining. It does not tell the SDK's connection which version of the protocol
// the two sides use, so that connection accepts batches of any version.
type drainingConnection struct {
	mcp.Connection

	mu   sync.Mutex
	open map[jsonrpc.ID]bool // requests without an answer

	idle   chan struct{} // gets a value when open is empty
	close  sync.Once
	closed chan struct{} // closed by Close, which the SDK calls, too, once an answer cannot be written
}

// listen is the method of a request that has no answer while the connection is open.
const listen = "subscriptions/listen"

// Read implements mcp.Connection. It returns an error once all requests before have their answers.
func (c *drainingConnection) Read(ctx context.Context) (jsonrpc.Message, error) {
	message, err := c.Connection.Read(ctx)
	if err != nil {
		c.drain(ctx)
		return nil, err
	}
	if r, ok := message.(*jsonrpc.Request); ok && r.IsCall() && r.Method != listen {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open[r.ID] = true
	}
	return message, nil
}

// drain waits until every request has its answer, or the connection is closed.
func (c *drainingConnection) drain(ctx context.Context) {
	for !c.isDrained() {
		select {
		case <-c.idle:
		case <-c.closed:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (c *drainingConnection) isDrained() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) == 0
}

// Write implements mcp.Connection.
func (c *drainingConnection) Write(ctx context.Context, message jsonrpc.Message) error {
	err := c.Connection.Write(ctx, message)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := message.(*jsonrpc.Response); ok {
		delete(c.open, r.ID)
	}
	if len(c.open) == 0 {
		select {
		case c.idle <- struct{}{}:
		default: // drain has yet to see the last value
		}
	}
	return err
}

// Close implements mcp.Connection.
func (c *drainingConnection) Close() error {
	c.close.Do(func() { close(c.closed) })
	return c.Connection.Close()
}
