package event_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
)

const least = `{"specversion":"1.0","id":"a","source":"/s","type":"t"}`

// with returns the smallest valid event with more members.
func with(members string) string { return strings.TrimSuffix(least, "}") + "," + members + "}" }

func validator(t testing.TB, mode event.Mode, body string) event.Validated {
	t.Helper()
	validated, err := event.Validate(mode, []byte(body), event.DefaultLimits())
	if err != nil {
		t.Fatalf("Validate(%.200q): %v", body, err)
	}
	return validated
}

// codes summarizes a result: "ok" or the code of each event, in order.
func codes(validated event.Validated) []string {
	list := make([]string, len(validated.Accepted)+len(validated.Rejected))
	for _, a := range validated.Accepted {
		list[a.Index] = "ok"
	}
	for _, r := range validated.Rejected {
		list[r.Index] = string(r.Code)
	}
	return list
}

func TestValidateAccepts(t *testing.T) {
	for _, text := range []string{
		least,
		with(`"time":"2015-05-17T10:05:03Z"`),
		with(`"time":"2015-05-17T10:05:03\u005a"`),
		with(`"time":null,"subject":null,"datacontenttype":null,"dataschema":null,"data_base64":null`),
		with(`"subject":"s","datacontenttype":"application/json","dataschema":"https://example.com/s"`),
		with(`"data":null`),
		with(`"data":null,"data_base64":null`),
		with(`"data":{"a":[1,2.50,-0,1E+308,1e-308,5e-324,true,false,null,{},[],""]}`),
		with(`"data":[]`),
		with(`"data":"text"`),
		with(`"data_base64":""`),
		with(`"data_base64":"AA=="`),
		with(`"data_base64":"A+\/="`),
		with(`"traceparent":"x","ok":true,"no":false,"n":-2147483648,"m":2147483647,"z":-0,"nothing":null,"empty":""`),
		with(`"` + strings.Repeat("a", 64) + `":1`),
		with(`"data":{"id":1,"ID":2,"Id":3}`),
		with(`"data":{"":{"":{"":0}}}`),
		with(`"data":{"a":{"b":1},"b":{"a":1},"c":[{"a":1},{"a":2}]}`),
		with(`"data":"\b\f\n\r\t\/\"\\ \u00E9\uD83D\uDE00\u00aF"`),
		with(`"data":"\u00e9\ud83d\ude00é😀\u2028` + "\u2028\u0085\u007f" + `\u0000\n"`),
		with(`"data":1234567890123456789012345678901234567890`),
		with(`"data":1e0000000000000000000308`),
		with(`"data":` + strings.Repeat("[", 31) + strings.Repeat("]", 31)),
		strings.Replace(least, `"/s"`, `"/\u00a0\u0020~"`, 1),
		with(`"data":"\ud7ff\ue000"`),
		strings.Replace(least, `"a"`, `"`+strings.Repeat("é", 64)+`"`, 1),
		strings.Replace(least, `"1.0"`, `"\u0031.0"`, 1),
		strings.Replace(least, `"specversion"`, `"spec\u0076ersion"`, 1),
	} {
		for _, mode := range []event.Mode{event.Structured, event.Lines} {
			validated := validator(t, mode, text)
			if len(validated.Accepted) != 1 {
				t.Errorf("mode %d: %s: rejected: %+v", mode, text, validated.Rejected)
				continue
			}
			if got := string(validated.Accepted[0].JSON); got != text {
				t.Errorf("mode %d: JSON = %s; want %s", mode, got, text)
			}
		}
	}
}

