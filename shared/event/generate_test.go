package event_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
)

// jsonText draws a JSON value with white space, escapes and names that repeat from value to value, nested at most depth
// deep.
func jsonText(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		switch kind := rapid.IntRange(0, 6).Draw(t, "kind"); {
		case kind == 0 && depth > 0:
			return object(t, rapid.SliceOfNDistinct(nameText, 0, 4, rapid.ID[string]).Draw(t, "names"), depth)
		case kind == 1 && depth > 0:
			elements := rapid.SliceOfN(jsonText(depth-1), 0, 3).Draw(t, "elements")
			return "[" + space(t) + strings.Join(elements, space(t)+","+space(t)) + space(t) + "]"
		case kind <= 3:
			return stringText.Draw(t, "string")
		case kind == 4:
			return numberText.Draw(t, "number")
		}
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "literal")
	})
}

var (
	nameText   = rapid.SampledFrom([]string{`"a"`, `"b"`, `"path"`, `"id"`, `"a much longer name"`, `"time"`, `"stamp"`, `""`, `"é"`, `"{\"}"`, `"\\"`, `"p\u0061th2"`})
	numberText = rapid.StringMatching(`-?(0|[1-9][0-9]{0,4})(\.[0-9]{1,4})?([eE][+-]?[0-2]?[0-9])?`)
	stringText = rapid.Custom(func(t *rapid.T) string {
		return `"` + strings.Join(rapid.SliceOfN(rapid.SampledFrom(
			[]string{"a", "plain text of some length", " ", "é", "😀", `\"`, `\\`, `\/`, `\n`, `\t`, `\u0041`, `\ud83d\ude00`, "{", "}", "[", "]", ",", ":", `,\"stamp\":\"`}), 0, 6).Draw(t, "pieces"), "") + `"`
	})
)

func space(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", "", " ", "\t", "  \r"}).Draw(t, "space")
}

func object(t *rapid.T, names []string, depth int) string {
	members := make([]string, len(names))
	for i, name := range names {
		members[i] = name + space(t) + ":" + space(t) + jsonText(depth-1).Draw(t, "value")
	}
	return objectOf(t, members)
}

func objectOf(t *rapid.T, members []string) string {
	return "{" + space(t) + strings.Join(members, space(t)+","+space(t)) + space(t) + "}"
}

// goodEvent draws an event that is within tight limits, with its members in any order.
var goodEvent = rapid.Custom(func(t *rapid.T) string {
	members := []string{
		`"specversion":"1.0"`,
		`"id":` + rapid.SampledFrom([]string{`"a"`, `"b\/c"`, `"\u0061b"`, `"é"`}).Draw(t, "id"),
		`"source":` + rapid.SampledFrom([]string{`"/s"`, `"\/s"`, `"s"`}).Draw(t, "source"),
		`"type":"t"`,
	}
	for _, optional := range []string{`"time":"2015-05-17T10:05:03.5Z"`, `"time":"1969-12-31T23:59:59.9999\u002b00:00"`, `"time":null`, `"subject":"x"`, `"ext":-5`, `"ok":true`} {
		if rapid.IntRange(0, 3).Draw(t, "optional") == 0 && !strings.Contains(strings.Join(members, ""), optional[:5]) {
			members = append(members, optional)
		}
	}
	if rapid.Bool().Draw(t, "data") {
		members = append(members, `"data":`+jsonText(3).Draw(t, "value"))
	}
	return objectOf(t, rapid.Permutation(members).Draw(t, "order"))
})

