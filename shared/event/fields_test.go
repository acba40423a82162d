package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
)

const stampTail = `,"stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-0"}` + "\n"

// lineOf returns the line of an event's compacted JSON, with index 0.
func lineOf(compact string) string { return strings.TrimSuffix(compact, "}") + stampTail }

func scan(t testing.TB, lines string, paths ...event.Path) *event.Batch {
	t.Helper()
	var batch event.Batch
	if err := event.NewFields(paths).Scan([]byte(lines), &batch); err != nil {
		t.Fatalf("Scan(%.300q): %v", lines, err)
	}
	return &batch
}

// shown describes a value by kind and text.
func shown(b *event.Batch, v event.Value) string {
	text, _ := b.Text(v, nil)
	return fmt.Sprintf("%d %s", v.Kind, text)
}

func TestScanFields(t *testing.T) {
	line := lineOf(with(`"time":"2015-05-17T10:05:03.25+02:00","subject":"x\/y","data":{"path":"/","n":{"deep":{"er":-1.50}},"list":[{"path":"no"},"]"],"e":{},"t":true,"f":false,"z":null},"ext":"\u0041"`))
	for _, test := range []struct {
		path event.Path
		want string
	}{
		{event.Path{}, "6 " + strings.TrimSuffix(line, "\n")},
		{event.Path{"specversion"}, "5 1.0"},
		{event.Path{"id"}, "5 a"},
		{event.Path{"source"}, "5 /s"},
		{event.Path{"type"}, "5 t"},
		{event.Path{"time"}, "5 2015-05-17T10:05:03.25+02:00"},
		{event.Path{"subject"}, "5 x/y"},
		{event.Path{"ext"}, "5 A"},
		{event.Path{"stamp"}, "5 01JD8Z6B1QZ0W6V3T5YJ9K4M2N-0"},
		{event.Path{"missing"}, "0 "},
		{event.Path{"data"}, `6 {"path":"/","n":{"deep":{"er":-1.50}},"list":[{"path":"no"},"]"],"e":{},"t":true,"f":false,"z":null}`},
		{event.Path{"data", "path"}, "5 /"},
		{event.Path{"data", "n"}, `6 {"deep":{"er":-1.50}}`},
		{event.Path{"data", "n", "deep", "er"}, "4 -1.50"},
		{event.Path{"data", "n", "deep", "er", "more"}, "0 "},
		{event.Path{"data", "list"}, `7 [{"path":"no"},"]"]`},
		{event.Path{"data", "list", "path"}, "0 "},
		{event.Path{"data", "list", "0"}, "0 "},
		{event.Path{"data", "e"}, "6 {}"},
		{event.Path{"data", "e", "e"}, "0 "},
		{event.Path{"data", "t"}, "3 true"},
		{event.Path{"data", "f"}, "2 false"},
		{event.Path{"data", "z"}, "1 null"},
		{event.Path{"data", "er"}, "0 "},
		{event.Path{"path"}, "0 "},
		{event.Path{"id", "id"}, "0 "},
		{event.Path{""}, "0 "},
	} {
		t.Run(strings.Join(test.path, "."), func(t *testing.T) {
			// Alone, twice, and among paths that begin in the same way.
			others := []event.Path{{"data"}, {"data", "n", "deep"}, test.path, {}, {"data", "zz"}, {"id"}}
			for _, paths := range [][]event.Path{{test.path}, {test.path, test.path}, append(others, test.path)} {
				b := scan(t, line+line, paths...)
				for j, path := range paths {
					if !slices.Equal(path, test.path) {
						continue
					}
					for row, v := range b.Columns[j] {
						if got := shown(b, v); got != test.want && len(path) > 0 {
							t.Errorf("paths %v, column %d, row %d: %s; want %s", paths, j, row, got, test.want)
						}
					}
				}
			}
		})
	}
}

