package expression_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// whereCase is a filter, the data of an event, and what the filter says of it.
type whereCase struct {
	where, members string
	want           expression.Truth
}

// verdict returns a result without the reason of a failure.
func verdict(t expression.Truth) expression.Truth {
	if t == expression.Absent || t == expression.Mistyped {
		return expression.Failed
	}
	return t
}

// TestReasons checks why an evaluation fails, compiled and interpreted.
func TestReasons(t *testing.T) {
	for _, c := range []whereCase{
		{`data.a == 1`, `"data":{}`, expression.Absent},
		{`data.a == 1`, ``, expression.Absent},
		{`data.a.b == 1`, `"data":{"a":{}}`, expression.Absent},
		{`subject == "x"`, ``, expression.Absent},
		{`ext.tenant == "x"`, ``, expression.Absent},
		{`data.a in [1]`, `"data":{}`, expression.Absent},
		{`data.a == data.b`, `"data":{"a":1}`, expression.Absent},
		{`data.a`, `"data":{}`, expression.Absent},
		{`data.a`, `"data":{"a":1}`, expression.Mistyped},
		{`data.a < 1`, `"data":{"a":"1"}`, expression.Mistyped},
		{`data.a < 1`, `"data":{"a":null}`, expression.Mistyped},
		{`data.a < data.b`, `"data":{"a":1,"b":"2"}`, expression.Mistyped},
		{`data.a.startsWith("x")`, `"data":{"a":1}`, expression.Mistyped},
		{`data.a.startsWith("x")`, `"data":{}`, expression.Absent},
		{`!data.a`, `"data":{}`, expression.Absent},
		{`data.a == 1 && type == "web.request"`, `"data":{}`, expression.Absent},
		{`data.a < 1 || data.b`, `"data":{"a":"1","b":false}`, expression.Mistyped},
		{`data.a / 0 == 1`, `"data":{"a":1}`, expression.Failed},
	} {
		closures, fields := filter(t, c.where)
		if got := closures(scan(t, fields, eventWith(c.members)), 0); got != c.want {
			t.Errorf("%s of {%s}: got %d, want %d", c.where, c.members, got, c.want)
		}
		where, fields, err := expression.InterpretFilter(c.where)
		if err != nil {
			t.Fatal(err)
		}
		if got := where(scan(t, fields, eventWith(c.members)), 0); got != c.want {
			t.Errorf("%s of {%s}: the interpreter says %d, want %d", c.where, c.members, got, c.want)
		}
	}
}

func runWhere(t *testing.T, cases []whereCase) {
	for _, c := range cases {
		closures, fields := filter(t, c.where)
		b := scan(t, fields, eventWith(c.members))
		if got := verdict(closures(b, 0)); got != c.want {
			t.Errorf("%s of {%s}: got %d, want %d", c.where, c.members, got, c.want)
		}
		where, fields, err := expression.InterpretFilter(c.where)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(where(scan(t, fields, eventWith(c.members)), 0)); got != c.want {
			t.Errorf("%s of {%s}: the interpreter says %d, want %d", c.where, c.members, got, c.want)
		}
	}
}

func TestWhereAttributes(t *testing.T) {
	runWhere(t, []whereCase{
		{`type == "web.request"`, ``, expression.IsTrue},
		{`type != "web.request"`, ``, expression.IsFalse},
		{`source == "/source" && id == "id-1" && specversion == "1.0"`, ``, expression.IsTrue},
		{`source.startsWith("/s") && id > "id-0"`, ``, expression.IsTrue},
		{`subject == "x"`, ``, expression.Failed},
		{`subject == "x"`, `"subject":null`, expression.Failed},
		{`subject == "x"`, `"subject":"\u0078"`, expression.IsTrue},
		{`dataschema == datacontenttype`, `"dataschema":"a","datacontenttype":"a"`, expression.IsTrue},
		{`ext.tenant == "a"`, `"tenant":"a"`, expression.IsTrue},
		{`ext.tenant == "a"`, `"tenant":null`, expression.Failed},
		{`ext.weight > 2`, `"weight":3`, expression.IsTrue},
		{`ext.sampled`, `"sampled":true`, expression.IsTrue},
		{`time == timestamp("2015-05-17T10:05:03.25Z")`, `"time":"2015-05-17T12:05:03.25+02:00"`, expression.IsTrue},
		{`time < timestamp("1970-01-02T00:00:00Z")`, ``, expression.IsTrue}, // absent: its arrival
		{`time.getHours() == 10`, `"time":"2015-05-17T12:05:03+02:00"`, expression.IsTrue},
		{`data == "text"`, `"data":"text"`, expression.IsTrue},
		{`data == null`, `"data":null`, expression.IsTrue},
		{`data == null`, ``, expression.Failed},
	})
}

