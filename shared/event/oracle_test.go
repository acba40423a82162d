package event_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
)

// This file validates events a second time, slowly and with another JSON library, and compares Validate with that.

// tight are limits that short bodies can reach.
func tight() event.Limits {
	return event.Limits{EventBytes: 400, Events: 6, Depth: 4, NumberBytes: 12, Members: 14, Tokens: 60, IDBytes: 12,
		SourceBytes: 12}
}

// lenient makes jsontext accept faults that Validate rejects, as long as the text is JSON.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// split returns the texts of the events of a body; ok is false if Validate must return ErrMalformed.
func split(mode event.Mode, body []byte) (events [][]byte, ok bool) {
	if mode == event.Lines {
		for line := range bytes.SplitSeq(body, []byte("\n")) {
			if line = bytes.Trim(line, " \t\r\n"); len(line) > 0 {
				events = append(events, line)
			}
		}
		return events, true
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(body), lenient...)
	switch kind := decoder.PeekKind(); {
	case mode == event.Structured && kind == '{':
		events = append(events, readValue(decoder))
		ok = events[0] != nil
	case mode == event.Batched && kind == '[':
		if _, err := decoder.ReadToken(); err != nil {
			return nil, false
		}
		for ok = true; ok && decoder.PeekKind() != ']'; {
			one := readValue(decoder)
			events, ok = append(events, one), one != nil
		}
		_, err := decoder.ReadToken()
		ok = ok && err == nil
	}
	_, err := decoder.ReadToken()
	return events, ok && errors.Is(err, io.EOF)
}

func readValue(decoder *jsontext.Decoder) []byte {
	value, err := decoder.ReadValue()
	if err != nil {
		return nil
	}
	return bytes.Clone(value)
}

// fit reports whether an event must be accepted.
func fit(text []byte, limits event.Limits) bool {
	if len(text) > limits.EventBytes || !jsontext.Value(text).IsValid() || text[0] != '{' {
		return false
	}
	if !withinLimits(text, limits) || !fitAttributes(text, limits) {
		return false
	}
	_, ok := translated(text, limits)
	return ok
}

// translated is a valid event with JSON in data_base64 as data, or false where datacontenttype promises JSON and there
// is none.
func translated(text []byte, limits event.Limits) (jsontext.Value, bool) {
	var members map[string]json.RawMessage
	var encoded, contentType string
	if json.Unmarshal(text, &members) != nil || json.Unmarshal(orNull(members["data_base64"]), &encoded) != nil ||
		json.Unmarshal(orNull(members["datacontenttype"]), &contentType) != nil {
		return text, false
	}
	subtype := strings.ToLower(contentType[strings.Index(contentType, "/")+1:])
	subtype = strings.TrimRight(strings.Split(subtype+";", ";")[0], " \t")
	if encoded == "" || contentType != "" && (!strings.Contains(strings.Split(contentType, ";")[0], "/") ||
		subtype != "json" && !strings.HasSuffix(subtype, "+json")) {
		return bytes.Clone(text), true
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !jsontext.Value(data).IsValid() {
		return bytes.Clone(text), contentType == ""
	}
	var out bytes.Buffer
	decoder := jsontext.NewDecoder(bytes.NewReader(text))
	_, _ = decoder.ReadToken()
	for separator := "{"; decoder.PeekKind() == '"'; separator = "," {
		name, value := readValue(decoder), readValue(decoder)
		var plain string
		if json.Unmarshal(name, &plain) == nil && plain == "data_base64" {
			name, value = []byte(`"data"`), data
		}
		out.WriteString(separator + string(name) + ":" + string(value))
	}
	out.WriteString("}")
	// The name, the colon and the text of data_base64 count like data's; the data adds its own tokens.
	limits.Tokens++
	if !withinLimits(out.Bytes(), limits) {
		return bytes.Clone(text), contentType == ""
	}
	return out.Bytes(), true
}

func orNull(value json.RawMessage) []byte {
	if value == nil {
		return []byte("null")
	}
	return value
}

func withinLimits(text []byte, limits event.Limits) bool {
	decoder := jsontext.NewDecoder(bytes.NewReader(text))
	members, tokens := 0, 0
	for {
		token, err := decoder.ReadToken()
		if err != nil {
			return errors.Is(err, io.EOF) && members <= limits.Members && tokens <= limits.Tokens
		}
		tokens++
		kind, length := decoder.StackIndex(decoder.StackDepth())
		switch {
		case decoder.StackDepth() > limits.Depth:
			return false
		case kind == '{' && length%2 == 1 && token.Kind() == '"':
			members++
			if strings.ContainsFunc(token.String(), controls) {
				return false
			}
		case token.Kind() == '0' && !fitNumber(token.String(), limits):
			return false
		}
	}
}

// isForbidden says whether CloudEvents forbids a character of an attribute.
func isForbidden(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return controls(r) || r >= 0xfdd0 && r <= 0xfdef || r%0x10000 >= 0xfffe
	})
}