// faults are members that make an event invalid, and some that do not.
var faults = rapid.SampledFrom([]string{`"stamp":1`, `"id":"b"`, `"id":null`, `"id":""`, `"ID":"x"`, `"specversion":"1.0"`, `"time":"no"`, `"time":0`, `"data_base64":"AA="`,
	`"data_base64":"AA=="`, `"data_base64":null`, `"data":null`, `"data":[[[[1]]]]`, `"data":{"x":{"a":1,"\u0061":2}}`, `"data":"` + "\xff" + `"`, `"data":"\ud83d"`, `"data":{"\u0000":1}`,
	`"data":{"` + "\xc2\x85" + `":1}`, `"data":1234567890123`, `"data":1e309`, `"ext":1.5`, `"ext":2147483648`, `"ext":{}`, `"e-t":1`, `"subject":""`, `"dataschema":5`, `"x":"` + "\x7f" + `"`,
	`"data_base64":"e30="`, `"data_base64":"e30=","datacontenttype":"application/json"`,
	`"data_base64":"eyJhIjoxfQ=="`, `"data_base64":"eyJhIjoxfQ==","datacontenttype":"application/json"`,
	`"data_base64":"IHsiYSIgOiBbMSwgMl19IA=="`, `"data_base64":"IHsiYSIgOiBbMSwgMl19IA==","datacontenttype":"application/json"`,
	`"data_base64":"W1sxXV0="`, `"data_base64":"W1sxXV0=","datacontenttype":"application/json"`,
	`"data_base64":"W1tbMV1dXQ=="`, `"data_base64":"W1tbMV1dXQ==","datacontenttype":"application/json"`,
	`"data_base64":"MQ=="`, `"data_base64":"MQ==","datacontenttype":"application/json"`,
	`"data_base64":"Ingi"`, `"data_base64":"Ingi","datacontenttype":"application/json"`,
	`"data_base64":"bnVsbA=="`, `"data_base64":"bnVsbA==","datacontenttype":"application/json"`,
	`"data_base64":"eyJhIjoxLCJhIjoyfQ=="`, `"data_base64":"eyJhIjoxLCJhIjoyfQ==","datacontenttype":"application/json"`,
	`"data_base64":"ew=="`, `"data_base64":"ew==","datacontenttype":"application/json"`,
	`"data_base64":"MSwy"`, `"data_base64":"MSwy","datacontenttype":"application/json"`,
	`"data_base64":"MV0sWzI="`, `"data_base64":"MV0sWzI=","datacontenttype":"application/json"`,
	`"data_base64":"eyJhIjoxfX0="`, `"data_base64":"eyJhIjoxfX0=","datacontenttype":"application/json"`,
	`"data_base64":"w78="`, `"data_base64":"w78=","datacontenttype":"application/json"`,
	`"data_base64":"/w=="`, `"data_base64":"/w==","datacontenttype":"application/json"`,
	`"data_base64":"eyJpZCI6ImIifQ=="`, `"data_base64":"eyJpZCI6ImIifQ==","datacontenttype":"application/json"`,
	`"data_base64":"Ilx1ZDgzZCI="`, `"data_base64":"Ilx1ZDgzZCI=","datacontenttype":"application/json"`,
	`"data_base64":"MTIzNDU2Nzg5MDEyMw=="`, `"data_base64":"MTIzNDU2Nzg5MDEyMw==","datacontenttype":"application/json"`,
	`"data_base64":"eyJcdTAwMDAiOjF9"`, `"data_base64":"eyJcdTAwMDAiOjF9","datacontenttype":"application/json"`,
	`"data_base64":"eyJzdGFtcCI6MX0="`, `"data_base64":"eyJzdGFtcCI6MX0=","datacontenttype":"application/json"`,
	`"data_base64":"WzAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDBd"`, `"data_base64":"WzAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDAsMCwwLDBd","datacontenttype":"application/json"`,
	`"datacontenttype":"text/plain","data_base64":"eyJhIjoxfQ=="`, `"datacontenttype":"Application/Geo+JSON ; a=b","data_base64":"eyJhIjoxfQ=="`,
	`"type":"a\u001b[31mb"`, `"subject":"a\u202eb"`,
	`"subject":"a\ufffeb"`, `"subject":"\ufdd0"`,
	`"ext":"\udbff\udfff"`, `"ext":"a\tb"`,
	`"ext":"\u0085"`, `"datacontenttype":"text/\u0007"`,
	`"dataschema":"\u009b"`,
	`"data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]`, `"data":{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1}`})

// anyEvent draws an event that may be invalid.
var anyEvent = rapid.Custom(func(t *rapid.T) string {
	text := goodEvent.Draw(t, "event")
	if rapid.Bool().Draw(t, "faulty") {
		text = strings.TrimSuffix(text, "}") + "," + faults.Draw(t, "fault") + "}"
	}
	return text
})

func TestValidateAgreesWithTheOracle(t *testing.T) {
	accepted, rejected := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		events := rapid.SliceOfN(anyEvent, 1, 6).Draw(r, "events")
		mode := rapid.SampledFrom([]event.Mode{event.Structured, event.Batched, event.Lines}).Draw(r, "mode")
		body := events[0]
		switch mode {
		case event.Batched:
			body = "[" + strings.Join(events, " ,") + "]"
		case event.Lines:
			body = strings.Join(events, "\n")
		}
		if rapid.IntRange(0, 4).Draw(r, "damage") == 0 {
			at := rapid.IntRange(0, len(body)).Draw(r, "at")
			body = body[:at] + rapid.SampledFrom([]string{"", "x", `"`, "{", "}", "]", ",", "\\", "\n", "\x00", "\xc3"}).Draw(r, "junk") + body[min(len(body), at+1):]
		}
		checkValidate(t, mode, []byte(body))
		if validated, err := event.Validate(mode, []byte(body), tight()); err == nil {
			accepted, rejected = accepted+len(validated.Accepted), rejected+len(validated.Rejected)
		}
	})
	if accepted == 0 || rejected == 0 {
		t.Errorf("%d accepted, %d rejected: the events drawn show nothing", accepted, rejected)
	}
	t.Logf("%d accepted, %d rejected", accepted, rejected)
}