func TestWhereComparisons(t *testing.T) {
	runWhere(t, []whereCase{
		{`data.a == 1`, `"data":{"a":1}`, expression.IsTrue},
		{`data.a == 1`, `"data":{"a":1.0}`, expression.IsTrue},
		{`data.a == 1`, `"data":{"a":"1"}`, expression.IsFalse},
		{`data.a != 1`, `"data":{"a":"1"}`, expression.IsTrue},
		{`data.a < 1`, `"data":{"a":"1"}`, expression.Failed},
		{`data.a < 1`, `"data":{"a":null}`, expression.Failed},
		{`data.a < 1`, `"data":{}`, expression.Failed},
		{`data.a == 1`, `"data":{}`, expression.Failed},
		{`data.a == 1`, `"data":[1]`, expression.Failed},
		{`1.5 > data.a`, `"data":{"a":1}`, expression.IsTrue},
		{`data.a == 9007199254740993`, `"data":{"a":9007199254740992}`, expression.IsFalse},
		{`data.a == 9007199254740993.0`, `"data":{"a":9007199254740993}`, expression.IsTrue}, // by CEL: compared as doubles
		{`data.a > 9223372036854775807`, `"data":{"a":1e400}`, expression.IsTrue},
		{`data.a == 9223372036854775807`, `"data":{"a":9223372036854775807}`, expression.IsTrue},
		{`data.a > 123456789012345678`, `"data":{"a":1234567890123456789}`, expression.IsTrue},
		{`data.a > 5`, `"data":{"a":18446744073709551617}`, expression.IsTrue},
		{`data.a > 5`, `"data":{"a":9999999999999999999}`, expression.IsTrue},
		{`data.a == true`, `"data":{}`, expression.Failed},
		{`data.a == true`, `"data":{"a":1}`, expression.IsFalse},
		{`data.a == "x"`, `"data":{}`, expression.Failed},
		{`data.a == data.b`, `"data":{"a":1}`, expression.Failed},
		{"data.`a-b` == 1", `"data":{"a-b":1}`, expression.IsTrue},
		{`data.a >= -5`, `"data":{"a":-5}`, expression.IsTrue},
		{`data.a > false`, `"data":{"a":true}`, expression.IsTrue},
		{`data.a <= "b"`, `"data":{"a":"a\u0062"}`, expression.IsTrue},
		{`data.a == null`, `"data":{"a":null}`, expression.IsTrue},
		{`data.a == null`, `"data":{"a":0}`, expression.IsFalse},
		{`data.a != null`, `"data":{}`, expression.Failed},
		{`data.a == data.b`, `"data":{"a":{"x":[1,2.0]},"b":{"x":[1.0,2]}}`, expression.IsTrue},
		{`data.a == data.b`, `"data":{"a":[1],"b":{"x":1}}`, expression.IsFalse},
		{`data.a < data.b`, `"data":{"a":[1],"b":[2]}`, expression.Failed},
		{`data.a < data.b`, `"data":{"a":"a","b":"b"}`, expression.IsTrue},
		{`data.a in ["a", 2, null, true]`, `"data":{"a":2.0}`, expression.IsTrue},
		{`data.a in ["a", 2, null, true]`, `"data":{"a":null}`, expression.IsTrue},
		{`data.a in ["a", 2, null, true]`, `"data":{"a":false}`, expression.IsFalse},
		{`data.a in ["a", 2, null, true]`, `"data":{"a":{}}`, expression.IsFalse},
		{`data.a in ["a", 2, null, true]`, `"data":{}`, expression.Failed},
		{`data.a in []`, `"data":{}`, expression.Failed},
		{`data["a b"]["c"] == 1`, `"data":{"a b":{"c":1}}`, expression.IsTrue},
		{`data.a.startsWith("é")`, `"data":{"a":"\u00e9t\u00e9"}`, expression.IsTrue},
		{`data.a.endsWith("x")`, `"data":{"a":1}`, expression.Failed},
		{`data.a.contains("b")`, `"data":{"a":"abc"}`, expression.IsTrue},
	})
}

