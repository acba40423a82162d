package viewfile_test

import (
	"strings"
	"testing"
)

// Files with a wrong expression in where or key. The error must name the place of the wrong part, whatever the YAML
// around it.
func TestParseBrokenExpression(t *testing.T) {
	runBroken(t, []broken{
		{"expression is empty", with(whereLine, `    where: ""`),
			"v.yaml:4:13: the expression is empty; write for example data.path"},
		{"expression too long", with(whereLine, `    where: data.a == "`+strings.Repeat("x", 2000)+`"`),
			"v.yaml:4:12: the text has 2012 characters; the maximum is 2000"},
		{"ends too early", with(whereLine, `    where: data.status <`),
			"v.yaml:4:25: the expression ends too early; a value is missing here"},
		{"assignment", with(whereLine, `    where: data.status = 400`),
			`v.yaml:4:24: "=" is not an operator; write == to compare`},
		{"single ampersand", with(whereLine, `    where: data.a & data.b`),
			`v.yaml:4:19: "&" is not an operator; write &&`},
		{"and", with(whereLine, `    where: data.a and data.b`),
			`v.yaml:4:19: "and" is not an operator; write &&, || and !`},
		{"string without end", with(whereLine, `    where: data.a == "x`),
			`v.yaml:4:22: the string "x has no end or an invalid escape; close it with the quote it began with, and write a backslash as \\`},
		{"bracket missing", with(whereLine, `    where: (data.a == 1`),
			"v.yaml:4:24: the expression ends too early; a closing bracket or parenthesis is missing here"},
		{"operator missing", with(whereLine, `    where: data.a data.b`),
			`v.yaml:4:19: unexpected "data"; add an operator before it, or remove it`},
		{"misspelt attribute", with(whereLine, `    where: tpye == "web.request"`),
			`v.yaml:4:12: unknown attribute "tpye"; did you mean "type" or data.tpye?`},
		{"misspelt data", with(keyLine, `      path: dta.path`),
			`v.yaml:6:13: unknown attribute "dta"; did you mean "data"?`},
		{"no attribute", with(keyLine, `      path: user_id`),
			`v.yaml:6:13: unknown attribute "user_id"; did you mean data.user_id?`},
		{"stamp", with(keyLine, `      path: stamp`),
			`v.yaml:6:13: "stamp" is what ingest adds to an event, and no part of it; use id or time`},
		{"leading dot", with(keyLine, `      path: .data.path`),
			`v.yaml:6:13: ".data" begins with a dot; write data`},
		{"types differ", with(whereLine, `    where: type == 5`),
			"v.yaml:4:17: == does not accept (string, int); convert a side, or compare with a value of the same type"},
		{"no boolean", with(whereLine, `    where: data.a + 1`),
			"v.yaml:4:12: where must be true or false, this is a number; compare it with something"},
		{"string where", with(whereLine, `    where: type`),
			"v.yaml:4:12: where must be true or false, this is a string; compare it with something"},
		{"string operand", with(whereLine, `    where: type && data.a`),
			"v.yaml:4:12: this must be true or false, but is a string; compare it with something"},
		{"field of a string", with(whereLine, `    where: type.name == "x"`),
			"v.yaml:4:16: a string has no fields; only data and its members have"},
		{"unknown function", with(whereLine, `    where: data.path.startswith("/a")`),
			`v.yaml:4:22: unknown function "startswith"; did you mean "startsWith"?`},
		{"unknown function, nothing like it", with(whereLine, `    where: frobnicate(data.path)`),
			`v.yaml:4:12: unknown function "frobnicate"; the functions are all, bool, bucket, bytes, charAt, contains, double, duration, dyn, endsWith, exists, exists_one, filter, getDate, getDayOfMonth, getDayOfWeek, getDayOfYear, getFullYear, getHours, getMilliseconds, getMinutes, getMonth, getSeconds, has, indexOf, int, join, lastIndexOf, lower, lowerAscii, map, matches, replace, size, split, startsWith, string, substring, timestamp, trim, type, uint, upper, upperAscii, urlHost, urlPath`},
		{"regular expression", with(whereLine, `    where: data.path.matches("[a")`),
			"v.yaml:4:30: the regular expression is invalid (missing closing ]: `[a`); see " +
				"https://github.com/google/re2/wiki/Syntax"},
		{"time", with(whereLine, `    where: time > timestamp("2020-13-01")`),
			`v.yaml:4:29: "2020-13-01" is not a time; write for example "2015-05-17T10:05:03Z"`},
		{"duration", with(whereLine, `    where: time - time > duration("1 hour")`),
			`v.yaml:4:35: "1 hour" is not a duration; write for example "90s" or "1h30m"`},
		{"has without a field", with(whereLine, `    where: has(data)`),
			"v.yaml:4:16: has() tests a field; write for example has(data.path)"},
		{"large integer", with(whereLine, `    where: data.a == 99999999999999999999`),
			"v.yaml:4:22: the number does not fit into 64 bits; write it with u behind it to compare it, or with .0"},
		{"reserved word", with(whereLine, `    where: if == 1`),
			`v.yaml:4:12: "if" is a reserved word; write a field of that name as data.if, and a choice as ` +
				`condition ? value : other`},
		{"nested parentheses", with(whereLine, `    where: `+strings.Repeat("(", 500)+"1"+strings.Repeat(")", 500)),
			"v.yaml:4:12: the expression is nested too deeply; the maximum is 250 levels"},
		{"no part of CEL", with(whereLine, `    where: data.a == $x`),
			`v.yaml:4:22: "$" is not part of CEL; write a path without it, such as data.path`},
		{"sign without meaning", with(whereLine, `    where: data.a == \x`),
			`v.yaml:4:22: "\\" is not part of CEL; remove it, or put text in quotes`},
		{"value missing", with(whereLine, `    where: data.a == && data.b`),
			`v.yaml:4:22: unexpected "&&"; write a value such as data.path, 5 or "text"`},
		{"branches of two types", with(keyLine, `      path: 'data.a ? 1 : "x"'`),
			"v.yaml:6:21: ? : does not accept (dyn, int, string); convert a side, or compare with a value of the same type"},
		{"variable of a macro", with(whereLine, `    where: data.l.exists(1, true)`),
			"v.yaml:4:26: a variable name is missing here; write for example data.list.exists(i, i > 1)"},
		{"key is a time", with(keyLine, `      path: time`),
			"v.yaml:6:13: a key field must be a string, a number or true or false, this is a time; convert it, for example " +
				"with string()"},
		{"key field is a list", with(keyLine, `      path: '[data.path]'`),
			"v.yaml:6:14: a key field must be a string, a number or true or false, this is a list; take one element, as " +
				`in data.list[0], or join texts, as in data.list.join(",")`},
		{"single quotes", with(keyLine, `      path: 'data[''a b''] + dat.b'`),
			`v.yaml:6:30: unknown attribute "dat"; did you mean "data"?`},
		{"double quotes", with(keyLine, `      path: "\tdata[\"\u0061\\u0062\x63\"] + \u0064at.b"`),
			`v.yaml:6:46: unknown attribute "dat"; did you mean "data"?`},
		{"literal block", with(whereLine, `    where: |`, `      data.a == "é" &&`, ``, `        tpye == "x" ||`, `      dat.b`),
			`v.yaml:7:9: unknown attribute "tpye"; did you mean "type" or data.tpye?` + "\n" +
				`v.yaml:8:7: unknown attribute "dat"; did you mean "data"?`},
		{"folded block", with(whereLine, `    where: >-`, `      data.a == 1`, `      && dat.b == 1`),
			`v.yaml:6:10: unknown attribute "dat"; did you mean "data"?`},
		{"plain on two lines", with(whereLine, `    where: data.a == "é"`, `      && dat.b == 1`),
			`v.yaml:5:10: unknown attribute "dat"; did you mean "data"?`},
		{"beyond the first plane", with(whereLine, `    where: data.a == "😀" && dat.b`),
			`v.yaml:4:29: unknown attribute "dat"; did you mean "data"?`},
	})
}

