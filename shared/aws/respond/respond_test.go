package respond_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/respond"
)

func headers(contentType string) map[string]string {
	return map[string]string{"content-type": contentType, "cache-control": "no-store", "vary": "accept-encoding",
		"x-content-type-options": "nosniff"}
}

func TestJSON(t *testing.T) {
	got, err := respond.To{}.JSON(http.StatusOK,
		map[string]any{"views": json.RawMessage("12345678901234567890.10"), "key": "ä\n"})
	if err != nil {
		t.Fatal(err)
	}
	want := events.APIGatewayV2HTTPResponse{
		StatusCode: 200, Headers: headers("application/json"), Body: `{"key":"ä\n","views":12345678901234567890.10}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFail(t *testing.T) {
	none := 0
	for _, test := range []struct {
		name    string
		problem respond.Problem
		want    string
	}{
		{"only the required members", respond.Problem{Status: 404, Code: "unknown_view", Detail: "There is no view x."},
			`{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/unknown_view.md","status":404,"code":"unknown_view","title":"Not Found","detail":"There is no view x."}`},
		{"another title", respond.Problem{Status: 400, Code: "bad_parameter", Title: "Bad parameter",
			Detail: "from is no time", Parameter: "from"},
			`{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/bad_parameter.md","status":400,"code":"bad_parameter","title":"Bad parameter","detail":"from is no time","parameter":"from"}`},
		{"none accepted", respond.Problem{Status: 422, Code: "rejected", Detail: "None.", Accepted: &none,
			Rejected: []string{"a"}},
			`{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/rejected.md","status":422,"code":"rejected","title":"Unprocessable Entity","detail":"None.","accepted":0,"rejected":["a"]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := respond.To{}.Fail(test.problem)
			if err != nil {
				t.Fatal(err)
			}
			want := events.APIGatewayV2HTTPResponse{StatusCode: test.problem.Status,
				Headers: headers("application/problem+json"), Body: test.want}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailOf503AsksToComeAgain(t *testing.T) {
	p := respond.Problem{Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: "Later."}
	got, err := respond.To{}.Fail(p)
	if err != nil || got.Headers["retry-after"] != "1" {
		t.Errorf("headers %v, error %v", got.Headers, err)
	}
}

func TestWhatIsNoJSONIsAnError(t *testing.T) {
	to := respond.To{}
	if got, err := to.JSON(200, json.RawMessage("{")); err == nil || got.StatusCode != 0 || got.Body != "" {
		t.Errorf("answer %+v, error %v", got, err)
	}
	if got, err := to.Fail(respond.Problem{Status: 503, Rejected: func() {}}); err == nil || got.StatusCode != 0 {
		t.Errorf("problem %+v, error %v", got, err)
	}
}

func TestBody(t *testing.T) {
	for name, test := range map[string]struct {
		request events.APIGatewayV2HTTPRequest
		want    string
	}{
		"text":               {events.APIGatewayV2HTTPRequest{Body: "{\"a\":\"ä\"}\n"}, "{\"a\":\"ä\"}\n"},
		"no body":            {events.APIGatewayV2HTTPRequest{}, ""},
		"base64":             {events.APIGatewayV2HTTPRequest{Body: "H4sA/w==", IsBase64Encoded: true}, "\x1f\x8b\x00\xff"},
		"no body, in base64": {events.APIGatewayV2HTTPRequest{IsBase64Encoded: true}, ""},
		"text like 64":       {events.APIGatewayV2HTTPRequest{Body: "H4sA/w=="}, "H4sA/w=="},
	} {
		if got, err := respond.Body(test.request); err != nil || string(got) != test.want {
			t.Errorf("%s: %q, error %v; want %q", name, got, err, test.want)
		}
	}
}

func TestBodyThatIsNotTheBase64ItIsSaidToBe(t *testing.T) {
	for _, body := range []string{"H4sA/w", "not base64!", "{}"} {
		if got, err := respond.Body(events.APIGatewayV2HTTPRequest{Body: body, IsBase64Encoded: true}); err == nil ||
			!strings.Contains(err.Error(), "base64") || len(got) > 0 {
			t.Errorf("%q: %q, error %v", body, got, err)
		}
	}
}

// TestJSONIsPrintable checks that no answer in JSON holds a character that a terminal or a page obeys. Its meaning is
// the same.
func TestJSONIsPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain":             `plain`,
		"é ß 日本 \U0001f600": "é ß 日本 \U0001f600",
		"\x1b[31m":          `\u001b[31m`,
		"\x7f":              `\u007f`,
		"a\u0080\u009bb":    `a\u0080\u009bb`,
		"\u0085":            `\u0085`,
		"\u202egnp.exe":     `\u202egnp.exe`,
		"\u2066a\u2069":     `\u2066a\u2069`,
		"\u200fa\u061c":     `\u200fa\u061c`,
		"\ufeff":            `\ufeff`,
		"\u2028\u2029":      `\u2028\u2029`,
		"\ue000":            `\ue000`,
		"\U000e0041":        `\udb40\udc41`,
		"\U0010ffff":        `\udbff\udfff`,
		`\u202e`:            `\\u202e`,
		"\ufffd":            "\ufffd",
	} {
		body, err := json.Marshal(map[string]string{"key": text})
		if err != nil {
			t.Fatal(err)
		}
		for _, contentType := range []string{"application/json", "application/problem+json"} {
			got := written(t, contentType, body)
			if got != `{"key":"`+want+`"}` {
				t.Errorf("%q is answered as %s, want %s", text, got, want)
			}
			var back map[string]string
			if err := json.Unmarshal([]byte(got), &back); err != nil || back["key"] != text {
				t.Errorf("%s means %q, %v; want %q", got, back["key"], err, text)
			}
		}
	}
	if got := written(t, "text/csv", []byte("a\u202e\r\n")); got != "a\u202e\r\n" {
		t.Errorf("CSV is answered as %q: it has no escapes", got)
	}
}
