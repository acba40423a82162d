package handler_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/ingest"
	"github.com/anabranch/anabranch/shared/setting"
)

// TestLimitsAreDocumented checks that docs/http.md has a row for each limit, with its value.
func TestLimitsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	limits, in := event.DefaultLimits(), ingest.New(ingest.Stores{}, setting.Default(), setting.Host{})
	want := map[string]int{
		"body as sent, in bytes":                       6 << 20, // AWS's, and the front's of anabranch dev
		"body decoded, in bytes":                       in.MaxBody,
		"events in a body":                             limits.Events,
		"one event, in bytes":                          limits.EventBytes,
		"members of all objects of one event together": limits.Members,
		"JSON tokens of one event: names, values, opening and closing brackets": limits.Tokens,
		"objects and arrays within one another, the event included":             limits.Depth,
		"characters of one number":                                              limits.NumberBytes,
		"a number's exponent, up or down":                                       largest(t, 1000, `"data":1e%[1]d`),
		"`id`, in bytes":                                                        limits.IDBytes,
		"`source`, in bytes":                                                    limits.SourceBytes,
		"name of an extension, in characters of a-z and 0-9":                    largest(t, 1000, `"%[2]s":1`),
	}
	got := map[string]int{}
	for _, row := range regexp.MustCompile(`(?m)^\| (.*) \| ([0-9,]+) \|$`).FindAllStringSubmatch(string(text), -1) {
		var n int
		if _, err := fmt.Sscan(strings.ReplaceAll(row[2], ",", ""), &n); err != nil {
			t.Fatal(err)
		}
		got[row[1]] = n
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("limits (-code +docs/http.md):\n%s", diff)
	}
}

// largest returns the largest number up to most with which a member is accepted: %[1]d is the number, %[2]s as many
// letters.
func largest(t *testing.T, most int, member string) int {
	t.Helper()
	for n := most; n > 0; n-- {
		text := fmt.Sprintf(`{"specversion":"1.0","id":"a","source":"s","type":"t",`+member+`}`, n, strings.Repeat("a", n))
		validated, err := event.Validate(event.Structured, []byte(text), event.DefaultLimits())
		if err == nil && len(validated.Accepted) == 1 {
			return n
		}
	}
	t.Fatalf("no number is accepted in %s", member)
	return 0
}

// TestAnswersFit checks that Lambda returns the answer to a request of rejected events alone, with texts that become as
// long in an answer as any: characters that are escapes there, in an id and in the pointer to a member.
func TestAnswersFit(t *testing.T) {
	f := newFixture(t)
	hidden, limits := strings.Repeat("\x7f", 1_000), event.DefaultLimits()
	quotes := strings.Repeat(`\"`, limits.IDBytes)
	for name, one := range map[string]string{
		"member name": `{"specversion":"1.0","id":"` + quotes + `","source":"s","type":"t","data":{"` + hidden +
			`":{"a":1,"a":1}}}`,
		"id":        `{"specversion":"1.0","id":"` + hidden + `","source":"s","type":"t"}`,
		"extension": `{"specversion":"1.0","id":"` + quotes + `","source":"s","type":"t","` + hidden + `":1}`,
	} {
		r := f.call(t, request(linesType, "", []byte(strings.Repeat(one+"\n", limits.Events))))
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(r.Body, `"index"`); n != limits.Events || len(text) > setting.Default().MaxAnswer {
			t.Errorf("%s: %d rejections take %d bytes: %.600s", name, n, len(text), r.Body)
		}
	}
}
