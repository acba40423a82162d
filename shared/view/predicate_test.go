package view_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/view"
)

// whereCase is a filter, the data of an event, and what the filter says of it.
type whereCase struct {
	where, members string
	want           view.Truth
}

func runWhere(t *testing.T, cases []whereCase) {
	for _, c := range cases {
		program, fields := compile(t, counting(c.where))
		b := scan(t, fields, eventWith(c.members))
		if got := program.Where(b, 0); got != c.want {
			t.Errorf("%s of {%s}: got %d, want %d", c.where, c.members, got, c.want)
		}
		where, fields, err := view.InterpretWhere(c.where)
		if err != nil {
			t.Fatal(err)
		}
		if got := where(scan(t, fields, eventWith(c.members)), 0); got != c.want {
			t.Errorf("%s of {%s}: the interpreter says %d, want %d", c.where, c.members, got, c.want)
		}
	}
}

func TestWhereAttributes(t *testing.T) {
	runWhere(t, []whereCase{
		{`type == "web.request"`, ``, view.IsTrue},
		{`type != "web.request"`, ``, view.IsFalse},
		{`source == "/source" && id == "id-1" && specversion == "1.0"`, ``, view.IsTrue},
		{`source.startsWith("/s") && id > "id-0"`, ``, view.IsTrue},
		{`subject == "x"`, ``, view.Failed},
		{`subject == "x"`, `"subject":null`, view.Failed},
		{`subject == "x"`, `"subject":"\u0078"`, view.IsTrue},
		{`dataschema == datacontenttype`, `"dataschema":"a","datacontenttype":"a"`, view.IsTrue},
		{`tenant == "a"`, `"tenant":"a"`, view.IsTrue},
		{`tenant == "a"`, `"tenant":null`, view.Failed},
		{`weight > 2`, `"weight":3`, view.IsTrue},
		{`sampled`, `"sampled":true`, view.IsTrue},
		{`time == timestamp("2015-05-17T10:05:03.25Z")`, `"time":"2015-05-17T12:05:03.25+02:00"`, view.IsTrue},
		{`time < timestamp("1970-01-02T00:00:00Z")`, ``, view.IsTrue}, // absent: its arrival
		{`time.getHours() == 10`, `"time":"2015-05-17T12:05:03+02:00"`, view.IsTrue},
		{`data == "text"`, `"data":"text"`, view.IsTrue},
		{`data == null`, `"data":null`, view.IsTrue},
		{`data == null`, ``, view.Failed},
	})
}

