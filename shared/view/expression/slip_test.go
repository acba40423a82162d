package expression_test

import (
	"testing"

	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// slip is an expression with a typing mistake, and the fault that names it.
type slip struct {
	source string
	at     int
	text   string
}

func runSlips(t *testing.T, compile func(source string) []expression.Fault, slips []slip) {
	t.Helper()
	for _, s := range slips {
		faults := compile(s.source)
		if len(faults) != 1 || faults[0].At != s.at || faults[0].Text != s.text {
			t.Errorf("%s: got %v, want {%d %s}", s.source, faults, s.at, s.text)
		}
	}
}

func filterFaults(source string) []expression.Fault {
	_, faults := expression.CompileFilter(source, engine.Newest(), expression.File, &expression.Columns{})
	return faults
}

func callFaults(source string) []expression.Fault {
	_, faults := expression.ParseCall(source, engine.Newest(), expression.File)
	return faults
}

func TestBareWords(t *testing.T) {
	runSlips(t, filterFaults, []slip{
		{`host == "a"`, 0, `unknown attribute "host"; did you mean data.host? An extension attribute is written ext.host`},
		{`data.a == 1 && status > 1`, 15,
			`unknown attribute "status"; did you mean data.status? An extension attribute is written ext.status`},
		{`user_id == 1`, 0, `unknown attribute "user_id"; did you mean data.user_id?`},
		{`Host == "a"`, 0, `unknown attribute "Host"; did you mean data.Host?`},
		{`user.name == "a"`, 0, `unknown attribute "user"; did you mean data.user.name?`},
		{`user["first name"] == "a"`, 0, `unknown attribute "user"; did you mean data.user["first name"]?`},
		{`has(user.name)`, 4, `unknown attribute "user"; did you mean data.user.name?`},
		{`tags.exists(t, t == "a")`, 0,
			`unknown attribute "tags"; did you mean data.tags? An extension attribute is written ext.tags`},
		{`data.tags.exists(t, t == tag)`, 25,
			`unknown attribute "tag"; did you mean data.tag? An extension attribute is written ext.tag`},
		{`data.tags.exists(t, t == "a") && t == "b"`, 33,
			`unknown attribute "t"; did you mean data.t? An extension attribute is written ext.t`},
		{`"a" in roles`, 7, `unknown attribute "roles"; did you mean data.roles? An extension attribute is written ext.roles`},
		{`size(items) > 1`, 5, `unknown attribute "items"; did you mean data.items? An extension attribute is written ext.items`},
		{`traceparent == "a"`, 0, `unknown attribute "traceparent"; write an extension attribute as ext.traceparent`},
		{`event.data.host == "a"`, 0, `the event has no name in an expression; write data.host without event`},
		{`event.type == "a"`, 0, `the event has no name in an expression; write type without event`},
		{`e["data"]["user-agent"] == "a"`, 0, `the event has no name in an expression; write data["user-agent"] without e`},
		{`has(event.data.host)`, 4, `the event has no name in an expression; write data.host without event`},
		{`date > 1`, 0, `unknown attribute "date"; did you mean "data" or data.date?`},
		{`dta.x > 1`, 0, `unknown attribute "dta"; did you mean "data"?`},
		{`data.x == nil`, 10, `unknown attribute "nil"; write null`},
		{`data.x == None`, 10, `unknown attribute "None"; write null`},
		{`data.x == True`, 10, `unknown attribute "True"; write true`},
		{`ext == "a"`, 0, `ext needs the name of an extension attribute; write for example ext.traceparent`},
		{`ext[type] == "a"`, 0, `ext needs the name of an extension attribute; write for example ext.traceparent`},
		{`ext.type == "a"`, 0, `type is no extension attribute; write type without ext`},
		{`ext.data.x == 1`, 0, `data is no extension attribute; write data without ext`},
		{`ext.stamp == "a"`, 0, `"stamp" is what ingest adds to an event, and no part of it; use id or time`},
		{`ext.user_id == 1`, 0,
			`"user_id" cannot be an extension attribute, whose names have only a-z and 0-9; did you mean data.user_id?`},
	})
	const different = `write distinct(data.x) to count different values; a condition is the last argument, as in ` +
		`distinct(data.x, data.status < 400)`
	runSlips(t, callFaults, []slip{
		{`sum(price)`, 4, `unknown attribute "price"; did you mean data.price? An extension attribute is written ext.price`},
		{`sum(bytes)`, 4, `bytes is the name of a type; did you mean data.bytes?`},
		{`sum(data.a * price)`, 13,
			`unknown attribute "price"; did you mean data.price? An extension attribute is written ext.price`},
		{`max(event.data.x)`, 4, `the event has no name in an expression; write data.x without event`},
		{`min(ext)`, 4, `ext needs the name of an extension attribute; write for example ext.traceparent`},
		{`sum(type)`, 4, `type is not a number; use a number below data`},
		{`count_distinct(data.x)`, 0, `unknown aggregate "count_distinct"; did you mean "distinct"?`},
		{`_sum(data.x)`, 0, `unknown aggregate "_sum"; did you mean "sum"?`},
		{`sum_(data.x)`, 0, `unknown aggregate "sum_"; did you mean "sum"?`},
		{`approx_count_distinct(data.x)`, 0,
			`unknown aggregate "approx_count_distinct"; did you mean "distinct"?`},
		{`unique(data.x)`, 0, `unknown aggregate "unique"; did you mean "distinct"?`},
		{`p95(data.x)`, 0, `unknown aggregate "p95"; did you mean "quantiles"?`},
		{`median(data.x)`, 0, `unknown aggregate "median"; did you mean "quantiles"?`},
		{`topk(data.x, 5)`, 0, `unknown aggregate "topk"; did you mean "top"?`},
		{`any_value(data.x)`, 0, `unknown aggregate "any_value"; did you mean "last"?`},
		{`top(data.x)`, 0,
			`top needs a whole number from 1 to 100 as argument 2; write for example top(data.path, 10)`},
		{`top(data.x, 1000)`, 12,
			`top needs a whole number from 1 to 100 as argument 2; write for example top(data.path, 10)`},
		{`top(data.x, data.n)`, 16,
			`top needs a whole number from 1 to 100 as argument 2; write for example top(data.path, 10)`},
		{`top(data.x, 3, -5)`, 15, `the weight is -5 for every event, so no value would count; write a field, for example ` +
			`data.amount, or no weight to count events`},
		{`top(data.x, 3, 2 - 2.0, data.paid)`, 15, `the weight is 2 - 2 for every event, so no value would count; write a ` +
			`field, for example data.amount, or no weight to count events`},
		{`top(data.x, 3, 0)`, 15, `the weight is 0 for every event, so no value would count; write a field, for example ` +
			`data.amount, or no weight to count events`},
		{`distinct(data.x, data.y + 1)`, 17,
			`the condition of distinct must be true or false, this is a number; write for example ` +
				`distinct(data.path, data.status < 400)`},
		{`distinct(time)`, 9,
			"an argument must be a string, a number or true or false, this is a time; convert it, for example with string()"},
		{`first(dta.x)`, 6, `unknown attribute "dta"; did you mean "data"?`},
		{`avg(data.x)`, 0, `unknown aggregate "avg"; did you mean "mean"?`},
		{`count(*)`, 6, `* is no value; count needs none, so write count()`},
		{`count(distinct data.x)`, 6, different},
		{`sum(DISTINCT data.x)`, 4, different},
		{`count(distinct(data.x))`, 6, `distinct is an aggregate and cannot stand inside count; ` + different},
		{`sum(data.x, max(data.y))`, 12,
			`max is an aggregate and cannot stand inside sum; write each below aggregates, with a name of its own`},
	})
}

// A text without quotes is named when an attribute is compared with it.
func TestTextsWithoutQuotes(t *testing.T) {
	runSlips(t, filterFaults, []slip{
		{`type == rental.ended`, 8,
			`rental.ended has no quotes; write "rental.ended" to compare type with a text, or data.rental.ended for a field`},
		{`visit != type && data.a == 1`, 0,
			`visit has no quotes; write "visit" to compare type with a text, or data.visit for a field`},
		{`type in ["a", rental.ended]`, 14,
			`rental.ended has no quotes; write "rental.ended" to compare type with a text, or data.rental.ended for a field`},
		{`data.l.exists(i, source == shop)`, 27,
			`shop has no quotes; write "shop" to compare source with a text, or data.shop for a field`},
		{`type == nil`, 8, `unknown attribute "nil"; write null`},
		{`type == dta.x`, 8, `unknown attribute "dta"; did you mean "data"?`},
		{`type == event.type`, 8, `the event has no name in an expression; write type without event`},
		{`type == .data.x`, 8, `".data" begins with a dot; write data`},
		{`data.kind == rental.ended`, 13, `unknown attribute "rental"; did you mean data.rental.ended?`},
	})
	for _, source := range []string{`type == data.kind`, `data.l.exists(kind, type == kind)`, `data.l.exists(type, type == 1)`} {
		if faults := filterFaults(source); len(faults) > 0 {
			t.Errorf("%s: %v", source, faults)
		}
	}
}

func TestHyphens(t *testing.T) {
	const other = " for a field with a hyphen, or data."
	runSlips(t, filterFaults, []slip{
		{`data.user-agent == "a"`, 0, `- subtracts here; write data["user-agent"]` + other + `agent for another field`},
		{`data.retry-count >= 0`, 0, `- subtracts here; write data["retry-count"]` + other + `count for another field`},
		{`data.a.b-c == 1`, 0, `- subtracts here; write data.a["b-c"]` + other + `c for another field`},
		{`data.a-b-c == 1`, 0, `- subtracts here; write data["a-b-c"]` + other + `c for another field`},
		{`data.a-b.c == 1`, 0, `- subtracts here; write data["a-b"].c` + other + `b.c for another field`},
		{`data["a b"]-c == 1`, 0, `- subtracts here; write data["a b-c"]` + other + `c for another field`},
		{`user-agent == "a"`, 0, `- subtracts here; write data["user-agent"]` + other + `agent for another field`},
		{`type == "a" && data.x-y > 1`, 15, `- subtracts here; write data["x-y"]` + other + `y for another field`},
		{`data.total - discount > 1`, 0, `- subtracts here; write data["total-discount"]` + other + `discount for another field`},
		{`data.l.exists(i, i.a-b == 1)`, 17, `- subtracts here; write i["a-b"]` + other + `b for another field`},
		{`data.sign-in == 1`, 0, `CEL does not read data.sign-in as a field; write data["sign-in"]`},
		{`data.x-1st == 2`, 0, `CEL does not read data.x-1st as a field; write data["x-1st"]`},
	})
	runSlips(t, callFaults, []slip{
		{`sum(data.cpu-usage)`, 4, `- subtracts here; write data["cpu-usage"]` + other + `usage for another field`},
		{`sum(data.cpu-usage * 2)`, 4, `- subtracts here; write data["cpu-usage"]` + other + `usage for another field`},
	})
	for _, source := range []string{`data.a - data.b > 1`, `data.l.all(i, data.n - i > 0)`, `data.a - 1 > 0`} {
		if faults := filterFaults(source); len(faults) > 0 {
			t.Errorf("%s: %v", source, faults)
		}
	}
}

// A field that CEL cannot read behind a dot is shown as it must be written.
func TestFieldsBehindDots(t *testing.T) {
	runSlips(t, filterFaults, []slip{
		{`data.in == 1`, 0, `CEL does not read data.in as a field; write data["in"]`},
		{`data.true`, 0, `CEL does not read data.true as a field; write data["true"]`},
		{`data.false == 1`, 0, `CEL does not read data.false as a field; write data["false"]`},
		{`data.null == 1`, 0, `CEL does not read data.null as a field; write data["null"]`},
		{`data.a.in.b == 1`, 0, `CEL does not read data.a.in.b as a field; write data.a["in"].b`},
		{`type == "x" && data.in > 1`, 15, `CEL does not read data.in as a field; write data["in"]`},
		{`has(data.in)`, 4, `CEL does not read data.in as a field; write data["in"]`},
		{`data.2xx > 1`, 0, `CEL does not read data.2xx as a field; write data["2xx"]`},
		{`data.@type == 1`, 0, `CEL does not read data.@type as a field; write data["@type"]`},
		{`data.$ref == "a"`, 0, `CEL does not read data.$ref as a field; write data["$ref"]`},
		{`data.a#b == 1`, 0, `CEL does not read data.a#b as a field; write data["a#b"]`},
		{`package == 1`, 0, `"package" is a reserved word; write a field of that name as data.package`},
	})
	runSlips(t, callFaults, []slip{{`sum(data.in)`, 4, `CEL does not read data.in as a field; write data["in"]`}})
	runWhere(t, []whereCase{
		{`data["in"] == 1 && data.package == 2 && data["2xx"] == 3`, `"data":{"in":1,"package":2,"2xx":3}`, expression.IsTrue},
	})
}

// Signs that text programs put in the place of others, and signs that nobody sees, are named.
func TestUnusualSigns(t *testing.T) {
	runSlips(t, filterFaults, []slip{
		{"data.x\u00a0== 1", 6, "a no-break space (U+00A0) stands here; write an ordinary space"},
		{"data.x ==\u202f1", 9, "a narrow no-break space (U+202F) stands here; write an ordinary space"},
		{"data.x\u3000== 1", 6, "an ideographic space (U+3000) stands here; write an ordinary space"},
		{"data.x ==\u20091", 9, "an unusual space (U+2009) stands here; write an ordinary space"},
		{"data.x ==\u200b 1", 9, "an invisible character (U+200B) stands here; remove it"},
		{"\ufeffdata.x == 1", 0, "an invisible character (U+FEFF) stands here; remove it"},
		{"data.x == 1\u202e", 11, "an invisible character (U+202E) stands here; remove it"},
		{"data.x == “a”", 10, "a typographic quote (U+201C) stands here; write \""},
		{"data.x == ‘a’", 10, "a typographic quote (U+2018) stands here; write '"},
		{"data.x – 1 > 2", 7, "a dash (U+2013) stands here; write -"},
		{"data.x − 1 > 2", 7, "a minus sign (U+2212) stands here; write -"},
		{"data.x ≥ 1", 7, "a sign (U+2265) stands here; write >="},
		{"data.x ≠ 1", 7, "a sign (U+2260) stands here; write !="},
		{"data.x ＝= 1", 7, "a full-width sign (U+FF1D) stands here; write ="},
		{"data.x =~ \"a\"", 7, `"=~" is not an operator; write for example data.path.matches("^/a")`},
	})
}

func TestFilterIsNeverBoolean(t *testing.T) {
	runSlips(t, filterFaults, []slip{
		{`data.a - data.b`, 7, "- gives a number here, and never true or false; compare it with something"},
		{`data.a + data.b`, 7, "+ gives a number here, and never true or false; compare it with something"},
		{`-data.a`, 0, "- gives a number here, and never true or false; compare it with something"},
		{`data.a * data.b && data.c`, 7, "* gives a number here, and never true or false; compare it with something"},
		{`data.c || data.a % data.b`, 17, "% gives a number here, and never true or false; compare it with something"},
		{`!(data.a / data.b)`, 9, "/ gives a number here, and never true or false; compare it with something"},
		{`data.c ? data.a - data.b : data.d`, 16, "- gives a number here, and never true or false; compare it with something"},
		{`type`, 0, "where must be true or false, this is a string; compare it with something"},
		{`size(data.l)`, 0, "where must be true or false, this is a number; compare it with something"},
		{`data.l.map(i, i)`, 0, "where must be true or false, this is a list; compare it with something"},
		{`time`, 0, "where must be true or false, this is a time; compare it with something"},
		{`data.a ? "x" : "y"`, 0, "where must be true or false, this is a string; compare it with something"},
		{`"true"`, 0, "where must be true or false, this is a string; compare it with something"},
		{`ext`, 0, "ext needs the name of an extension attribute; write for example ext.traceparent"},
	})
}

// Extensions are read by name, in closures and in the interpreter.
func TestExtensions(t *testing.T) {
	const members = `"traceparent":"00-a","weight":3,"sampled":true,"none":null,"ext":"x"`
	runWhere(t, []whereCase{
		{`ext.traceparent == "00-a" && ext["weight"] > 2 && ext.sampled`, members, expression.IsTrue},
		{`ext.ext == "x"`, members, expression.IsTrue},
		{`has(ext.weight) && !has(ext.none) && !has(ext.missing)`, members, expression.IsTrue},
		{`ext.none == "x"`, members, expression.Failed},
		{`ext.missing == "x"`, members, expression.Failed},
		{`ext.traceparent.matches("^00") && ext.weight + 1 == 4`, members, expression.IsTrue},
		{`has(ext.traceparent) ? ext.traceparent.matches("b") : false`, members, expression.IsFalse},
		{`[1].exists(ext, ext == 1) && ext.weight == 3`, members, expression.IsTrue},
		{`ext.weight in [1, 3]`, members, expression.IsTrue},
		{`ext.weight == data.weight`, members + `,"data":{"weight":3.0}`, expression.IsTrue},
	})
}