func TestScanBatch(t *testing.T) {
	untimed := lineOf(`{"specversion":"1.0","id":"\u0061\/","source":"/s","type":"t"}`)
	nullTime := strings.Replace(lineOf(with(`"time":null`)), "N-0", "N-999999", 1)
	old := strings.Replace(lineOf(with(`"time":"1969-12-31T23:59:59.9999Z"`)), "01JD8Z6B1QZ0W6V3T5YJ9K4M2N-0", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ-7", 1)
	b := scan(t, untimed+nullTime+old, event.Path{"id"})
	if got := string(b.Data); got != untimed+nullTime+old || b.Len() != 3 {
		t.Errorf("%d lines: %s", b.Len(), got)
	}
	const arrival = 1732246711351 // of 01JD8Z6B1Q
	if diff := cmp.Diff([]event.Millis{arrival, arrival, -1}, b.Times); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
	for i, want := range []struct{ line, source, id, stamp string }{
		{untimed, "/s", "a/", "01JD8Z6B1QZ0W6V3T5YJ9K4M2N-0"}, {nullTime, "/s", "a", "01JD8Z6B1QZ0W6V3T5YJ9K4M2N-999999"},
		{old, "/s", "a", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ-7"},
	} {
		id, _ := b.Text(b.IDs[i], nil)
		source, _ := b.Text(b.Sources[i], nil)
		line := string(b.Data[b.Lines[i].Start:b.Lines[i].End])
		if line+"\n" != want.line || string(source) != want.source || string(id) != want.id ||
			b.Stamps[i].String() != want.stamp {
			t.Errorf("row %d: %s, source %s, id %s, stamp %s", i, line, source, id, b.Stamps[i])
		}
		payload := strings.TrimSuffix(want.line[:strings.LastIndex(want.line, ",")], "\n")
		if got := string(b.Payload(i)); got != payload {
			t.Errorf("row %d: payload %s; want %s", i, got, payload)
		}
	}
}

func TestScanAppendsAndResets(t *testing.T) {
	fields := event.NewFields([]event.Path{{"type"}, {"data", "n"}})
	one, two := lineOf(with(`"data":{"n":1}`)), lineOf(with(`"data":{"m":1,"n":[2]}`))
	var b event.Batch
	check := func(want ...string) {
		t.Helper()
		if b.Len() != len(want) || len(b.Columns) != 2 || len(b.Columns[1]) != len(want) {
			t.Fatalf("%d rows, %d columns; want %d rows", b.Len(), len(b.Columns), len(want))
		}
		for i := range want {
			if got := shown(&b, b.Columns[1][i]); got != want[i] {
				t.Errorf("row %d: %s; want %s", i, got, want[i])
			}
		}
	}
	mustScan := func(lines string) {
		t.Helper()
		if err := fields.Scan([]byte(lines), &b); err != nil {
			t.Fatal(err)
		}
	}
	mustScan("")
	check()
	mustScan(one)
	mustScan(two + lineOf(least))
	check("4 1", "7 [2]", "0 ")
	b.Reset()
	mustScan(lineOf(least) + one)
	check("0 ", "4 1")

	other := event.NewFields([]event.Path{{"data", "n"}})
	if err := other.Scan([]byte(one), &b); err == nil || errors.Is(err, event.ErrLine) {
		t.Errorf("other fields on a batch in use: error %v", err)
	}
	check("0 ", "4 1")
	b.Reset()
	if err := other.Scan([]byte(one), &b); err != nil || len(b.Columns) != 1 || shown(&b, b.Columns[0][0]) != "4 1" {
		t.Errorf("fewer columns: %v, %v", b.Columns, err)
	}
	b.Reset()
	mustScan(two)
	check("7 [2]")
}

func TestScanErrLine(t *testing.T) {
	good := lineOf(least)
	for _, test := range []struct{ name, line, want string }{
		{"blank line", "\n", `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"no stamp", least + "\n", `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"stamp first", `{"stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-0","id":"a","source":"/s"}` + "\n", `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"stamp alone", `{"stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-0"}` + "\n", `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"stamp without index", strings.Replace(good, "-0", "", 1), `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"stamp with a long index", strings.Replace(good, "-0", "-1000000", 1), `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"stamp with a padded index", strings.Replace(good, "-0", "-01", 1), `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"stamp in small letters", strings.Replace(good, "01JD8Z", "01jd8z", 1), `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"stamp deeper", strings.Replace(good, "}\n", "}}\n", 1), `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"stamp in a string", `{"id":"a","source":"x,\"stamp\":\"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-0"}` + "\n", `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"white space", strings.Replace(good, "}\n", "} \n", 1), `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"carriage return", strings.Replace(good, "\n", "\r\n", 1), `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"not an object", `["id"` + stampTail, `need an object whose last member is "stamp":"<ULID>-<index>"`},
		{"no source", lineOf(`{"id":"a"}`), "need a source and an id, both strings"},
		{"no id", lineOf(`{"source":"a"}`), "need a source and an id, both strings"},
		{"id a number", lineOf(`{"source":"a","id":1}`), "need a source and an id, both strings"},
		{"source null", lineOf(`{"source":null,"id":"a"}`), "need a source and an id, both strings"},
		{"bad time", lineOf(with(`"time":"now"`)), "need an RFC 3339 time"},
		{"time a number", lineOf(with(`"time":0`)), "need an RFC 3339 time"},
		{"no end of a string", `{"id":"a` + stampTail, "need a value"},
		{"no end of a string that is not wanted", `{"zz":"a` + stampTail, "need a value"},
		{"no end of a string deeper", `{"zz":["a` + stampTail, "need a value"},
		{"no end of an array", `{"zz":["a"` + stampTail, "need a value"},
		{"an escape at the end", `{"id":"a\` + stampTail, "need a value"},
		{"no colon", `{"id" "a"` + stampTail, "need a member's name in double quotes, then ':'"},
		{"no name", `{1:2` + stampTail, "need a member's name in double quotes"},
		{"no value", `{"id":` + stampTail, "need a value"},
		{"no comma", `{"id":"a""source":"/s"` + stampTail, "need ',' between members and '}' after them"},
		{"an object that does not end", `{"x":{"id":"a"` + stampTail, "need ',' between members and '}' after them"},
		{"an object that ends twice", `{"id":"a"},"source":"/s"` + stampTail, "need ',' between members and '}' after them"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fields := event.NewFields([]event.Path{{"data", "n"}, {"x", "y"}})
			var b, before event.Batch
			for _, batch := range []*event.Batch{&b, &before} {
				if err := fields.Scan([]byte(good+good), batch); err != nil {
					t.Fatal(err)
				}
			}
			err := fields.Scan([]byte(good+good+test.line+good), &b)
			if want := "not a line of an event: line 3: " + test.want; !errors.Is(err, event.ErrLine) || err.Error() != want {
				t.Errorf("error %v; want %s", err, want)
			}
			if diff := cmp.Diff(before, b); diff != "" {
				t.Errorf("the batch changed (-want +got):\n%s", diff)
			}
		})
	}
	var b event.Batch
	err := event.NewFields(nil).Scan([]byte(good+strings.TrimSuffix(good, "\n")), &b)
	if want := `not a line of an event: line 2: missing '\n' at its end`; !errors.Is(err, event.ErrLine) || err.Error() != want || b.Len() != 0 {
		t.Errorf("no line end: error %v; want %s", err, want)
	}
}

// TestScanShapes reads lines whose members come in changing orders, with more names than the scanner remembers, and
// objects with the same name at several places.
func TestScanShapes(t *testing.T) {
	var lines, want strings.Builder
	for i := range 400 {
		members := []string{`"id":"a"`, `"source":"/s"`, fmt.Sprintf(`"data":{"x%d":{"n":0},"n":%d,"m":{"n":%d,"y%d":1}}`, i%90, i, i+1, i%5), fmt.Sprintf(`"n":%d`, -i)}
		for j := range members {
			k := (j*(i%3+1) + i) % len(members)
			members[j], members[k] = members[k], members[j]
		}
		lines.WriteString(lineOf("{" + strings.Join(members, ",") + "}"))
		fmt.Fprintf(&want, "4 %d 4 %d 4 %d\n", -i, i, i+1)
	}
	b := scan(t, lines.String(), event.Path{"n"}, event.Path{"data", "n"}, event.Path{"data", "m", "n"})
	var got strings.Builder
	for i := range b.Len() {
		fmt.Fprintln(&got, shown(b, b.Columns[0][i]), shown(b, b.Columns[1][i]), shown(b, b.Columns[2][i]))
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestScanLongNames reads names that differ only in the middle, one in place of the other.
func TestScanLongNames(t *testing.T) {
	var lines strings.Builder
	for i := range 20 {
		fmt.Fprintf(&lines, `{"id":"a","source":"/s","data":{"a-long-name-%c-of-a-member":%d,"z":0}%s`, "AB"[i%3%2], i, stampTail)
	}
	b := scan(t, lines.String(), event.Path{"data", "a-long-name-A-of-a-member"},
		event.Path{"data", "a-long-name-B-of-a-member"})
	for i := range b.Len() {
		want := [2]string{fmt.Sprint("4 ", i), "0 "}
		if i%3%2 == 1 {
			want[0], want[1] = want[1], want[0]
		}
		if got := [2]string{shown(b, b.Columns[0][i]), shown(b, b.Columns[1][i])}; got != want {
			t.Errorf("row %d: %q; want %q", i, got, want)
		}
	}
}

// follow returns what encoding/json finds at a path of an object.
func follow(t testing.TB, text []byte, path event.Path) json.RawMessage {
	t.Helper()
	at := json.RawMessage(text)
	for _, name := range path {
		if len(at) == 0 || at[0] != '{' {
			return nil
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(at, &members); err != nil {
			t.Fatal(err)
		}
		at = members[name]
	}
	return at
}

var kinds = map[byte]event.Kind{'n': event.Null, 'f': event.False, 't': event.True, '"': event.String,
	'{': event.Object, '[': event.Array}

func checkValue(t testing.TB, b *event.Batch, v event.Value, want json.RawMessage, what string) {
	t.Helper()
	if len(want) == 0 {
		if v != (event.Value{}) {
			t.Errorf("%s: %s; want it missing", what, shown(b, v))
		}
		return
	}
	kind, ok := kinds[want[0]]
	if !ok {
		kind = event.Number
	}
	text := string(want)
	if kind == event.String {
		if err := json.Unmarshal(want, &text); err != nil {
			t.Fatal(err)
		}
		if raw := string(b.Raw(v)); raw != string(want[1:len(want)-1]) || v.Escaped != strings.Contains(raw, `\`) {
			t.Errorf("%s: raw %s, escaped %t; want %s", what, raw, v.Escaped, want)
		}
	}
	if got := shown(b, v); got != fmt.Sprintf("%d %s", kind, text) {
		t.Errorf("%s: %s; want %d %s", what, got, kind, text)
	}
}

// checkScan compares what Scan reads from the lines of an NDJSON body's valid events with encoding/json.
func checkScan(t testing.TB, body []byte, paths []event.Path) int {
	t.Helper()
	validated, err := event.Validate(event.Lines, body, event.DefaultLimits())
	if err != nil {
		return 0
	}
	request := testRequest(t)
	var lines []byte
	for i, a := range validated.Accepted {
		lines = event.AppendLine(lines, a.JSON, event.Stamp{Request: request, Index: i})
	}
	var b event.Batch
	if err := event.NewFields(paths).Scan(lines, &b); err != nil {
		t.Fatalf("%s: %v", lines, err)
	}
	if b.Len() != len(validated.Accepted) || !bytes.Equal(b.Data, lines) {
		t.Fatalf("%d lines of %d", b.Len(), len(validated.Accepted))
	}
	key, scratch := event.HashKey{1}, []byte(nil)
	for i, a := range validated.Accepted {
		line := b.Data[b.Lines[i].Start:b.Lines[i].End]
		checkValue(t, &b, b.IDs[i], follow(t, line, event.Path{"id"}), "id")
		checkValue(t, &b, b.Sources[i], follow(t, line, event.Path{"source"}), "source")
		for j, path := range paths {
			checkValue(t, &b, b.Columns[j][i], follow(t, line, path), strings.Join(path, "."))
		}
		if want := (event.Stamp{Request: request, Index: i}); b.Stamps[i] != want {
			t.Errorf("stamp %s; want %s", b.Stamps[i], want)
		}
		checkEventTime(t, &b, i, follow(t, line, event.Path{"time"}))
		var fromLine, fromEvent event.Identity
		fromLine, scratch = b.Identity(i, key, scratch)
		if fromEvent, scratch = key.Identity(a.Source, a.ID, scratch); fromLine != fromEvent {
			t.Errorf("identity %v; want %v", fromLine, fromEvent)
		}
		if got := string(b.Payload(i)) + "}"; got != string(a.JSON) {
			t.Errorf("payload %s; want %s", got, a.JSON)
		}
	}
	return b.Len()
}

func checkEventTime(t testing.TB, b *event.Batch, i int, value json.RawMessage) {
	t.Helper()
	want := b.Stamps[i].Arrival()
	if len(value) > 0 && string(value) != "null" {
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			t.Fatal(err)
		}
		var ok bool
		if want, ok = event.ParseTime([]byte(text)); !ok {
			t.Errorf("time %s", value)
		}
	}
	if b.Times[i] != want {
		t.Errorf("time %d; want %d", b.Times[i], want)
	}
}

var pathNames = rapid.SampledFrom([]string{"data", "a", "b", "path", "id", "time", "stamp", "source", "subject", "ext", "", "é", `{"}`, `\`, "path2", "a much longer name"})

func TestValidateLinesKeepTheirFields(t *testing.T) {
	lines := 0
	rapid.Check(t, func(r *rapid.T) {
		events := rapid.SliceOfN(goodEvent, 1, 8).Draw(r, "events")
		paths := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) event.Path {
			path := event.Path(rapid.SliceOfN(pathNames, 0, 3).Draw(r, "path"))
			if rapid.Bool().Draw(r, "in data") {
				path = append(event.Path{"data"}, path...)
			}
			return path
		}), 0, 6).Draw(r, "paths")
		lines += checkScan(t, []byte(strings.Join(events, "\n")), paths)
		if t.Failed() {
			r.Fatalf("%q, %q", events, paths)
		}
	})
	if lines == 0 {
		t.Error("no line was read")
	}
}

func FuzzScanValidated(f *testing.F) {
	f.Add([]byte(least+"\n"+with(`"time":"2015-05-17T10:05:03Z","data":{"path":"/","n":{"m":[1,{"a":"]"}]},"s":"\u0041\\"}`)), "data.n.m", "path")
	f.Add([]byte(with(`"data":"x"`)), "data", "")
	f.Add(sampleBody(2), "data.path", "data.bytes")
	f.Fuzz(func(t *testing.T, body []byte, first, second string) {
		if !jsonNames(first + second) {
			t.Skip("a name that encoding/json would read otherwise")
		}
		checkScan(t, body, []event.Path{strings.Split(first, "."), strings.Split(second, ".")})
	})
}

// jsonNames reports whether encoding/json returns the names unchanged.
func jsonNames(names string) bool { return strings.ToValidUTF8(names, "") == names }

func FuzzScan(f *testing.F) {
	f.Add([]byte(lineOf(least)+lineOf(with(`"data":{"path":"/","n":[1,{"a":"]"}]}`))), "data.path")
	f.Add([]byte(`{"id":"a\`+stampTail), "id")
	f.Add([]byte(`{"data":{"a":{"b":"\\\\","c":[{]},"d":,`+stampTail), "data.a")
	f.Add([]byte("\n\n"), "")
	f.Fuzz(func(t *testing.T, lines []byte, path string) {
		var b event.Batch
		fields := event.NewFields([]event.Path{strings.Split(path, "."), {"data", "n"}})
		if err := fields.Scan([]byte(lineOf(least)), &b); err != nil {
			t.Fatal(err)
		}
		before := len(b.Data)
		if err := fields.Scan(lines, &b); err != nil {
			if !errors.Is(err, event.ErrLine) || b.Len() != 1 || len(b.Data) != before || len(b.Columns[0]) != 1 {
				t.Fatalf("error %v; %d rows, %d bytes", err, b.Len(), len(b.Data))
			}
			return
		}
		if !bytes.Equal(b.Data[before:], lines) || b.Len() != 1+bytes.Count(lines, []byte("\n")) {
			t.Fatalf("%d rows, %d bytes", b.Len(), len(b.Data))
		}
		for i, line := range b.Lines {
			for _, v := range []event.Value{b.IDs[i], b.Sources[i], b.Columns[0][i], b.Columns[1][i]} {
				if v != (event.Value{}) && (v.Start < line.Start || v.End > line.End || v.Start > v.End) {
					t.Fatalf("row %d: %v is outside of %v", i, v, line)
				}
				b.Text(v, nil)
			}
			b.Payload(i)
		}
	})
}
