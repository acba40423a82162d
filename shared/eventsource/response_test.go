package eventsource_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/anabranch/anabranch/shared/eventsource"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestParseResponse checks the documented rules, and those that were recorded on AWS.
func TestParseResponse(t *testing.T) {
	one := partial("495")
	for _, c := range []struct {
		name, payload string
		want          eventsource.Result
	}{
		{"no payload", ``, success},
		{"white space", " \n", success},
		{"a null response", `null`, success},
		{"an empty response", `{}`, success},
		{"an empty string", `""`, success},
		{"an empty top-level list", ` [ ] `, success},
		{"an empty list", `{"batchItemFailures":[]}`, success},
		{"a null list", `{"batchItemFailures":null}`, success},
		{"another object", `{"statusCode":200}`, success},
		{"the list's name in another case is another name", `{"BatchItemFailures":[{"itemIdentifier":"495"}]}`, success},
		{"one failure", `{"batchItemFailures":[{"itemIdentifier":"495"}]}`, one},
		{"one failure among other members", `{"x":1,"batchItemFailures":[{"itemIdentifier":"495","y":{}}]}`, one},
		{"several failures", `{"batchItemFailures":[{"itemIdentifier":"9"},{"itemIdentifier":"10"}]}`, partial("9", "10")},
		{"an empty itemIdentifier", `{"batchItemFailures":[{"itemIdentifier":""}]}`, malformed},
		{"a null itemIdentifier", `{"batchItemFailures":[{"itemIdentifier":null}]}`, malformed},
		{"a number as itemIdentifier", `{"batchItemFailures":[{"itemIdentifier":495}]}`, malformed},
		{"a bad key name", `{"batchItemFailures":[{"foo":"495"}]}`, malformed},
		{"a bad key name with null", `{"batchItemFailures":[{"foo":null}]}`, malformed},
		{"a key name in another case", `{"batchItemFailures":[{"ItemIdentifier":"495"}]}`, malformed},
		{"one good, one bad", `{"batchItemFailures":[{"itemIdentifier":"495"},{}]}`, malformed},
		{"a null element", `{"batchItemFailures":[null]}`, malformed},
		{"a string element", `{"batchItemFailures":["495"]}`, malformed},
		{"an object for the list", `{"batchItemFailures":{"itemIdentifier":"495"}}`, malformed},
		{"not JSON", `OK`, malformed},
		{"cut off", `{"batchItemFailures":[`, malformed},
		{"more than one value", `{} {}`, malformed},
		{"a string", `"OK"`, malformed},
		{"a number", `200`, malformed},
		{"a boolean", `true`, malformed},
		{"a list", `[1]`, malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := eventsource.ParseResponse([]byte(c.payload), nil)
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("ParseResponse(%s) (-want +got):\n%s", c.payload, diff)
			}
		})
	}
}

func TestParseResponseErrors(t *testing.T) {
	list := []byte(`{"batchItemFailures":[]}`)
	if got := eventsource.ParseResponse(list, errors.New("exit status 2")); !cmp.Equal(got, crash) {
		t.Errorf("an error gives %v, want a function error whatever was returned", got)
	}
	if got := eventsource.ParseResponse(list, fmt.Errorf("invoke speed: %w", eventsource.ErrThrottled)); !cmp.Equal(got,
		throttle) {
		t.Errorf("ErrThrottled gives %v, want throttled", got)
	}
}

// FuzzParseResponse checks that any payload is a success, a list of non-empty identifiers, or a bad response. Writing
// and parsing the result again changes nothing.
func FuzzParseResponse(f *testing.F) {
	for _, seed := range []string{``, `null`, `{"batchItemFailures":[{"itemIdentifier":"495"}]}`, `{"batchItemFailures":[{"foo":1}]}`, `[{}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		r := eventsource.ParseResponse(payload, nil)
		switch r.Outcome {
		case eventsource.BadResponse:
			if len(r.Failures) > 0 {
				t.Fatalf("bad response with failures %q", r.Failures)
			}
		case eventsource.Returned:
			text := `{"batchItemFailures":[`
			for i, id := range r.Failures {
				if id == "" {
					t.Fatalf("empty identifier in %q", r.Failures)
				}
				if i > 0 {
					text += ","
				}
				text += fmt.Sprintf(`{"itemIdentifier":%s}`, quote(t, string(id)))
			}
			again := eventsource.ParseResponse([]byte(text+"]}"), nil)
			if diff := cmp.Diff(r, again, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("read again (-first +second):\n%s", diff)
			}
		default:
			t.Fatalf("outcome %d", r.Outcome)
		}
	})
}
