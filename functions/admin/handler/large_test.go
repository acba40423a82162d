package handler_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestTooLarge checks that an answer which Lambda would not return is a problem that says how to ask for less, and that
// the limit which it names fits.
func TestTooLarge(t *testing.T) {
	d := newFixture(t)
	d.differ.rows, d.MaxAnswer = 1_000, 30_000
	large := d.call(t, diff, "v", "", "", "")
	_, advice, _ := strings.Cut(large.Body, "as JSON string or base64; ")
	var limit int
	if _, err := fmt.Sscanf(advice, "write limit=%d", &limit); err != nil || large.StatusCode != 422 ||
		!strings.Contains(large.Body, `"code":"too_large"`) {
		t.Fatal(large.StatusCode, large.Body, err)
	}
	if limit < 100 || limit > 900 {
		t.Errorf("the problem names limit=%d", limit)
	}
	if fits := d.call(t, diff, "v", "", fmt.Sprintf("limit=%d", limit), ""); fits.StatusCode != 200 {
		t.Errorf("limit=%d: %s", limit, fits.Body)
	}
	d.MaxAnswer = 10_500
	for route, want := range map[string]string{list: "ask for one view: GET /v1/admin/views/{view}", one: "too_large"} {
		if answer := d.call(t, route, "v", "", "", ""); answer.StatusCode != 422 || !strings.Contains(answer.Body, want) {
			t.Errorf("%s: %d %s", route, answer.StatusCode, answer.Body)
		}
	}
}