func TestWhereComparisons(t *testing.T) {
	runWhere(t, []whereCase{
		{`data.a == 1`, `"data":{"a":1}`, view.IsTrue},
		{`data.a == 1`, `"data":{"a":1.0}`, view.IsTrue},
		{`data.a == 1`, `"data":{"a":"1"}`, view.IsFalse},
		{`data.a != 1`, `"data":{"a":"1"}`, view.IsTrue},
		{`data.a < 1`, `"data":{"a":"1"}`, view.Failed},
		{`data.a < 1`, `"data":{"a":null}`, view.Failed},
		{`data.a < 1`, `"data":{}`, view.Failed},
		{`data.a == 1`, `"data":{}`, view.Failed},
		{`data.a == 1`, `"data":[1]`, view.Failed},
		{`1.5 > data.a`, `"data":{"a":1}`, view.IsTrue},
		{`data.a == 9007199254740993`, `"data":{"a":9007199254740992}`, view.IsFalse},
		{`data.a == 9007199254740993.0`, `"data":{"a":9007199254740993}`, view.IsTrue}, // by CEL: compared as doubles
		{`data.a > 9223372036854775807`, `"data":{"a":1e400}`, view.IsTrue},
		{`data.a == 9223372036854775807`, `"data":{"a":9223372036854775807}`, view.IsTrue},
		{`data.a > 123456789012345678`, `"data":{"a":1234567890123456789}`, view.IsTrue},
		{`data.a > 5`, `"data":{"a":18446744073709551617}`, view.IsTrue},
		{`data.a > 5`, `"data":{"a":9999999999999999999}`, view.IsTrue},
		{`data.a == true`, `"data":{}`, view.Failed},
		{`data.a == true`, `"data":{"a":1}`, view.IsFalse},
		{`data.a == "x"`, `"data":{}`, view.Failed},
		{`data.a == data.b`, `"data":{"a":1}`, view.Failed},
		{"data.`a-b` == 1", `"data":{"a-b":1}`, view.IsTrue},
		{`data.a >= -5`, `"data":{"a":-5}`, view.IsTrue},
		{`data.a > false`, `"data":{"a":true}`, view.IsTrue},
		{`data.a <= "b"`, `"data":{"a":"a\u0062"}`, view.IsTrue},
		{`data.a == null`, `"data":{"a":null}`, view.IsTrue},
		{`data.a == null`, `"data":{"a":0}`, view.IsFalse},
		{`data.a != null`, `"data":{}`, view.Failed},
		{`data.a == data.b`, `"data":{"a":{"x":[1,2.0]},"b":{"x":[1.0,2]}}`, view.IsTrue},
		{`data.a == data.b`, `"data":{"a":[1],"b":{"x":1}}`, view.IsFalse},
		{`data.a < data.b`, `"data":{"a":[1],"b":[2]}`, view.Failed},
		{`data.a < data.b`, `"data":{"a":"a","b":"b"}`, view.IsTrue},
		{`data.a in ["a", 2, null, true]`, `"data":{"a":2.0}`, view.IsTrue},
		{`data.a in ["a", 2, null, true]`, `"data":{"a":null}`, view.IsTrue},
		{`data.a in ["a", 2, null, true]`, `"data":{"a":false}`, view.IsFalse},
		{`data.a in ["a", 2, null, true]`, `"data":{"a":{}}`, view.IsFalse},
		{`data.a in ["a", 2, null, true]`, `"data":{}`, view.Failed},
		{`data.a in []`, `"data":{}`, view.Failed},
		{`data["a b"]["c"] == 1`, `"data":{"a b":{"c":1}}`, view.IsTrue},
		{`data.a.startsWith("é")`, `"data":{"a":"\u00e9t\u00e9"}`, view.IsTrue},
		{`data.a.endsWith("x")`, `"data":{"a":1}`, view.Failed},
		{`data.a.contains("b")`, `"data":{"a":"abc"}`, view.IsTrue},
	})
}

// && and || are those of CEL: what decides, decides, whatever the other operand does.
func TestWhereThreeValues(t *testing.T) {
	operands := []struct {
		text string
		is   view.Truth
	}{
		{"data.no", view.IsFalse}, {"data.yes", view.IsTrue}, {"data.missing", view.Failed},
		{`data.text.matches("^n$")`, view.IsTrue}, {`data.text.matches("^y$")`, view.IsFalse}, {`data.yes.matches("y")`, view.Failed},
	}
	const data = `"data":{"no":false,"yes":true,"text":"n"}`
	var cases []whereCase
	for _, a := range operands {
		cases = append(cases, whereCase{"!(" + a.text + ")", data, []view.Truth{view.IsTrue, view.IsFalse, view.Failed}[a.is]})
		for _, b := range operands {
			cases = append(cases,
				whereCase{a.text + " && " + b.text, data, both(a.is, b.is)},
				whereCase{a.text + " || " + b.text, data, oneOrOther(a.is, b.is)})
			for _, c := range operands[:3] {
				cases = append(cases,
					whereCase{fmt.Sprintf("%s && %s && %s", a.text, b.text, c.text), data, both(both(a.is, b.is), c.is)},
					whereCase{fmt.Sprintf("%s || %s || %s", a.text, b.text, c.text), data, oneOrOther(oneOrOther(a.is, b.is), c.is)})
			}
		}
	}
	runWhere(t, cases)
}

func both(a, b view.Truth) view.Truth {
	switch {
	case a == view.IsFalse || b == view.IsFalse:
		return view.IsFalse
	case a == view.Failed || b == view.Failed:
		return view.Failed
	}
	return view.IsTrue
}

func oneOrOther(a, b view.Truth) view.Truth {
	switch {
	case a == view.IsTrue || b == view.IsTrue:
		return view.IsTrue
	case a == view.Failed || b == view.Failed:
		return view.Failed
	}
	return view.IsFalse
}

