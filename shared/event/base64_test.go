package event_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
)

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// TestJSONInBase64 checks that JSON in data_base64 is archived as data, wherever its member stands, so that every path
// of a view finds it. Anything else stays as it was sent.
func TestJSONInBase64(t *testing.T) {
	const object = `{"host":"a","n":1.50}`
	for _, c := range []struct{ name, members, want string }{
		{"declared", `"datacontenttype":"application/json","data_base64":"` + encoded(object) + `"`,
			`"datacontenttype":"application/json","data":` + object},
		{"declared after it", `"data_base64":"` + encoded(object) + `","datacontenttype":"application/json"`,
			`"data":` + object + `,"datacontenttype":"application/json"`},
		{"in the middle", `"x":1,"data_base64":"` + encoded(object) + `","y":2`, `"x":1,"data":` + object + `,"y":2`},
		{"without a content type", `"data_base64":"` + encoded(object) + `"`, `"data":` + object},
		{"content type null", `"datacontenttype":null,"data_base64":"` + encoded(object) + `"`,
			`"datacontenttype":null,"data":` + object},
		{"with parameters", `"datacontenttype":"application/json; charset=UTF-8","data_base64":"` + encoded(object) + `"`,
			`"datacontenttype":"application/json; charset=UTF-8","data":` + object},
		{"another case", `"datacontenttype":"Application/JSON","data_base64":"` + encoded(object) + `"`,
			`"datacontenttype":"Application/JSON","data":` + object},
		{"a kind of JSON", `"datacontenttype":"application/geo+json","data_base64":"` + encoded(object) + `"`,
			`"datacontenttype":"application/geo+json","data":` + object},
		{"text/json", `"datacontenttype":"text/json","data_base64":"` + encoded(object) + `"`,
			`"datacontenttype":"text/json","data":` + object},
		{"white space goes, digits stay", `"data_base64":"` + encoded(" {\n\t\"a\" : 1.500 } ") + `"`, `"data":{"a":1.500}`},
		{"an escaped name", `"data\u005fbase64":"` + encoded(object) + `"`, `"data":` + object},
		{"an escaped text", `"data_base64":"` + strings.ReplaceAll(encoded(`"~~~"`), "+", `\u002b`) + `"`, `"data":"~~~"`},
		{"a name that looks like it before it", `"x":"data_base64","data_base64":"` + encoded("1") + `"`,
			`"x":"data_base64","data":1`},
		{"null", `"data_base64":"` + encoded("null") + `"`, `"data":null`},
		{"a string", `"data_base64":"` + encoded(`"a"`) + `"`, `"data":"a"`},
		{"an array", `"data_base64":"` + encoded(`[1,2]`) + `"`, `"data":[1,2]`},
		{"members that are attributes elsewhere", `"data_base64":"` + encoded(`{"id":1,"stamp":2}`) + `"`,
			`"data":{"id":1,"stamp":2}`},

		{"declared as text", `"datacontenttype":"text/plain","data_base64":"` + encoded(object) + `"`, ""},
		{"declared as bytes", `"datacontenttype":"application/octet-stream","data_base64":"` + encoded(object) + `"`, ""},
		{"a content type that only begins so", `"datacontenttype":"application/json-seq","data_base64":"` +
			encoded(object) + `"`, ""},
		{"a content type without a slash", `"datacontenttype":"json","data_base64":"` + encoded(object) + `"`, ""},
		{"bytes", `"data_base64":"` + encoded("\xff\x00") + `"`, ""},
		{"two values", `"data_base64":"` + encoded(`1,2`) + `"`, ""},
		{"a value and more", `"data_base64":"` + encoded(`1,"id":"x"`) + `"`, ""},
		{"too deep, not declared", `"data_base64":"` + encoded(strings.Repeat("[", 40)+strings.Repeat("]", 40)) + `"`, ""},
		{"nothing", `"datacontenttype":"application/json","data_base64":""`, ""},
		{"absent", `"datacontenttype":"application/json","data_base64":null`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := with(c.members)
			if c.want != "" {
				want = with(c.want)
			}
			for _, body := range []string{with(c.members), strings.ReplaceAll(with(c.members), `,"`, ` , "`)} {
				validated := validator(t, event.Lines, body)
				if len(validated.Accepted) != 1 {
					t.Fatalf("rejected: %+v", validated.Rejected)
				}
				if diff := cmp.Diff(want, string(validated.Accepted[0].JSON)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestPromisedJSON checks that data which datacontenttype calls JSON, and which is not, is rejected with the place of
// the fault.
func TestPromisedJSON(t *testing.T) {
	for _, c := range []struct {
		name, text string
		code       event.Code
		detail     string
	}{
		{"text", "hello", event.MalformedJSON, "byte 0: need a value, got 'h'"},
		{"cut short", `{"a":`, event.MalformedJSON, "byte 5: need a value, got the end"},
		{"white space", "  ", event.MalformedJSON, "byte 2: need a value, got the end"},
		{"two values", "1 2", event.MalformedJSON, "byte 2: need nothing after the JSON value, got '2'"},
		{"a way out of the member", `1,"id":"x"`, event.MalformedJSON, "byte 1: need nothing after the JSON value, got ','"},
		{"bytes", "\xff", event.MalformedJSON, "byte 0: need a value, got the byte 0xff, which is not UTF-8"},
		{"not UTF-8", "\"\xff\"", event.InvalidUTF8, "the string is not valid UTF-8"},
		{"a member twice", `{"a":{"b":1,"b":2}}`, event.DuplicateKey, "/a/b: the object has the member \"b\" twice"},
		{"too deep", strings.Repeat("[", 32) + strings.Repeat("]", 32), event.LimitExceeded, "nested too deeply"},
		{"a number too long", strings.Repeat("1", 300), event.LimitExceeded, "exceeds a limit"},
		{"too many tokens", "[" + strings.Repeat("0,", 10_000) + "0]", event.LimitExceeded, "the maximum is 10000"},
		{"a control character in a name", `{"\u0000":1}`, event.InvalidAttribute, "control character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := with(`"data_base64":"` + encoded(c.text) + `","datacontenttype":"application/json"`)
			validated := validator(t, event.Structured, body)
			if len(validated.Rejected) != 1 {
				t.Fatalf("accepted: %s", validated.Accepted[0].JSON)
			}
			r := validated.Rejected[0]
			const begin = "datacontenttype says that data_base64 holds JSON, but decoded it is not valid: "
			if r.Code != c.code || r.Pointer != "/data_base64" || !strings.HasPrefix(r.Detail, begin) ||
				!strings.Contains(r.Detail, c.detail) || r.ID != "a" {
				t.Errorf("%+v; want %s, %q", r, c.code, c.detail)
			}
		})
	}
	whole := strings.Repeat("[", 31) + strings.Repeat("]", 31)
	body := with(`"datacontenttype":"application/json","data_base64":"` + encoded(whole) + `"`)
	if validated := validator(t, event.Structured, body); len(validated.Accepted) != 1 {
		t.Errorf("as deep as data may be: %+v", validated.Rejected)
	}
}

// TestForbiddenCharacters checks that no attribute holds a character that CloudEvents forbids, raw or escaped. A
// terminal that prints such a character obeys it.
func TestForbiddenCharacters(t *testing.T) {
	for _, attribute := range []string{"id", "source", "type", "subject", "datacontenttype", "dataschema", "ext"} {
		for text, ok := range map[string]bool{
			`a\u001b[31mb`: false, `\u0000`: false, `\t`: false, `a\n`: false, `\u007f`: false, "\x7f": false,
			`\u0080`: false, "\u0085": false, `\u009B`: false, "\u009f": false,
			`\ufdd0`: false, `\uFFFE`: false, "\uffff": false, `\ud83f\udffe`: false, "\U0010ffff": false,
			`\u00a0`: true, "é": true, `\u202e`: true, `\ufdcf`: true, `\ufdf0`: true, `\ufffd`: true, "\U0001f600": true,
		} {
			body := `{"specversion":"1.0"`
			for _, name := range []string{"id", "source", "type", "subject", "datacontenttype", "dataschema", "ext"} {
				value := "x"
				if name == attribute {
					value = text
				}
				body += `,"` + name + `":"` + value + `"`
			}
			body += "}"
			validated := validator(t, event.Structured, body)
			if ok != (len(validated.Accepted) == 1) {
				t.Errorf("%s: %+v", body, validated.Rejected)
			}
			if !ok && (validated.Rejected[0].Code != event.InvalidAttribute || validated.Rejected[0].Pointer != "/"+attribute) {
				t.Errorf("%s: %+v", body, validated.Rejected[0])
			}
		}
	}
	// the input as it was met
	validated := validator(t, event.Structured, `{"specversion":"1.0","id":"c1","source":"s","type":"a\u001b[31mb"}`)
	want := event.Rejection{ID: "c1", Code: event.InvalidAttribute, Pointer: "/type",
		Detail: `"a\x1b[31mb" contains a control character; remove it`}
	if diff := cmp.Diff([]event.Rejection{want}, validated.Rejected); diff != "" {
		t.Error(diff)
	}
}
