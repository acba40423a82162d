//go:build emulator

package trigger_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// handle serves the events that the bootstrap posts.
func handle(t *testing.T, f func(context.Context, []byte) ([]byte, error)) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(r.Body)
		if err != nil {
			return // the process was killed
		}
		response, err := f(r.Context(), event)
		if err != nil {
			t.Errorf("handle %s: %v", event, err)
		}
		_, _ = w.Write(response) // the process may have been killed
	}))
	t.Cleanup(server.Close)
	return server.URL
}
