//go:build emulator

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/localstack/sample"
)

// promQL asks the deployed API in PromQL, by GET and by POST, how many requests the sample has. Only a key that may
// read gets an answer.
func promQL(t *testing.T, w *world) {
	parameters := url.Values{
		"query": {"sum_over_time(traffic_requests[30d])"}, "time": {"2015-06-01T00:00:00Z"}, // behind the sample
	}.Encode()
	for key, want := range map[string]int{
		"": http.StatusUnauthorized, w.Keys.Write: http.StatusForbidden,
		w.Keys.Read: http.StatusOK, w.Keys.Admin: http.StatusOK,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			address, form := w.URL+"/prometheus/api/v1/query?"+parameters, ""
			if method == http.MethodPost {
				address, form = w.URL+"/prometheus/api/v1/query", parameters
			}
			r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if key != "" {
				r.Header.Set("Authorization", "Bearer "+key)
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			var answer struct {
				Data struct {
					Result []struct{ Value []any }
				}
				Error string
			}
			err = json.NewDecoder(response.Body).Decode(&answer)
			_ = response.Body.Close() // it was read
			if response.StatusCode != want || err != nil {
				t.Errorf("%s: %s %s, %v; want %d", method, response.Status, answer.Error, err, want)
			}
			if want != http.StatusOK {
				continue
			}
			if got := fmt.Sprint(answer.Data.Result); !strings.HasSuffix(got, fmt.Sprintf(" %d]}]", sample.Events)) {
				t.Errorf("%s: the sample has %s requests, want %d", method, got, sample.Events)
			}
		}
	}
}
