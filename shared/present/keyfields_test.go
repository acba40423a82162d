package present_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/present"
)

// TestKeyFieldsOfBothRequests checks that a query and a request for keys read the fields of a key alike.
func TestKeyFieldsOfBothRequests(t *testing.T) {
	for query, want := range map[string]string{
		"user=a&user=b&user=a": `map["user":["a" "b"]]`,
		"key.limit=3&limit=7":  `map["limit":["3"]]`,
		"user=a&key.user=b":    `user and key.user are the same key field; write one of them`,
		"order=-key&order=key": "order appears 2 times; write it once",
		"user=%ff":             `user="\xff" is not UTF-8; in a URL, write é as %C3%A9`,
	} {
		parameters, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		answer := func(fields map[string][]string, err error) string {
			if err != nil {
				return err.Error()
			}
			return fmt.Sprintf("%q", fields)
		}
		q, err := present.Parse("v", parameters, "", time.Time{})
		if got := answer(q.Selection.Key, err); got != want {
			t.Errorf("a query with %s: %s, want %s", query, got, want)
		}
		k, err := present.ParseKeys("v", parameters)
		if got := answer(k.Filter.Fields, err); got != want {
			t.Errorf("a request for keys with %s: %s, want %s", query, got, want)
		}
	}
}