func controls(r rune) bool { return r < 0x20 || r >= 0x7f && r <= 0x9f }

func fitNumber(text string, limits event.Limits) bool {
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if exponent == "" {
		exponent = "0"
	}
	n, err := strconv.Atoi(exponent)
	return err == nil && n >= -324 && n <= 308 && len(text) <= limits.NumberBytes
}

func fitAttributes(text []byte, limits event.Limits) bool {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return false
	}
	for name, value := range members {
		if name != "data" && !fitAttribute(name, value, limits) {
			return false
		}
	}
	_, hasData := members["data"]
	encoded, hasEncoded := members["data_base64"]
	if hasData && hasEncoded && string(encoded) != "null" {
		return false
	}
	for _, name := range []string{"specversion", "id", "source", "type"} {
		if value, ok := members[name]; !ok || string(value) == "null" {
			return false
		}
	}
	return true
}

func fitAttribute(name string, value json.RawMessage, limits event.Limits) bool {
	var text string
	isString := value[0] == '"' && json.Unmarshal(value, &text) == nil
	isNull := string(value) == "null"
	switch name {
	case "specversion":
		return isNull || text == "1.0"
	case "id":
		return isNull || isString && text != "" && len(text) <= limits.IDBytes && !isForbidden(text)
	case "source":
		return isNull || isString && text != "" && len(text) <= limits.SourceBytes && !isForbidden(text)
	case "type", "subject", "datacontenttype", "dataschema":
		return isNull || isString && text != "" && !isForbidden(text)
	case "time":
		_, ok := event.ParseTime([]byte(text))
		return isNull || ok
	case "data_base64":
		_, err := base64.StdEncoding.DecodeString(text)
		return isNull || isString && err == nil && !strings.ContainsAny(text, "\r\n")
	case "stamp":
		return false
	}
	if isString && isForbidden(text) {
		return false
	}
	integer, err := strconv.ParseInt(string(value), 10, 64)
	isInt32 := err == nil && integer == int64(int32(integer))
	isName := name != "" && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
	return isName && (isNull || isString || isInt32 || string(value) == "true" || string(value) == "false")
}

func checkValidate(t *testing.T, mode event.Mode, body []byte) {
	t.Helper()
	limits := tight()
	validated, err := event.Validate(mode, bytes.Clone(body), limits)
	events, ok := split(mode, body)
	switch {
	case errors.Is(err, event.ErrTooManyEvents):
		if ok && len(events) <= limits.Events {
			t.Fatalf("mode %d: %q: %v; there are %d", mode, body, err, len(events))
		}
		return
	case err != nil || !ok:
		if ok || !errors.Is(err, event.ErrMalformed) {
			t.Fatalf("mode %d: %q: error %v; the oracle can split it: %t", mode, body, err, ok)
		}
		return
	case len(events) > limits.Events:
		t.Fatalf("mode %d: %q: %d events and no error", mode, body, len(events))
	}
	checkValidated(t, validated, events, limits)
}