// && and || are those of CEL: what decides, decides, whatever the other operand does.
func TestWhereThreeValues(t *testing.T) {
	operands := []struct {
		text string
		is   expression.Truth
	}{
		{"data.no", expression.IsFalse}, {"data.yes", expression.IsTrue}, {"data.missing", expression.Failed},
		{`data.text.matches("^n$")`, expression.IsTrue}, {`data.text.matches("^y$")`, expression.IsFalse}, {`data.yes.matches("y")`, expression.Failed},
	}
	const data = `"data":{"no":false,"yes":true,"text":"n"}`
	var cases []whereCase
	for _, a := range operands {
		cases = append(cases, whereCase{"!(" + a.text + ")", data,
			[]expression.Truth{expression.IsTrue, expression.IsFalse, expression.Failed}[a.is]})
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

func both(a, b expression.Truth) expression.Truth {
	switch {
	case a == expression.IsFalse || b == expression.IsFalse:
		return expression.IsFalse
	case a == expression.Failed || b == expression.Failed:
		return expression.Failed
	}
	return expression.IsTrue
}

func oneOrOther(a, b expression.Truth) expression.Truth {
	switch {
	case a == expression.IsTrue || b == expression.IsTrue:
		return expression.IsTrue
	case a == expression.Failed || b == expression.Failed:
		return expression.Failed
	}
	return expression.IsFalse
}

func TestWherePresence(t *testing.T) {
	runWhere(t, []whereCase{
		{`has(data.a)`, `"data":{"a":null}`, expression.IsTrue},
		{`has(data.a)`, `"data":{}`, expression.IsFalse},
		{`has(data.a)`, `"data":"text"`, expression.IsFalse},
		{`has(data.a)`, `"data":[]`, expression.Failed},
		{`has(data.a)`, ``, expression.Failed},
		{`has(data.a.b)`, `"data":{}`, expression.Failed},
		{`has(data.a.b)`, `"data":{"a":{}}`, expression.IsFalse},
		{`has(data.a) && data.a > 1`, `"data":{}`, expression.IsFalse},
	})
}

func TestWhereInterpreted(t *testing.T) {
	runWhere(t, []whereCase{
		{`data.a.matches("^x+$")`, `"data":{"a":"xx"}`, expression.IsTrue},
		{`size(data.list) > 1 && data.list[1] == "b"`, `"data":{"list":["a","b"]}`, expression.IsTrue},
		{`data.list.exists(data, data == 2)`, `"data":{"list":[1,2]}`, expression.IsTrue},
		{`data.list.all(i, i.n > 0)`, `"data":{"list":[{"n":1},{"n":0}]}`, expression.IsFalse},
		{`"k" in data && data.k + 1 == 3`, `"data":{"k":2,"other":[{}]}`, expression.IsTrue},
		{`true && data.a == 1`, `"data":{"a":1}`, expression.IsTrue},
		{`false || data.a == 1`, `"data":{}`, expression.Failed},
		// by CEL: compared as doubles
		{`data.a == data.b`, `"data":{"a":9223372036854775807,"b":9223372036854775808}`, expression.IsFalse},
		{`data.a > data.b`, `"data":{"a":-9223372036854775808,"b":-1e30}`, expression.IsTrue},
		{`data.a > data.b`, `"data":{"a":true,"b":false}`, expression.IsTrue},
		{`data.a == data.b`, `"data":{"a":null,"b":null}`, expression.IsTrue},
		{`data.k + size(data) == 4`, `"data":{"k":2,"other":[{}]}`, expression.IsTrue},
		{`data[type] == 1`, `"data":{"web.request":1}`, expression.IsTrue},
		{`type(data.a) == int`, `"data":{"a":1}`, expression.IsTrue},
		{`data.a ? true : false`, `"data":{"a":1}`, expression.Failed},
		{`data.a / 0 == 1`, `"data":{"a":1}`, expression.Failed},
		{`data == {"a": 1, "b": [true, null]}`, `"data":{"b":[true,null],"a":1.0}`, expression.IsTrue},
	})
}

// An evaluation that would take long fails instead.
func TestWhereCostLimit(t *testing.T) {
	list := strings.TrimSuffix(strings.Repeat("1,", 200), ",")
	runWhere(t, []whereCase{
		{`data.l.all(a, data.l.all(b, data.l.all(c, a + b + c == 3)))`, `"data":{"l":[` + list + `]}`, expression.TooCostly},
		{`data.l.all(a, a == 1)`, `"data":{"l":[` + list + `]}`, expression.IsTrue},
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
		`ext.tenant == "x" && source != type`:                     false,
		`data.a.matches("x")`:                                     true,
		`time > timestamp("2020-01-01T00:00:00Z") && data.a == 1`: true,
		`data.a + 1 == 2`:             true,
		`data.list.exists(i, i == 1)`: true,
		`data.a in [type]`:            true,
		`"x" in data.list`:            true,
	} {
		if got, err := expression.Interpreted(where); err != nil || got != want {
			t.Errorf("%s: interpreted %v, %v; want %v", where, got, err, want)
		}
	}
}

// A slip in the name of an attribute is named, and how to write a field of data.
func TestMisspeltAttributes(t *testing.T) {
	for name, near := range map[string]string{
		"tpye": "type", "typ": "type", "Type": "type", "dta": "data", "tim": "time", "timee": "time", "sbject": "subject",
		"sorce": "source", "scourse": "source",
		"dataschma": "dataschema", "specverson": "specversion",
	} {
		_, faults := expression.CompileFilter(name+` == "x"`, engine.Newest(), expression.File, &expression.Columns{})
		if want := fmt.Sprintf("did you mean %q or data.%s?", near, name); len(faults) != 1 ||
			!strings.HasSuffix(faults[0].Text, want) {
			t.Errorf("%s: got %v, want %s", name, faults, want)
		}
	}
}