// Files with a wrong aggregate.
func TestParseBrokenAggregate(t *testing.T) {
	runBroken(t, []broken{
		{"unknown aggregate", with(sumLine, `      bytes: total(data.bytes)`),
			`v.yaml:10:14: unknown aggregate "total"; did you mean "sum"?`},
		{"misspelt aggregate", with(sumLine, `      bytes: summ(data.bytes)`),
			`v.yaml:10:14: unknown aggregate "summ"; did you mean "sum"?`},
		{"no function", with(sumLine, `      bytes: data.bytes`),
			"v.yaml:10:14: an aggregate must be one function around its arithmetic, for example sum(data.price * 100); the " +
				"aggregates are count, distinct, first, last, max, mean, min, quantiles, rate, stddev, sum, top, variance"},
		{"count without parentheses", with(countLine, `      views: count`),
			"v.yaml:9:14: count is a function; write count()"},
		{"sum without parentheses", with(sumLine, `      bytes: sum`),
			"v.yaml:10:14: sum is a function; write for example sum(data.bytes)"},
		{"arithmetic outside", with(sumLine, `      bytes: sum(data.bytes) * 8`),
			"v.yaml:10:14: an aggregate must be one function around its arithmetic, for example sum(data.price * 100); the " +
				"aggregates are count, distinct, first, last, max, mean, min, quantiles, rate, stddev, sum, top, variance"},
		{"method", with(sumLine, `      bytes: data.bytes.sum()`),
			"v.yaml:10:14: an aggregate must be one function around its arithmetic, for example sum(data.price * 100); the " +
				"aggregates are count, distinct, first, last, max, mean, min, quantiles, rate, stddev, sum, top, variance"},
		{"count of something", with(countLine, `      views: count(data.bytes, data.b)`),
			"v.yaml:9:20: count takes no argument but a condition; write count() or count(data.status < 400)"},
		{"count of a number", with(countLine, `      views: count(data.bytes * 2)`),
			"v.yaml:9:20: the condition of count must be true or false, this is a number; write for example " +
				"count(data.status < 400)"},
		{"count of a text", with(countLine, `      views: count(type)`),
			"v.yaml:9:20: the condition of count must be true or false, this is a string; write for example " +
				"count(data.status < 400)"},
		{"condition with an unknown name", with(countLine, `      views: count(stauts >= 500 && data.b)`),
			`v.yaml:9:20: unknown attribute "stauts"; did you mean data.stauts? An extension attribute is written ext.stauts`},
		{"condition with wrong types", with(sumLine, `      bytes: sum(data.bytes, type > 5)`),
			"v.yaml:10:35: > does not accept (string, int); convert a side, or compare with a value of the same type"},
		{"condition that compares with one sign", with(sumLine, `      bytes: sum(data.bytes, type = "a")`),
			`v.yaml:10:35: "=" is not an operator; write == to compare`},
		{"condition with a number in it", with(sumLine, `      bytes: sum(data.bytes, data.a && data.b - data.c)`),
			"v.yaml:10:47: - gives a number here, and never true or false; compare it with something"},
		{"condition first", with(sumLine, `      bytes: sum(data.status < 400, data.bytes)`),
			"v.yaml:10:30: < is not allowed in an argument; an argument may contain only paths such as data.bytes, numbers, " +
				"+ - * and parentheses" + orSums},
		{"sum of nothing", with(sumLine, `      bytes: sum()`),
			"v.yaml:10:14: sum takes 1 argument, not 0; write for example sum(data.bytes)"},
		{"sum of two", with(sumLine, `      bytes: sum(data.a, data.b + 1)`),
			"v.yaml:10:26: the condition of sum must be true or false, this is a number; write for example " +
				"sum(data.bytes, data.status < 400)"},
		{"sum of three", with(sumLine, `      bytes: sum(data.a, data.b, data.c)`),
			"v.yaml:10:14: sum takes 1 argument and a condition, not 3; write for example sum(data.bytes, data.status < 400)"},
		{"sum of a string", with(sumLine, `      bytes: sum(type)`),
			"v.yaml:10:18: type is not a number; use a number below data"},
		{"sum of a time", with(sumLine, `      bytes: sum(data.a + time)`),
			"v.yaml:10:27: time is not a number; use a number below data"},
		{"quotient", with(sumLine, `      bytes: sum(data.bytes / 1024)`),
			"v.yaml:10:29: division is not exact; multiply, for example by 0.5, or divide the answer"},
		{"element", with(sumLine, `      bytes: sum(data.parts[0])`),
			"v.yaml:10:28: an argument cannot read an element of an array; an argument may contain only paths such as " +
				"data.bytes, numbers, + - * and parentheses" + orSums},
		{"function in an argument", with(sumLine, `      bytes: sum(data.a + size(data.b))`),
			"v.yaml:10:27: size is not allowed in an argument; an argument may contain only paths such as data.bytes, " +
				"numbers, + - * and parentheses" + orSums},
		{"comparison in an argument", with(sumLine, `      bytes: sum(data.a == 1)`),
			"v.yaml:10:25: == is not allowed in an argument; an argument may contain only paths such as data.bytes, numbers, " +
				"+ - * and parentheses" + orSums},
		{"text in an argument", with(sumLine, `      bytes: sum(data.a + "1")`),
			"v.yaml:10:27: string constants are not allowed in an argument; an argument may contain only paths such as " +
				"data.bytes, numbers, + - * and parentheses" + orSums},
		{"unsigned", with(sumLine, `      bytes: sum(data.a * 2u)`),
			"v.yaml:10:27: uint constants are not allowed in an argument; an argument may contain only paths such as " +
				"data.bytes, numbers, + - * and parentheses" + orSums},
		{"list in an argument", with(sumLine, `      bytes: sum([1])`),
			"v.yaml:10:18: this is not allowed in an argument; an argument may contain only paths such as data.bytes, " +
				"numbers, + - * and parentheses" + orSums},
		{"macro in an argument", with(sumLine, `      bytes: sum(has(data.a))`),
			"v.yaml:10:21: this is not allowed in an argument; an argument may contain only paths such as data.bytes, " +
				"numbers, + - * and parentheses" + orSums},
		{"choice in an argument", with(sumLine, `      bytes: 'sum(has(data.a) ? data.a : 0)'`),
			"v.yaml:10:31: ? : is not allowed in an argument; write a condition behind the argument, as in sum(data.bytes, " +
				"has(data.bytes))"},
		{"filter of an array", with(sumLine, `      bytes: sum(data.items.filter(i, i.ok).map(i, i.a))`),
			"v.yaml:10:29: " + noFilter},
		{"map with a condition", with(sumLine, `      bytes: sum(2 * data.items.map(i, i.ok, i.a))`), "v.yaml:10:33: " + noFilter},
		{"filter alone", with(sumLine, `      bytes: sum(data.items.filter(i, i > 1))`), "v.yaml:10:29: " + noFilter},
		{"exists in an argument", with(sumLine, `      bytes: sum(data.items.exists(i, i > 1))`),
			"v.yaml:10:29: exists is not allowed in an argument; an argument may contain only paths such as data.bytes, " +
				"numbers, + - * and parentheses" + orSums},
		{"map of a list", with(sumLine, `      bytes: sum([1, 2].map(i, i))`),
			"v.yaml:10:25: map needs a path before it in an argument; write for example data.items.map(i, i.price * i.pieces)"},
		{"map of a map", with(sumLine, `      bytes: sum(data.items.map(i, i.a).map(j, j))`),
			"v.yaml:10:41: map needs a path before it in an argument; write for example data.items.map(i, i.price * i.pieces)"},
		{"element named as an attribute", with(sumLine, `      bytes: sum(data.items.map(data, data.a))`),
			"v.yaml:10:29: data is an attribute, so an element needs another name; write for example " +
				"data.items.map(i, i.price * i.pieces)"},
		{"misspelt element", with(sumLine, `      bytes: sum(data.items.map(item, itm.a))`),
			`v.yaml:10:39: unknown attribute "itm"; did you mean data.itm.a?`},
		{"element outside of its sum", with(sumLine, `      bytes: sum(data.items.map(i, i.a) + i.b)`),
			`v.yaml:10:43: unknown attribute "i"; did you mean data.i.b?`},
		{"text of an element", with(sumLine, `      bytes: sum(data.items.map(i, i.a + "1"))`),
			"v.yaml:10:42: string constants are not allowed in an argument; an argument may contain only paths such as " +
				"data.bytes, numbers, + - * and parentheses" + orSums},
		{"hyphen of an element", with(sumLine, `      bytes: sum(data.items.map(i, i.unit-price))`),
			`v.yaml:10:36: - subtracts here; write i["unit-price"] for a field with a hyphen, or data.price for another field`},
		{"nine sums", with(sumLine, "      bytes: sum(data.a"+strings.Repeat(".map(i, i", 9)+strings.Repeat(")", 10)),
			"v.yaml:10:28: lists, maps and macros are nested too deeply here; the maximum is 16 levels, of which map and " +
				"filter take two"},
		{"too many decimals", with(sumLine, `      bytes: sum(data.a * 0.1234567890123456789012345678)`),
			"v.yaml:10:27: the number cannot be stored exactly; write one below 10^30 in size with at most 27 decimals"},
		{"misspelt in an argument", with(sumLine, `      bytes: sum(data.a * dat.b)`),
			`v.yaml:10:27: unknown attribute "dat"; did you mean "data"?`},
		{"several faults of one argument", with(sumLine, `      bytes: sum(type / 2 + "x")`),
			"v.yaml:10:23: division is not exact; multiply, for example by 0.5, or divide the answer" + "\n" +
				"v.yaml:10:29: string constants are not allowed in an argument; an argument may contain only paths such as " +
				"data.bytes, numbers, + - * and parentheses" + orSums},
	})
}

const (
	orSums   = ", and sums over arrays such as data.items.map(i, i.price)"
	noFilter = "a sum over an array cannot leave out elements; multiply by a field that is 0 for them, or send the " +
		"elements to be summed as a field of their own"
)
