package event_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
)

// checkForms validates lines together and each one alone. Validate knows no form of an event that is alone, so it reads
// the whole event. Each verdict must be the same.
func checkForms(t rapid.TB, lines ...[]byte) (accepted int) {
	t.Helper()
	limits := tight()
	limits.Events = len(lines)
	var want event.Validated
	for i, line := range lines {
		alone, err := event.Validate(event.Lines, line, limits)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range alone.Accepted {
			a.Index = i
			want.Accepted = append(want.Accepted, a)
		}
		for k, r := range alone.Rejected {
			r.Index = i
			want.Rejected, want.Originals = append(want.Rejected, r), append(want.Originals, alone.Originals[k])
		}
	}
	got, err := event.Validate(event.Lines, bytes.Join(lines, []byte("\n")), limits)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(want, got) { // cmp.Diff takes 0.2 ms
		t.Fatalf("%q (-alone +together):\n%s", lines, cmp.Diff(want, got))
	}
	return len(got.Accepted)
}

// values are values that members of known events get: valid and invalid ones of all kinds.
var values = []string{`"1.0"`, `"a"`, `"b2"`, `""`, `"2015-05-17T10:05:03.5Z"`, `"2015-05-17"`, `"é"`, `"\u0061"`, `"\n"`,
	`"` + "\x01" + `"`, `"` + "\xff" + `"`, `"\ud83d"`, `"` + "\x7f" + `"`, `"\ufffe"`, `"longer than twelve"`, `"open`, `0`,
	`-0`, `01`, `1.5`, `-`, `1.`, `1e9`, `1e309`, `1234567890123`, `2147483648`, `-2147483648`, `true`, `false`, `null`,
	`tru`, `nul`, `truex`, `{}`, `[]`, `{`, `[`, `{"a":1}`, `[1]`, `[1,2]`, `{"id":"b"}`, `x`, ``, ` 1`, `1 `, `"e30="`,
	`"` + strings.Repeat("x", 400) + `"`}

// TestKnownForms gives each member of an event every pair of values, one after the other.
func TestKnownForms(t *testing.T) {
	accepted, lines := 0, 0
	for _, form := range []string{
		`{"specversion":%q,"id":%q,"source":%q,"type":%q,"time":%q,"subject":%q,"ext":%q,"data":%q}`,
		`{"data":{"in":[%q,{"x":%q}]},"dataschema":%q,"datacontenttype":%q,"id":%q,"source":%q,"type":%q,"specversion":%q}`,
		`{"specversion":%q,"id":%q,"source":%q,"type":%q,"datacontenttype":%q,"data_base64":%q}`,
		`{"specversion":%q,"id":%q,"source":%q,"type":%q,"i\u0064":%q}`,
	} {
		pieces := strings.Split(form, "%q")
		with := func(at int, value string) []byte {
			line := pieces[0]
			for i, piece := range pieces[1:] {
				used := usual(pieces[i])
				if i == at {
					used = value
				}
				line += used + piece
			}
			return []byte(line)
		}
		for at := range len(pieces) - 1 {
			for _, known := range values {
				for _, other := range values {
					accepted += checkForms(t, with(at, known), with(at, other))
					lines += 2
				}
			}
		}
	}
	if accepted < lines/10 {
		t.Errorf("%d of %d accepted: the events show little", accepted, lines)
	}
}

// usual returns a valid value of the member whose name stands at the end of a text.
func usual(before string) string {
	switch {
	case strings.HasSuffix(before, `"specversion":`):
		return `"1.0"`
	case strings.HasSuffix(before, `"time":`):
		return `"2015-05-17T10:05:03Z"`
	case strings.HasSuffix(before, `"data_base64":`):
		return `"AA=="`
	}
	return `"a"`
}

// FuzzForms validates an event, its copy, and another event behind them.
func FuzzForms(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","id":"a","source":"/s","type":"t","ext":5,"data":{"a":[1,"b",true,{}]}}`),
		[]byte(`{"specversion":"1.0","id":"b","source":"/s","type":"t","ext":6,"data":{"a":[2,"c",null,{}]}}`))
	f.Fuzz(func(t *testing.T, known, other []byte) {
		if bytes.ContainsAny(slices.Concat(known, other), "\n") || len(bytes.TrimSpace(known)) == 0 ||
			len(bytes.TrimSpace(other)) == 0 {
			t.Skip("not one event a line")
		}
		checkForms(t, known, known, other)
	})
}

// TestFormsAreBounded validates more forms than are kept, and events of each of them again.
func TestFormsAreBounded(t *testing.T) {
	var all [][]byte
	for _, id := range []string{"a", "b"} {
		for n := range 700 {
			line := []byte(`{"specversion":"1.0","id":"` + id + `","source":"/s","type":"t","data":[` +
				strings.TrimSuffix(strings.Repeat("1,", n%20), ",") + `],"x` + string(rune('a'+n/20%26)) + `":1}`)
			all = append(all, line)
		}
	}
	if accepted := checkForms(t, all...); accepted != len(all) {
		t.Errorf("%d of %d accepted", accepted, len(all))
	}
}