func TestWherePresence(t *testing.T) {
	runWhere(t, []whereCase{
		{`has(data.a)`, `"data":{"a":null}`, view.IsTrue},
		{`has(data.a)`, `"data":{}`, view.IsFalse},
		{`has(data.a)`, `"data":"text"`, view.IsFalse},
		{`has(data.a)`, `"data":[]`, view.Failed},
		{`has(data.a)`, ``, view.Failed},
		{`has(data.a.b)`, `"data":{}`, view.Failed},
		{`has(data.a.b)`, `"data":{"a":{}}`, view.IsFalse},
		{`has(data.a) && data.a > 1`, `"data":{}`, view.IsFalse},
	})
}

func TestWhereInterpreted(t *testing.T) {
	runWhere(t, []whereCase{
		{`data.a.matches("^x+$")`, `"data":{"a":"xx"}`, view.IsTrue},
		{`size(data.list) > 1 && data.list[1] == "b"`, `"data":{"list":["a","b"]}`, view.IsTrue},
		{`data.list.exists(data, data == 2)`, `"data":{"list":[1,2]}`, view.IsTrue},
		{`data.list.all(i, i.n > 0)`, `"data":{"list":[{"n":1},{"n":0}]}`, view.IsFalse},
		{`"k" in data && data.k + 1 == 3`, `"data":{"k":2,"other":[{}]}`, view.IsTrue},
		{`true && data.a == 1`, `"data":{"a":1}`, view.IsTrue},
		{`false || data.a == 1`, `"data":{}`, view.Failed},
		{`data.a == data.b`, `"data":{"a":9223372036854775807,"b":9223372036854775808}`, view.IsTrue}, // by CEL: compared as doubles
		{`data.a > data.b`, `"data":{"a":-9223372036854775808,"b":-1e30}`, view.IsTrue},
		{`data.a > data.b`, `"data":{"a":true,"b":false}`, view.IsTrue},
		{`data.a == data.b`, `"data":{"a":null,"b":null}`, view.IsTrue},
		{`data.k + size(data) == 4`, `"data":{"k":2,"other":[{}]}`, view.IsTrue},
		{`data[type] == 1`, `"data":{"web.request":1}`, view.IsTrue},
		{`type(data.a) == int`, `"data":{"a":1}`, view.IsTrue},
		{`data.a ? true : false`, `"data":{"a":1}`, view.Failed},
		{`data.a / 0 == 1`, `"data":{"a":1}`, view.Failed},
		{`data == {"a": 1, "b": [true, null]}`, `"data":{"b":[true,null],"a":1.0}`, view.IsTrue},
	})
}

// An evaluation that would take long fails instead.
func TestWhereCostLimit(t *testing.T) {
	list := strings.TrimSuffix(strings.Repeat("1,", 200), ",")
	runWhere(t, []whereCase{
		{`data.l.all(a, data.l.all(b, data.l.all(c, a + b + c == 3)))`, `"data":{"l":[` + list + `]}`, view.Failed},
		{`data.l.all(a, a == 1)`, `"data":{"l":[` + list + `]}`, view.IsTrue},
	})
}

// The common subset does not need the interpreter; the rest does.
func TestWhereIsCompiled(t *testing.T) {
	for where, want := range map[string]bool{
		`type == "web.request" && data.status < 400`:              false,
		`!(data.a == null) || "x" != data["b c"].d`:               false,
		`has(data.a.b) && data.a.b in [1, 2.5, "x", true, null]`:  false,
		`subject.startsWith("a") || data.x.endsWith("b")`:         false,
		`data.a.contains("x") && data.flag && data.a == data.b`:   false,
		`tenant == "x" && source != type`:                         false,
		`data.a.matches("x")`:                                     true,
		`time > timestamp("2020-01-01T00:00:00Z") && data.a == 1`: true,
		`data.a + 1 == 2`:             true,
		`data.list.exists(i, i == 1)`: true,
		`data.a in [type]`:            true,
		`"x" in data.list`:            true,
	} {
		if got, err := view.Interpreted(where); err != nil || got != want {
			t.Errorf("%s: interpreted %v, %v; want %v", where, got, err, want)
		}
	}
}