func TestValidateRejects(t *testing.T) {
	wide := func(n int) string {
		members := make([]string, n)
		for i := range members {
			members[i] = fmt.Sprintf(`"k%d":0`, i)
		}
		return `"data":{` + strings.Join(members, ",") + `}`
	}
	for _, test := range []struct {
		name string
		text string
		want event.Rejection
	}{
		{"wrong specversion", strings.Replace(least, "1.0", "0.3", 1),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/specversion", Detail: `unknown CloudEvents version "0.3"; the supported version is "1.0"`}},
		{"specversion a number", strings.Replace(least, `"1.0"`, "1.0", 1),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/specversion",
				Detail: "the attribute must be a string; this is a number"}},
		{"no specversion", `{"id":"a","source":"/s","type":"t"}`,
			event.Rejection{ID: "a", Code: event.MissingAttribute, Pointer: "/specversion",
				Detail: "the event has no specversion; specversion, id, source and type are required"}},
		{"empty object", `{}`,
			event.Rejection{Code: event.MissingAttribute, Pointer: "/specversion",
				Detail: "the event has no specversion; specversion, id, source and type are required"}},
		{"id null", strings.Replace(least, `"a"`, "null", 1),
			event.Rejection{Code: event.MissingAttribute, Pointer: "/id",
				Detail: "the event has no id; specversion, id, source and type are required"}},
		{"no source", `{"specversion":"1.0","id":"a","type":"t"}`,
			event.Rejection{ID: "a", Code: event.MissingAttribute, Pointer: "/source",
				Detail: "the event has no source; specversion, id, source and type are required"}},
		{"no type", `{"specversion":"1.0","id":"a","source":"/s"}`,
			event.Rejection{ID: "a", Code: event.MissingAttribute, Pointer: "/type",
				Detail: "the event has no type; specversion, id, source and type are required"}},
		{"names in capitals", `{"specversion":"1.0","ID":"a","source":"/s","type":"t"}`,
			event.Rejection{Code: event.InvalidAttribute, Pointer: "/ID", Detail: `invalid attribute name "ID": must be 1 to 64 characters of a-z and 0-9`}},
		{"empty id", strings.Replace(least, `"a"`, `""`, 1),
			event.Rejection{Code: event.InvalidAttribute, Pointer: "/id", Detail: "the attribute must not be empty"}},
		{"id an object", strings.Replace(least, `"a"`, `{}`, 1),
			event.Rejection{Code: event.InvalidAttribute, Pointer: "/id",
				Detail: "the attribute must be a string; this is an object"}},
		{"long id", strings.Replace(least, `"a"`, `"`+strings.Repeat("x", 129)+`"`, 1),
			event.Rejection{Code: event.LimitExceeded, Pointer: "/id",
				Detail: "the attribute has 129 bytes; the maximum is 128"}},
		{"id with a control character", strings.Replace(least, `"a"`, `"a\tb"`, 1),
			event.Rejection{Code: event.InvalidAttribute, Pointer: "/id", Detail: `"a\tb" contains a control character; remove it`}},
		{"source with C1 control", strings.Replace(least, `"/s"`, "\"/\u0085\"", 1),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/source", Detail: `"/\u0085" contains a control character; remove it`}},
		{"source with the last control character", strings.Replace(least, `"/s"`, `"/\u009f"`, 1),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/source", Detail: `"/\u009f" contains a control character; remove it`}},
		{"source with DEL", strings.Replace(least, `"/s"`, "\"/\x7f\"", 1),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/source", Detail: `"/\x7f" contains a control character; remove it`}},
		{"long source", strings.Replace(least, `"/s"`, `"`+strings.Repeat("x", 2049)+`"`, 1),
			event.Rejection{ID: "a", Code: event.LimitExceeded, Pointer: "/source",
				Detail: "the attribute has 2049 bytes; the maximum is 2048"}},
		{"empty type", strings.Replace(least, `"t"`, `""`, 1),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/type", Detail: "the attribute must not be empty"}},
		{"empty subject", with(`"subject":""`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/subject",
				Detail: "the attribute must not be empty"}},
		{"dataschema an array", with(`"dataschema":[]`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/dataschema",
				Detail: "the attribute must be a string; this is an array"}},
		{"datacontenttype a boolean", with(`"datacontenttype":true`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/datacontenttype",
				Detail: "the attribute must be a string; this is a boolean"}},
		{"bad time", with(`"time":"yesterday"`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/time",
				Detail: `"yesterday" is not an RFC 3339 time in the years 0000 to 9999; an example is "2015-05-17T10:05:03Z"`}},
		{"time a day that is not", with(`"time":"2026-11-31T10:05:03Z"`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/time",
				Detail: `"2026-11-31T10:05:03Z" has day 31; 2026-11 has the days 01 to 30`}},
		{"time a number", with(`"time":1431857103`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/time",
				Detail: "the time must be a string; this is the number 1431857103, which is not an RFC 3339 time in the years " +
					`0000 to 9999; did you mean "2015-05-17T10:05:03Z"? Z is UTC`}},
		{"time a small number", with(`"time":123`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/time",
				Detail: "the time must be a string; this is the number 123, which is not an RFC 3339 time in the years 0000 to " +
					`9999; an example is "2015-05-17T10:05:03Z"`}},
		{"time an array", with(`"time":[2026,11,28]`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/time",
				Detail: "the attribute must be a string; this is an array"}},
		{"stamp", with(`"stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-17"`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/stamp",
				Detail: "the name stamp is reserved: ingest adds this member itself; leave it out"}},
		{"stamp null", with(`"st\u0061mp":null`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/stamp",
				Detail: "the name stamp is reserved: ingest adds this member itself; leave it out"}},
		{"both data", with(`"data":null,"data_base64":"AA=="`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/data_base64",
				Detail: "the event has both data and data_base64; only one is allowed"}},
		{"both data, the other way", with(`"data_base64":"","data":{}`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/data",
				Detail: "the event has both data and data_base64; only one is allowed"}},
		{"both data, the second bad", with(`"data":{},"data_base64":"?"`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/data_base64",
				Detail: "the event has both data and data_base64; only one is allowed"}},
		{"bad base64", with(`"data_base64":"AA="`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/data_base64",
				Detail: "data_base64 is not valid Base64 with padding (RFC 4648, section 4)"}},
		{"base64url", with(`"data_base64":"A-_="`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/data_base64",
				Detail: "data_base64 is not valid Base64 with padding (RFC 4648, section 4)"}},
		{"too much padding", with(`"data_base64":"A==="`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/data_base64",
				Detail: "data_base64 is not valid Base64 with padding (RFC 4648, section 4)"}},
		{"extension name", with(`"my-ext":"x"`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/my-ext",
				Detail: `invalid attribute name "my-ext": must be 1 to 64 characters of a-z and 0-9`}},
		{"empty extension name", with(`"":1`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/", Detail: `invalid attribute name "": must be 1 to 64 characters of a-z and 0-9`}},
		{"long extension name", with(`"` + strings.Repeat("e", 65) + `":1`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/" + strings.Repeat("e", 65),
				Detail: `invalid attribute name "` + strings.Repeat("e", 60) + `": must be 1 to 64 characters of a-z and 0-9`}},
		{"extension an object", with(`"ext":{"a":1}`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/ext",
				Detail: "an extension must be a string, a boolean or an integer; this is an object (put the event's payload " +
					"into data)"}},
		{"extension a fraction", with(`"ext":1.0`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/ext",
				Detail: "the number 1.0 is not valid in an extension: must be an integer from -2147483648 to 2147483647"}},
		{"extension too large", with(`"ext":2147483648`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/ext",
				Detail: "the number 2147483648 is not valid in an extension: must be an integer from -2147483648 to 2147483647"}},
		{"duplicate at the top", with(`"id":"b"`),
			event.Rejection{ID: "a", Code: event.DuplicateKey, Pointer: "/id", Detail: `the object has the member "id" twice; names must be unique`}},
		{"duplicate by escape", with(`"data":{"a":{"b":1,"\u0062":2}}`),
			event.Rejection{ID: "a", Code: event.DuplicateKey, Pointer: "/data/a/b", Detail: `the object has the member "b" twice; names must be unique`}},
		{"duplicate in an array", with(`"data":[0,{"x":[{"~/":1,"y":[],"~/":3}]}]`),
			event.Rejection{ID: "a", Code: event.DuplicateKey, Pointer: "/data/1/x/0/~0~1", Detail: `the object has the member "~/" twice; names must be unique`}},
		{"duplicate among many", with(strings.Replace(wide(500), `"k250":0`, `"k7":0`, 1)),
			event.Rejection{ID: "a", Code: event.DuplicateKey, Pointer: "/data/k7", Detail: `the object has the member "k7" twice; names must be unique`}},
		{"invalid UTF-8", with("\"data\":{\"a\":\"\xff\"}"),
			event.Rejection{ID: "a", Code: event.InvalidUTF8, Pointer: "/data/a", Detail: "the string is not valid UTF-8"}},
		{"overlong UTF-8", with("\"data\":\"\xc0\xaf\""),
			event.Rejection{ID: "a", Code: event.InvalidUTF8, Pointer: "/data", Detail: "the string is not valid UTF-8"}},
		{"surrogate in UTF-8", with("\"data\":\"\xed\xa0\x80\""),
			event.Rejection{ID: "a", Code: event.InvalidUTF8, Pointer: "/data", Detail: "the string is not valid UTF-8"}},
		{"invalid UTF-8 in a name", with("\"data\":{\"b\":0,\"a\xff\":0}"),
			event.Rejection{ID: "a", Code: event.InvalidUTF8, Pointer: "/data",
				Detail: "a member's name: the string is not valid UTF-8"}},
		{"high surrogate alone", with(`"data":["\ud83d"]`),
			event.Rejection{ID: "a", Code: event.InvalidUTF8, Pointer: "/data/0",
				Detail: `the string has a \u escape for half of a surrogate pair; both halves are needed`}},
		{"low surrogate alone", with(`"data":"\ude00\ud83d"`),
			event.Rejection{ID: "a", Code: event.InvalidUTF8, Pointer: "/data",
				Detail: `the string has a \u escape for half of a surrogate pair; both halves are needed`}},
		{"high surrogate, then another escape", with(`"data":"\ud83d\n"`),
			event.Rejection{ID: "a", Code: event.InvalidUTF8, Pointer: "/data",
				Detail: `the string has a \u escape for half of a surrogate pair; both halves are needed`}},
		{"the first surrogate", with(`"data":"\ud800"`),
			event.Rejection{ID: "a", Code: event.InvalidUTF8, Pointer: "/data",
				Detail: `the string has a \u escape for half of a surrogate pair; both halves are needed`}},
		{"the last surrogate", with(`"data":"\udfff"`),
			event.Rejection{ID: "a", Code: event.InvalidUTF8, Pointer: "/data",
				Detail: `the string has a \u escape for half of a surrogate pair; both halves are needed`}},
		{"surrogate alone in a name", with(`"data":{"\ud83dx":0}`),
			event.Rejection{ID: "a", Code: event.InvalidUTF8, Pointer: "/data",
				Detail: `a member's name: the string has a \u escape for half of a surrogate pair; both halves are needed`}},
		{"NUL in a name", with(`"data":{"a\u0000":0}`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/data", Detail: `the member name "a\x00" contains a control character; remove it`}},
		{"line feed in a name", with(`"data":{"a\n":0}`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/data", Detail: `the member name "a\n" contains a control character; remove it`}},
		{"DEL in a name", with("\"data\":{\"a\x7f\":0}"),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/data", Detail: `the member name "a\x7f" contains a control character; remove it`}},
		{"too deep", with(`"data":` + strings.Repeat("[", 32) + strings.Repeat("]", 32)),
			event.Rejection{ID: "a", Code: event.LimitExceeded, Pointer: "/data" + strings.Repeat("/0", 31),
				Detail: "objects and arrays are nested too deeply; the maximum is 32"}},
		{"far too deep", with(`"data":` + strings.Repeat(`[{"a":`, 20_000) + "0" + strings.Repeat(`}]`, 20_000)),
			event.Rejection{ID: "a", Code: event.LimitExceeded, Pointer: "/data" + strings.Repeat("/0/a", 15) + "/0",
				Detail: "objects and arrays are nested too deeply; the maximum is 32"}},
		{"long number", with(`"data":{"n":12345678901234567890123456789012345678901}`),
			event.Rejection{ID: "a", Code: event.LimitExceeded, Pointer: "/data/n",
				Detail: "the number 12345678901234567890123456789012345678901 exceeds a limit: the maximum is 40 characters, " +
					"with exponents from -324 to 308"}},
		{"large exponent", with(`"data":1e309`),
			event.Rejection{ID: "a", Code: event.LimitExceeded, Pointer: "/data",
				Detail: "the number 1e309 exceeds a limit: the maximum is 40 characters, with exponents from -324 to 308"}},
		{"small exponent", with(`"data":0E-0000099999999999999999`),
			event.Rejection{ID: "a", Code: event.LimitExceeded, Pointer: "/data",
				Detail: "the number 0E-0000099999999999999999 exceeds a limit: the maximum is 40 characters, with exponents " +
					"from -324 to 308"}},
		{"too many members", with(wide(996)),
			event.Rejection{ID: "a", Code: event.LimitExceeded, Pointer: "/data",
				Detail: "the event has too many members at all levels together; the maximum is 1000"}},
		{"too many tokens", with(`"data":[` + strings.Repeat("0,", 10_000) + `0]`),
			event.Rejection{ID: "a", Code: event.LimitExceeded, Pointer: "/data/9989",
				Detail: "the event has too many JSON tokens; the maximum is 10000"}},
		{"too large", with(`"data":"` + strings.Repeat("x", 256<<10) + `"`),
			event.Rejection{ID: "a", Code: event.TooLarge, Detail: fmt.Sprintf("the event has %d bytes; the maximum is 262144", 256<<10+len(with(`"data":""`)))}},
		{"fault beyond the size", with(`"data":"` + strings.Repeat("x", 256<<10) + `","stamp":0`),
			event.Rejection{ID: "a", Code: event.TooLarge,
				Detail: fmt.Sprintf("the event has %d bytes; the maximum is 262144", 256<<10+len(with(`"data":"","stamp":0`)))}},
		{"fault before the size", with(`"stamp":0,"data":"` + strings.Repeat("x", 256<<10) + `"`),
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/stamp",
				Detail: "the name stamp is reserved: ingest adds this member itself; leave it out"}},
		{"the first of many faults", `{"stamp":0,"id":"a","id":"b","data":"` + "\xff" + `","specversion":2}`,
			event.Rejection{ID: "a", Code: event.InvalidAttribute, Pointer: "/stamp",
				Detail: "the name stamp is reserved: ingest adds this member itself; leave it out"}},
		{"id after the fault, escaped", `{"stamp":{"id":"no"},"id":"\u0061/"}`,
			event.Rejection{ID: "a/", Code: event.InvalidAttribute, Pointer: "/stamp",
				Detail: "the name stamp is reserved: ingest adds this member itself; leave it out"}},
		{"id after the fault, too long to show", `{"stamp":0,"id":"` + strings.Repeat("x", 129) + `"}`,
			event.Rejection{Code: event.InvalidAttribute, Pointer: "/stamp",
				Detail: "the name stamp is reserved: ingest adds this member itself; leave it out"}},
		{"pointer with long names", with(`"data":{"` + strings.Repeat("n", 300) + `":{"` + strings.Repeat("m", 300) + `":{"a":1,"a":2}}}`),
			event.Rejection{ID: "a", Code: event.DuplicateKey, Pointer: "/data/" + strings.Repeat("n", 300),
				Detail: `the object has the member "a" twice; names must be unique`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for mode, body := range map[event.Mode]string{
				event.Structured: " " + test.text + "\n",
				event.Batched:    "[" + test.text + "]",
				event.Lines:      test.text + "\r\n\r\n",
			} {
				validated := validator(t, mode, body)
				if len(validated.Accepted) != 0 || len(validated.Rejected) != 1 {
					t.Fatalf("mode %d: %v; want one rejection", mode, codes(validated))
				}
				if diff := cmp.Diff(test.want, validated.Rejected[0]); diff != "" {
					t.Errorf("mode %d (-want +got):\n%s", mode, diff)
				}
				if string(validated.Originals[0]) != test.text {
					t.Errorf("mode %d: original = %.200q; want %.200q", mode, validated.Originals[0], test.text)
				}
			}
		})
	}
}

// syntax lists broken JSON, with the error for each.
var syntax = []struct{ text, detail string }{
	{`{`, `byte 1 of the line: need a member's name in double quotes, got the end`},
	{`{"a"`, `byte 4 of the line: need ':' after a member's name, got the end`},
	{`{"a":`, `byte 5 of the line: need a value, got the end`},
	{`{"a":1`, `byte 6 of the line: need ',' or '}' after the value of a member, got the end`},
	{`{"a":[1`, `byte 7 of the line: need ',' or ']' after an element, got the end`},
	{`{"a":[`, `byte 6 of the line: need a value, got the end`},
	{`{"a":1,}`, `byte 7 of the line: need a member's name in double quotes, got '}'`},
	{`{"a":[1,]}`, `byte 8 of the line: need a value, got ']'`},
	{`{,}`, `byte 1 of the line: need a member's name in double quotes, got ','`},
	{`{"a":[,]}`, `byte 6 of the line: need a value, got ','`},
	{`{a:1}`, `byte 1 of the line: need a member's name in double quotes, got 'a'`},
	{`{'a':1}`, `byte 1 of the line: need a member's name in double quotes, got '\''`},
	{`{"a" 1}`, `byte 5 of the line: need ':' after a member's name, got '1'`},
	{`{"a":1 "b":2}`, `byte 7 of the line: need ',' or '}' after the value of a member, got '"'`},
	{`{"a":[1 2]}`, `byte 8 of the line: need ',' or ']' after an element, got '2'`},
	{`{"a":[1}`, `byte 7 of the line: need ',' or ']' after an element, got '}'`},
	{`{"a":1]`, `byte 6 of the line: need ',' or '}' after the value of a member, got ']'`},
	{`{"a":tru}`, `byte 5 of the line: need a value, got 't'`},
	{`{"a":nul`, `byte 5 of the line: need a value, got 'n'`},
	{`{"a":NaN}`, `byte 5 of the line: need a value, got 'N'`},
	{`{"a":+1}`, `byte 5 of the line: need a value, got '+'`},
	{`{"a":.5}`, `byte 5 of the line: need a value, got '.'`},
	{`{"a":-}`, `byte 6 of the line: need a digit of a number, got '}'`},
	{`{"a":1.}`, `byte 7 of the line: need a digit of a number, got '}'`},
	{`{"a":1e}`, `byte 7 of the line: need a digit of a number, got '}'`},
	{`{"a":1e+}`, `byte 8 of the line: need a digit of a number, got '}'`},
	{`{"a":01}`, `byte 6 of the line: need ',' or '}' after the value of a member, got '1'`},
	{`{"a":0x1}`, `byte 6 of the line: need ',' or '}' after the value of a member, got 'x'`},
	{`{"a":"\x"}`, `byte 6 of the line: need an escape: one of \" \\ \/ \b \f \n \r \t, or \u and 4 hexadecimal digits, got '\\'`},
	{`{"a":"\u12g4"}`, `byte 6 of the line: need an escape: one of \" \\ \/ \b \f \n \r \t, or \u and 4 hexadecimal digits, got '\\'`},
	{`{"a":"\`, `byte 6 of the line: need an escape: one of \" \\ \/ \b \f \n \r \t, or \u and 4 hexadecimal digits, got '\\'`},
	{"{\"a\":\"\t\"}", `byte 6 of the line: need an escape such as \n or \u0000 in place of a control character, got '\t'`},
	{"{\"a\x00\":1}", `byte 3 of the line: need an escape such as \n or \u0000 in place of a control character, got '\x00'`},
	{`{"a`, `byte 3 of the line: need '"' at the end of a string, got the end`},
	{`{"a":"long enough to be read by words`, `byte 37 of the line: need '"' at the end of a string, got the end`},
	{least + `x`, `byte 55 of the line: need nothing after the event, got 'x'`},
	{least + `,`, `byte 55 of the line: need nothing after the event, got ','`},
	{least + ` {}`, `byte 56 of the line: need nothing after the event, got '{'`},
	{"\ufeff" + least, `byte 0 of the line: need a value, got a byte order mark`},
	{"\xff\xfe", `byte 0 of the line: need a value, got the byte 0xff, which is not UTF-8`},
	{`// comment`, `byte 0 of the line: need a value, got '/'`},
	{"\v{}", `byte 0 of the line: need a value, got '\v'`},
}

func TestValidateLineMalformed(t *testing.T) {
	for _, test := range syntax {
		t.Run(test.text, func(t *testing.T) {
			validated := validator(t, event.Lines, least+"\n"+test.text+"\n"+least)
			if diff := cmp.Diff([]string{"ok", "malformed_json", "ok"}, codes(validated)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			want := event.Rejection{Index: 1, ID: validated.Rejected[0].ID, Code: event.MalformedJSON, Detail: test.detail}
			if diff := cmp.Diff(want, validated.Rejected[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if string(validated.Originals[0]) != test.text {
				t.Errorf("original = %q; want %q", validated.Originals[0], test.text)
			}
		})
	}
}

func TestValidateBodyMalformed(t *testing.T) {
	for _, test := range syntax {
		for mode, body := range map[event.Mode]string{
			event.Structured: "\n" + test.text,
			event.Batched:    "[" + least + ",\n" + test.text + "\n]",
		} {
			validated, err := event.Validate(mode, []byte(body), event.DefaultLimits())
			if !errors.Is(err, event.ErrMalformed) || !strings.Contains(err.Error(), "(line ") {
				t.Errorf("mode %d: %q: error %v; want ErrMalformed with a line", mode, test.text, err)
			}
			if diff := cmp.Diff(event.Validated{}, validated); diff != "" {
				t.Errorf("mode %d: %q: something was validated", mode, test.text)
			}
		}
	}
}

func TestValidateErrMalformed(t *testing.T) {
	for _, test := range []struct {
		mode event.Mode
		body string
		want string
	}{
		{event.Structured, "", "malformed body: byte 0 (line 1): need '{': the body is one event, got the end"},
		{event.Structured, " \n", "malformed body: byte 2 (line 2): need '{': the body is one event, got the end"},
		{event.Structured, "[]", "malformed body: byte 0 (line 1): need '{': the body is one event (an array is " +
			"application/cloudevents-batch+json), got '['"},
		{event.Structured, `"x"`, `malformed body: byte 0 (line 1): need '{': the body is one event, got '"'`},
		{event.Structured, "\ufeff" + least,
			"malformed body: byte 0 (line 1): need '{': the body is one event, got a byte order mark"},
		{event.Structured, least + "\n" + least, "malformed body: byte 56 (line 2): need nothing after the event, got '{'"},
		{event.Batched, "", "malformed body: byte 0 (line 1): need '[': the body is an array of events, got the end"},
		{event.Batched, least, "malformed body: byte 0 (line 1): need '[': the body is an array of events (one event is " +
			"application/cloudevents+json), got '{'"},
		{event.Batched, "\ufeff[]", "malformed body: byte 0 (line 1): need '[': the body is an array of events, got a " +
			"byte order mark"},
		{event.Batched, "[", "malformed body: byte 1 (line 1): need a value, got the end"},
		{event.Batched, "[]]", "malformed body: byte 2 (line 1): need nothing after the array of events, got ']'"},
		{event.Batched, "[{}\n,]", "malformed body: byte 5 (line 2): need a value, got ']'"},
		{event.Batched, "[{} {}]", "malformed body: byte 4 (line 1): need ',' or ']' after an event, got '{'"},
		{event.Batched, "[{}", "malformed body: byte 3 (line 1): need ',' or ']' after an event, got the end"},
		{event.Batched, "[{\"a\"\n:}]", "malformed body: byte 7 (line 2): need a value, got '}'"},
		{event.Mode(3), "", "malformed body: unknown mode 3"},
	} {
		_, err := event.Validate(test.mode, []byte(test.body), event.DefaultLimits())
		if !errors.Is(err, event.ErrMalformed) || err.Error() != test.want {
			t.Errorf("mode %d: %q: error %v; want %s", test.mode, test.body, err, test.want)
		}
	}
}

func TestValidateBatchKeepsTheGood(t *testing.T) {
	bad := with(`"stamp":1`)
	body := "[ 1 ,\n" + least + ",null," + bad + `,[{"id":"x"},"y"],"id",` + "\t" + least + "]\n"
	validated := validator(t, event.Batched, body)
	want := []string{"malformed_json", "ok", "malformed_json", "invalid_attribute", "malformed_json", "malformed_json",
		"ok"}
	if diff := cmp.Diff(want, codes(validated)); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	var originals []string
	for _, o := range validated.Originals {
		originals = append(originals, string(o))
	}
	if diff := cmp.Diff([]string{"1", "null", bad, `[{"id":"x"},"y"]`, `"id"`}, originals); diff != "" {
		t.Errorf("originals (-want +got):\n%s", diff)
	}
	wantRejection := event.Rejection{Index: 4, Code: event.MalformedJSON,
		Detail: "an event must be a JSON object; this is an array"}
	if diff := cmp.Diff(wantRejection, validated.Rejected[3]); diff != "" {
		t.Errorf("rejection (-want +got):\n%s", diff)
	}
}

func TestValidateEmpty(t *testing.T) {
	for _, test := range []struct {
		mode event.Mode
		body string
	}{{event.Batched, "[]"}, {event.Batched, " [ \n] "}, {event.Lines, ""}, {event.Lines, "\n\r\n \t\n"}} {
		validated := validator(t, test.mode, test.body)
		if len(codes(validated)) != 0 {
			t.Errorf("mode %d: %q: %v; want no events", test.mode, test.body, codes(validated))
		}
	}
}

func TestValidateLines(t *testing.T) {
	validated := validator(t, event.Lines, "\n"+least+"\r\n  \n\t"+least+" \r\n{\r\n"+least)
	if len(validated.Originals) != 1 || string(validated.Originals[0]) != "{" {
		t.Errorf("originals %q; want {", validated.Originals)
	}
	if diff := cmp.Diff([]string{"ok", "ok", "malformed_json", "ok"}, codes(validated)); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	for _, a := range validated.Accepted {
		if string(a.JSON) != least || string(a.Source) != "/s" || string(a.ID) != "a" {
			t.Errorf("event %d: %s, source %q, id %q", a.Index, a.JSON, a.Source, a.ID)
		}
	}
}

func TestValidateErrTooManyEvents(t *testing.T) {
	if _, err := event.Validate(event.Structured, []byte(least), event.Limits{}); !errors.Is(err, event.ErrTooManyEvents) {
		t.Errorf("one event where none may be: error %v", err)
	}
	limits := event.DefaultLimits()
	limits.Events = 3
	for mode, separator := range map[event.Mode]string{event.Batched: ",", event.Lines: "\n"} {
		for _, one := range []string{least, "{}", "1"} {
			for _, n := range []int{3, 4} {
				body := strings.TrimSuffix(strings.Repeat(one+separator, n), separator)
				if mode == event.Batched {
					body = "[" + body + "]"
				}
				_, err := event.Validate(mode, []byte(body), limits)
				if got := errors.Is(err, event.ErrTooManyEvents); got != (n > 3) {
					t.Errorf("mode %d: %d events like %s: error %v", mode, n, one, err)
				}
			}
		}
	}
}

func TestValidateCompacts(t *testing.T) {
	spaced := "{ \"specversion\" : \"1.0\" ,\r\n\t\"id\":\"a b\", \"source\":\"\\/s\",\"type\":\"t\",\"data\" : [ 1.00 " +
		", { } , [ ] , { \"a b\" : 1E+2 } , \" x \\u0020 \" ] }"
	want := `{"specversion":"1.0","id":"a b","source":"\/s","type":"t","data":[1.00,{},[],{"a b":1E+2}," x \u0020 "]}`
	rejected := with(` "data" : [ 1 ] , "data" : 2`)
	validated := validator(t, event.Batched, "["+spaced+","+least+","+rejected+","+spaced+"\n]")
	if diff := cmp.Diff([]string{"ok", "ok", "duplicate_key", "ok"}, codes(validated)); diff != "" {
		t.Fatalf("codes (-want +got):\n%s", diff)
	}
	for i, want := range []string{want, least, want} {
		if got := string(validated.Accepted[i].JSON); got != want {
			t.Errorf("event %d: JSON = %s; want %s", i, got, want)
		}
	}
	if got := string(validated.Accepted[2].Source); got != "/s" {
		t.Errorf("source = %q; want /s", got)
	}
	if string(validated.Originals[0]) != rejected {
		t.Errorf("original = %s; want %s", validated.Originals[0], rejected)
	}
}

// TestValidateResultsStandAlone checks that appending to one result does not change the others.
func TestValidateResultsStandAlone(t *testing.T) {
	body := least + "\n" + `{"specversion":"1.0", "id":"\u0061", "source":"\u0062","type":"t"}` + "\n{}\n" + least
	validated := validator(t, event.Lines, body)
	for i := range validated.Accepted {
		a := &validated.Accepted[i]
		_, _, _ = append(a.JSON, 'X'), append(a.Source, 'X'), append(a.ID, 'X')
	}
	_ = append(validated.Originals[0], 'X')
	again := validator(t, event.Lines, body)
	if diff := cmp.Diff(again, validated); diff != "" {
		t.Errorf("changed by an append (-want +got):\n%s", diff)
	}
}

// TestValidateLimitsAtTheirEdges checks each limit at its value, and one above.
func TestValidateLimitsAtTheirEdges(t *testing.T) {
	base := with(`"data":{"n":[12345,{"x":1}]}`)
	limits := event.Limits{EventBytes: len(base), Events: 1, Depth: 4, NumberBytes: 5, Members: 7, Tokens: 21, IDBytes: 1,
		SourceBytes: 2}
	if validated, err := event.Validate(event.Structured, []byte(base), limits); err != nil ||
		len(validated.Accepted) != 1 {
		t.Fatalf("at the limits: %+v, %v", validated.Rejected, err)
	}
	for _, lower := range []struct {
		name  string
		limit func(*event.Limits)
		code  event.Code
		at    string
	}{
		{"EventBytes", func(l *event.Limits) { l.EventBytes-- }, event.TooLarge, ""},
		{"Depth", func(l *event.Limits) { l.Depth-- }, event.LimitExceeded, "/data/n/1"},
		{"NumberBytes", func(l *event.Limits) { l.NumberBytes-- }, event.LimitExceeded, "/data/n/0"},
		{"Members", func(l *event.Limits) { l.Members-- }, event.LimitExceeded, "/data/n/1"},
		{"Tokens", func(l *event.Limits) { l.Tokens-- }, event.LimitExceeded, ""},
		{"IDBytes", func(l *event.Limits) { l.IDBytes-- }, event.LimitExceeded, "/id"},
		{"SourceBytes", func(l *event.Limits) { l.SourceBytes-- }, event.LimitExceeded, "/source"},
	} {
		low := limits
		lower.limit(&low)
		validated, err := event.Validate(event.Structured, []byte(base), low)
		if err != nil || len(validated.Rejected) != 1 || validated.Rejected[0].Code != lower.code ||
			validated.Rejected[0].Pointer != lower.at {
			t.Errorf("%s one lower: %+v, %v; want %s at %q", lower.name, validated.Rejected, err, lower.code, lower.at)
		}
	}
	faulty := with(`"stamp":0,"data":"and more"`)
	at := strings.Index(faulty, "0,")
	for size, code := range map[int]event.Code{at: event.TooLarge, at + 1: event.InvalidAttribute,
		len(faulty): event.InvalidAttribute} {
		low := limits
		low.EventBytes = size
		if validated, err := event.Validate(event.Structured, []byte(faulty), low); err != nil ||
			len(validated.Rejected) != 1 || validated.Rejected[0].Code != code {
			t.Errorf("a fault at byte %d, %d bytes allowed: %+v, %v; want %s", at, size, validated.Rejected, err, code)
		}
	}
	for tokens := range limits.Tokens {
		low := limits
		low.Tokens = tokens
		if validated, err := event.Validate(event.Structured, []byte(base), low); err != nil || len(validated.Rejected) != 1 {
			t.Errorf("%d tokens: %+v, %v", tokens, validated.Rejected, err)
		}
	}
	if validated, err := event.Validate(event.Lines, []byte(base), event.Limits{Events: 1}); err != nil ||
		len(validated.Rejected) != 1 {
		t.Errorf("no limits set: %+v, %v; want a rejection", validated, err)
	}
}

// TestValidateShapes validates events whose members come in changing orders, and more of them than the scanner
// remembers from event to event.
func TestValidateShapes(t *testing.T) {
	var body, want strings.Builder
	for i := range 300 {
		members := []string{`"specversion":"1.0"`, fmt.Sprintf(`"id":"%d"`, i), `"source":"/s"`, `"type":"t"`,
			fmt.Sprintf(`"data":{"a%d":{"b":1},"b":{"a%d":{"b":2}},"a":[{"b":1},{"b":2}]}`, i%90, i%7), fmt.Sprintf(`"ext%d":1`, i%70)}
		for j := range members {
			k := (j*(i%5+1) + i) % len(members)
			members[j], members[k] = members[k], members[j]
		}
		text := "{" + strings.Join(members, ",") + "}\n"
		want.WriteString(text)
		body.WriteString(strings.ReplaceAll(text, `":`, []string{`":`, `": `, `" :`}[i%3]))
	}
	validated := validator(t, event.Lines, body.String())
	if len(validated.Rejected) > 0 {
		t.Fatalf("rejected: %+v\n%s", validated.Rejected[0], validated.Originals[0])
	}
	var got strings.Builder
	for i, a := range validated.Accepted {
		got.Write(a.JSON)
		got.WriteByte('\n')
		if string(a.ID) != fmt.Sprint(i) {
			t.Errorf("event %d has id %q", i, a.ID)
		}
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestValidateLongNames checks that names which differ only in the middle are different, whatever the events before
// had.
func TestValidateLongNames(t *testing.T) {
	const a, b = `"a-long-name-A-of-a-member":1`, `"a-long-name-B-of-a-member":1`
	var body strings.Builder
	var want []string
	for _, names := range []string{a, a, b, a + "," + b, a + "," + a, a + "," + b, b + "," + a, b + "," + b, a + "," + b} {
		body.WriteString(with(`"data":{`+names+`}`) + "\n")
		want = append(want, "ok")
		if names == a+","+a || names == b+","+b {
			want[len(want)-1] = "duplicate_key"
		}
	}
	if diff := cmp.Diff(want, codes(validator(t, event.Lines, body.String()))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestValidateEscapedNames checks that an escaped name equals its plain form, whatever the events before had.
func TestValidateEscapedNames(t *testing.T) {
	var body strings.Builder
	for _, members := range []string{`"\u0061":1`, `"\u0061":1`, `"\u0061":1,"a":2`, `"a":1`, `"a":1,"\u0061":2`, `"a":1,"\u0062":2`, `"\u0062":1,"b":2`} {
		body.WriteString(with(members) + "\n" + with(`"data":{`+members+`}`) + "\n")
	}
	want := []string{"ok", "ok", "ok", "ok", "duplicate_key", "duplicate_key", "ok", "ok", "duplicate_key",
		"duplicate_key", "ok", "ok", "duplicate_key", "duplicate_key"}
	validated := validator(t, event.Lines, body.String())
	if diff := cmp.Diff(want, codes(validated)); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	for i, pointer := range []string{"/a", "/data/a", "/a", "/data/a", "/b", "/data/b"} {
		if got := validated.Rejected[i].Pointer; got != pointer {
			t.Errorf("rejection %d: pointer %s; want %s", i, got, pointer)
		}
	}
}

// TestValidateManyNames checks that a duplicate is found at any place among many names, at two levels at once.
func TestValidateManyNames(t *testing.T) {
	const n = 40
	names := func(prefix string, twice, of int, inner string) string {
		var b strings.Builder
		for i := range n {
			name := fmt.Sprintf("%s%d", prefix, (i*17)%n)
			if i == twice {
				name = fmt.Sprintf("%s%d", prefix, (of*17)%n)
			}
			value := "0"
			if i == n/2 && inner != "" {
				value = inner
			}
			fmt.Fprintf(&b, `,"%s":%s`, name, value)
		}
		return "{" + b.String()[1:] + "}"
	}
	for twice := 1; twice < n; twice++ {
		for _, of := range []int{0, twice / 2, twice - 1} {
			outer := with(`"data":` + names("k", twice, of, names("k", -1, 0, "")))
			inner := with(`"data":` + names("k", -1, 0, names("longer-name-", twice, of, "")))
			for _, text := range []string{outer, inner} {
				validated := validator(t, event.Structured, text)
				if len(validated.Rejected) != 1 || validated.Rejected[0].Code != event.DuplicateKey {
					t.Fatalf("name %d as %d: %v; want duplicate_key", twice, of, codes(validated))
				}
			}
		}
	}
	fine := with(`"data":` + names("k", -1, 0, names("k", -1, 0, "")))
	if validated := validator(t, event.Structured, fine); len(validated.Accepted) != 1 {
		t.Errorf("names that differ: %+v", validated.Rejected)
	}
}

func TestRejectionsAreFitToShow(t *testing.T) {
	junk := "\x00\xff\u202e\"\\" + strings.Repeat("\u00e9", 300)
	for _, text := range []string{
		with(`"` + "\xff" + strings.Repeat("x", 3000) + `":1`), with(`"time":"` + strings.Repeat("é", 3000) + `"`), with(`"` + strings.Repeat("é", 3000) + `":1`),
		with(`"data":{"` + strings.Repeat("/", 400) + `":1e999}`), strings.Replace(least, "1.0", strings.Repeat("é", 999), 1), with(`"data":` + strings.Repeat("9", 9999)),
		strings.Replace(least, "/s", strings.Repeat("é", 999)+`\n`, 1), junk, "{" + junk, `{"` + junk,
	} {
		validated := validator(t, event.Lines, text)
		if len(validated.Rejected) != 1 {
			t.Fatalf("%.40q: accepted", text)
		}
		checkRejection(t, validated.Rejected[0])
	}
}

func checkRejection(t testing.TB, r event.Rejection) {
	t.Helper()
	if r.Detail == "" || len(r.Detail) > 400 || !utf8.ValidString(r.Detail) {
		t.Errorf("detail has %d bytes, or is not UTF-8: %q", len(r.Detail), r.Detail)
	}
	if len(r.Pointer) > 512 || !utf8.ValidString(r.Pointer) || r.Pointer != "" && r.Pointer[0] != '/' {
		t.Errorf("pointer %q", r.Pointer)
	}
	if len(r.ID) > event.DefaultLimits().IDBytes || !utf8.ValidString(r.ID) {
		t.Errorf("id %q", r.ID)
	}
	switch r.Code {
	case event.MalformedJSON, event.InvalidUTF8, event.DuplicateKey, event.LimitExceeded, event.TooLarge,
		event.MissingAttribute, event.InvalidAttribute:
	default:
		t.Errorf("code %q", r.Code)
	}
}