func checkValidated(t *testing.T, validated event.Validated, events [][]byte, limits event.Limits) {
	t.Helper()
	accepted, rejected := validated.Accepted, validated.Rejected
	for i, text := range events {
		switch {
		case len(accepted) > 0 && accepted[0].Index == i:
			if !fit(text, limits) {
				t.Fatalf("event %d: %q was accepted", i, text)
			}
			checkAccepted(t, accepted[0], text)
			accepted = accepted[1:]
		case len(rejected) > 0 && rejected[0].Index == i:
			if fit(text, limits) {
				t.Fatalf("event %d: %q was rejected: %+v", i, text, rejected[0])
			}
			checkRejection(t, rejected[0])
			checkPointer(t, rejected[0], text)
			rejected = rejected[1:]
		default:
			t.Fatalf("event %d: %q is missing from %+v", i, text, validated)
		}
	}
	if len(accepted)+len(rejected) > 0 || len(validated.Originals) != len(validated.Rejected) {
		t.Fatalf("left over: %+v, %+v, %d originals", accepted, rejected, len(validated.Originals))
	}
	for i, r := range validated.Rejected {
		if got := bytes.Trim(validated.Originals[i], " \t\r\n"); !bytes.Equal(got, events[r.Index]) {
			t.Fatalf("original of event %d: %q; want %q", r.Index, got, events[r.Index])
		}
	}
}

func checkAccepted(t *testing.T, a event.Accepted, text []byte) {
	t.Helper()
	compact, _ := translated(text, tight())
	if err := compact.Compact(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(compact), string(a.JSON)); diff != "" {
		t.Fatalf("JSON (-want +got):\n%s", diff)
	}
	var attributes struct{ ID, Source string }
	if err := json.Unmarshal(onlyIdentity(t, text), &attributes); err != nil {
		t.Fatal(err)
	}
	if string(a.ID) != attributes.ID || string(a.Source) != attributes.Source {
		t.Fatalf("id %q, source %q; want %q, %q", a.ID, a.Source, attributes.ID, attributes.Source)
	}
}

// onlyIdentity keeps encoding/json from taking "ID" for "id".
func onlyIdentity(t *testing.T, text []byte) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	identity, err := json.Marshal(map[string]json.RawMessage{"id": members["id"], "source": members["source"]})
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

// checkPointer checks that the pointer of a rejection names a place in its event.
func checkPointer(t *testing.T, r event.Rejection, text []byte) {
	t.Helper()
	if r.Code == event.MissingAttribute || r.Code == event.MalformedJSON || r.Pointer == "" {
		return
	}
	for _, part := range strings.Split(r.Pointer, "/")[1:] {
		if text = inside(text, strings.NewReplacer("~1", "/", "~0", "~").Replace(part)); text == nil {
			t.Fatalf("event %d: pointer %q leads nowhere", r.Index, r.Pointer)
		}
	}
}

// inside returns the first member of an object, or the element of an array, that a part of a pointer names; nil: there
// is none.
func inside(container []byte, part string) []byte {
	decoder := jsontext.NewDecoder(bytes.NewReader(container), lenient...)
	kind := decoder.PeekKind()
	if _, err := decoder.ReadToken(); err != nil {
		return nil
	}
	for i := 0; ; i++ {
		name := strconv.Itoa(i)
		if kind == '{' {
			token, err := decoder.ReadToken()
			if err != nil || token.Kind() != '"' {
				return nil
			}
			name = token.String()
		}
		value := readValue(decoder)
		if value == nil || name == part {
			return value
		}
	}
}

func FuzzValidate(f *testing.F) {
	seeds := []string{least, with(`"time":"2015-05-17T10:05:03Z","data":{"a":[1,2.5,"x"]}`), "[" + least + ", 1]", least + "\r\n\n" + least, with(`"data_base64":"AA=="`),
		with(`"x1":1,"y":-5,"z":true`), with(`"data":null`), `{"a":"\ud83d\ude00","b":"\ud83d"}`, "\ufeff{}", with(`"data":[[[[]]]]`), with(`"data":1e308`), with(`"data":"\u0000é"`)}
	for _, test := range syntax {
		seeds = append(seeds, test.text)
	}
	for _, seed := range seeds {
		for mode := range 3 {
			f.Add(byte(mode), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, mode byte, body []byte) {
		if bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > 9000 {
			t.Skip("deeper than the oracle reads")
		}
		checkValidate(t, event.Mode(mode%3), body)
	})
}
