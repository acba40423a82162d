package expression_test

import (
	"testing"

	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// A field with a hyphen whose last word is the name of an attribute subtracts that attribute, and no event has such a
// number.
func TestHyphensBeforeAttributes(t *testing.T) {
	const other = " for a field with a hyphen, or data."
	runSlips(t, filterFaults, []slip{
		{`data.user-id == 1`, 0, `- subtracts here; write data["user-id"]` + other + `id for another field`},
		{`data.start-time > 1`, 0, `- subtracts here; write data["start-time"]` + other + `time for another field`},
		{`data.meta-data == 1`, 0, `- subtracts here; write data["meta-data"]` + other + `data for another field`},
		{`data.content-type == "a"`, 0, `- subtracts here; write data["content-type"]` + other + `type for another field`},
		{`data.open-source > 1`, 0, `- subtracts here; write data["open-source"]` + other + `source for another field`},
		{`data.mail-subject == "a"`, 0, `- subtracts here; write data["mail-subject"]` + other + `subject for another field`},
		{`data.trace.span-id == "a"`, 0, `- subtracts here; write data.trace["span-id"]` + other + `id for another field`},
		{`data.a-b-id == 1`, 0, `- subtracts here; write data["a-b-id"]` + other + `id for another field`},
		{`data.event-type.name == "a"`, 0, `- subtracts here; write data["event-type"].name` + other +
			`type.name for another field`},
		{`data.l.exists(i, i.user-id == 1)`, 17, `- subtracts here; write i["user-id"]` + other + `id for another field`},
		{`user-id == 1`, 0, `- subtracts here; write data["user-id"]` + other + `id for another field`},
		{`ce-type == "a"`, 0, `an attribute has no prefix here; write type`},
		{`CE-Source == "a"`, 0, `an attribute has no prefix here; write source`},
		{`ext.tenant-id == "a"`, 0, `"tenant-id" cannot be an extension attribute, whose names have only a-z and 0-9; ` +
			`did you mean data["tenant-id"]?`},
	})
	runSlips(t, callFaults, []slip{
		{`sum(data.unit-id)`, 4, `- subtracts here; write data["unit-id"]` + other + `id for another field`},
		{`max(data.end-time)`, 4, `- subtracts here; write data["end-time"]` + other + `time for another field`},
	})
	for _, source := range []string{
		`data.meta-data.x > 1`, `data.l.all(id, data.n-id > 0)`, `time - time > duration("1h")`, `data.a-ext.b > 1`,
	} {
		if faults := filterFaults(source); len(faults) > 0 {
			t.Errorf("%s: %v", source, faults)
		}
	}
	// A release that did not know this accepted a definition that compares a duration. It goes on.
	const stored = `data.start-time > duration("1h")`
	if _, faults := expression.CompileFilter(stored, engine.Newest(), expression.Stored,
		&expression.Columns{}); len(faults) > 0 {
		t.Errorf("a stored definition is refused: %v", faults)
	}
}

// Attributes and extensions as headers and other programs write them.
func TestAttributesInOtherForms(t *testing.T) {
	runSlips(t, filterFaults, []slip{
		{`ce_type == "a"`, 0, `unknown attribute "ce_type"; write type`},
		{`ce_source == "a"`, 0, `unknown attribute "ce_source"; write source`},
		{`extension.traceparent == "a"`, 0,
			`unknown attribute "extension"; an extension attribute is written ext.traceparent`},
		{`extensions["tenant"] == "a"`, 0, `unknown attribute "extensions"; an extension attribute is written ext.tenant`},
		{`data_base64 == "a"`, 0, `unknown attribute "data_base64"; JSON in it is read as data, so write data.path`},
		{`cloudevent.type == "a"`, 0, `the event has no name in an expression; write type without cloudevent`},
		{`this.data.city == "a"`, 0, `the event has no name in an expression; write data.city without this`},
		{`$.data.city == "a"`, 0, `"$" is not part of CEL; write a path without it, such as data.path`},
		{`${data.city} == "a"`, 0, `"${" is not part of CEL; write a path alone, such as data.path`},
		{`data."user-agent" == "a"`, 4, `a quoted field has no dot before it; write for example data["user-agent"]`},
		{`data->city == "a"`, 4, `"->" is not an operator; write a dot, as in data.path`},
		{`data.größe > 1`, 0, `CEL does not read data.größe as a field; write data["größe"]`},
		{`data.a.名前 == "a"`, 0, `CEL does not read data.a.名前 as a field; write data.a["名前"]`},
		{`data.café == "a"`, 0, "CEL does not read data.cafe\u0301 as a field; write data[\"cafe\u0301\"]"},
		{`has(data["x-y"])`, 8, `has() takes a path with dots; write ("x-y" in data)`},
		{`has(data["größe"])`, 8, `has() takes a path with dots; write ("größe" in data)`},
		{`type in ("a","b")`, 8, `a list stands in brackets; write in ["a","b"]`},
		{`data.a == "é" && type in ( "a", "b" ) || data.c`, 25, `a list stands in brackets; write in ["a", "b"]`},
		{`has(data.a['x-y']) && true`, 10, `has() takes a path with dots; write ('x-y' in data.a)`},
	})
	runSlips(t, callFaults, []slip{
		{`sum(data.größe)`, 4, `CEL does not read data.größe as a field; write data["größe"]`},
	})
}

// Operators of other languages.
func TestOperatorsOfOtherLanguages(t *testing.T) {
	const choice, elements = `write for example has(data.a) ? data.a : "none"`,
		"write a condition on elements as data.list.exists(i, i.price > 1)"
	runSlips(t, filterFaults, []slip{
		{`data.a is "x"`, 7, `"is" is not an operator; write == to compare`},
		{`data.a IS null`, 7, `"IS" is not an operator; write == to compare`},
		{`data.a eq 1`, 7, `"eq" is not an operator; write == to compare`},
		{`data.a <> 1`, 7, `"<>" is not an operator; write !=`},
		{`data.a AND data.b`, 7, `"AND" is not an operator; write &&, || and !`},
		{`not data.a`, 0, `"not" is not an operator; write !`},
		{`data.b && not data.a`, 10, `"not" is not an operator; write !`},
		{`data.a like "x%"`, 7,
			`"like" is not an operator; write for example data.path.startsWith("/a") or data.path.matches("^/a")`},
		{`data.a ~ "x"`, 7, `"~" is not an operator; write for example data.path.matches("^/a")`},
		{`data.a contains "x"`, 7,
			`"contains" is not an operator; write for example data.path.contains("a"), or "a" in data.list`},
		{`data.a between 1 and 5`, 7, `"between" is not an operator; write for example data.a >= 1 && data.a <= 5`},
		{`data.a exists`, 7, `"exists" is not an operator; write for example has(data.path)`},
		{`data.a ?? 1`, 7, `"??" is not an operator; ` + choice},
		{`data.a > 1 ? true`, 17, `the other value of a choice is missing; write condition ? value : other`},
		{`data.a ** 2 > 4`, 7, `"**" is not an operator; multiply, as in data.a * data.a`},
		{`data.a ^ 2 > 4`, 7, `"^" is not an operator; multiply, as in data.a * data.a`},
		{`data.a++ > 4`, 6, `"++" is not an operator; write for example data.a + 1`},
		{`data.a > 5,00`, 10, `a number has a decimal point; write for example 1.5`},
		{`data.l[*].a > 1`, 6, `"[*]" is not part of CEL; ` + elements},
		{`data.l.exists(x => x > 1)`, 16, `"=>" is not an operator; ` + elements},
		{`data.a > 1 # large`, 11, `"#" is not part of CEL; a comment in an expression begins with //`},
		{`type in "a"`, 5, `in needs a list or a map on its right side; write for example type in ["a", "b"]`},
		{`time > "2026-01-01T00:00:00Z"`, 5,
			`> does not accept (timestamp, string); write a time as timestamp("2015-05-17T10:05:03Z")`},
		{`time.hour == 3`, 4, `a time has no fields; write for example time.getHours()`},
	})
	runSlips(t, callFaults, []slip{
		{`sum(data.a) where data.b > 1`, 12, `"where" is not an operator; write a condition in the field where of the view`},
		{`sum(data.a) as total`, 12,
			`"as" is not an operator; write a name before the colon, as in total: sum(data.price)`},
		{`sum(data.a ?? 0)`, 11, `"??" is not an operator; an argument of sum has no default; leave out the events without ` +
			`it by a condition, as in sum(data.bytes, has(data.bytes))`},
		{`count(data.a ?? false)`, 13, `"??" is not an operator; write a condition for example as has(data.a) && data.a`},
		{`sum(data.a, data.b ?? true)`, 19,
			`"??" is not an operator; write a condition for example as has(data.a) && data.a`},
		{`distinct(data.a ?? "x")`, 16, `"??" is not an operator; ` + choice},
	})
}

// Functions of other languages, and functions of CEL that are not written as CEL writes them.
func TestFunctionsOfOtherLanguages(t *testing.T) {
	const choice = `write for example has(data.a) ? data.a : "none"`
	const nothing = `CEL has nothing like it here; send the result as a field of its own`
	runSlips(t, filterFaults, []slip{
		{`len(data.a) > 3`, 0, `unknown function "len"; write size(data.path)`},
		{`data.a.length() > 3`, 7, `unknown function "length"; write size(data.path)`},
		{`data.a.toLowerCase() == "a"`, 7, `unknown function "toLowerCase"; write data.path.lower()`},
		{`ucase(data.a) == "A"`, 0, `unknown function "ucase"; write data.path.upper()`},
		{`time > now()`, 7,
			`unknown function "now"; every event is in the window of its time, and a query says which windows`},
		{`coalesce(data.a, 1) > 1`, 0, `unknown function "coalesce"; ` + choice},
		{`isset(data.a)`, 0, `unknown function "isset"; write has(data.path)`},
		{`data.l.includes("a")`, 7, `unknown function "includes"; write "a" in data.list, or data.path.contains("a")`},
		{`data.l.any(x, x > 1)`, 7, `unknown function "any"; write data.list.exists(i, i > 1)`},
		{`data.l.every(x, x > 1)`, 7, `unknown function "every"; write data.list.all(i, i > 1)`},
		{`parseInt(data.a) > 1`, 0, `unknown function "parseInt"; write int(data.a); numbers need no conversion`},
		{`concat(data.a, "b") == "ab"`, 0, `unknown function "concat"; write data.a + data.b`},
		{`abs(data.a) > 1`, 0, `unknown function "abs"; ` + nothing},
		{`hour(time) == 3`, 0,
			`unknown function "hour"; write for example time.getHours(), or let the window divide the time`},
		{`exists(data.a)`, 0, `exists is not written like this; write for example data.list.exists(i, i > 1), or ` +
			`has(data.path) for a field`},
		{`data.l.map(x).size() > 1`, 7, `map is not written like this; write for example data.list.map(i, i.price)`},
		{`has(data.a, data.b)`, 0, `has is not written like this; write for example has(data.path)`},
		{`filter(data.l)`, 0, `filter is not written like this; write for example data.list.filter(i, i > 1)`},
		{`startsWith(data.a, "x")`, 10, `startsWith is written behind a text, for example data.path.startsWith("/a")`},
		{`contains(data.a, "x")`, 8, `contains is written behind a text, for example data.path.contains("/a")`},
		{`getHours(time) == 3`, 8, `getHours is written behind a time, for example time.getHours()`},
		{`data.l.sum() > 1`, 7, `"sum" is an aggregate and no function; write it below aggregates`},
	})
}
