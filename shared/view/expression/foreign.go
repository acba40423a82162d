package expression

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/operators"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/view/spelling"
)

// hint says what CEL has for words of other languages.
type hint struct {
	words string // separated by spaces, in lower case
	text  string
}

// find returns the text for a word; empty: there is none.
func find(hints []hint, word string) string {
	for _, h := range hints {
		if slices.Contains(strings.Fields(h.words), strings.ToLower(word)) {
			return h.text
		}
	}
	return ""
}

// otherOperators are words that stand where CEL has an operator.
var otherOperators = []hint{
	{"and or not", "write &&, || and !"},
	{"is eq equals", "write == to compare"},
	{"ne isnt", "write != to compare"},
	{"mod", "write %"},
	{"like ilike rlike regexp matches", `write for example data.path.startsWith("/a") or data.path.matches("^/a")`},
	{"contains includes", `write for example data.path.contains("a"), or "a" in data.list`},
	{"between", "write for example data.a >= 1 && data.a <= 5"},
	{"exists isset", "write for example has(data.path)"},
	{"where when if", "write a condition in the field where of the view"},
	{"then else", "write a choice as condition ? value : other"},
	{"as", "write a name before the colon, as in total: sum(data.price)"},
}

const (
	choiceText   = `write for example has(data.a) ? data.a : "none"`
	elementsText = "write a condition on elements as data.list.exists(i, i.price > 1)"
)

// otherPairs are signs of other languages.
var otherPairs = map[string]string{
	"<>": `"<>" is not an operator; write !=`,
	"??": `"??" is not an operator; ` + choiceText,
	"?.": `"?." is not an operator; ` + choiceText,
	"->": `"->" is not an operator; write a dot, as in data.path`,
	"=>": `"=>" is not an operator; ` + elementsText,
	"**": `"**" is not an operator; multiply, as in data.a * data.a`,
	"++": `"++" is not an operator; write for example data.a + 1`,
	"[*": `"[*]" is not part of CEL; ` + elementsText,
	`."`: `a quoted field has no dot before it; write for example data["user-agent"]`,
	".'": `a quoted field has no dot before it; write for example data["user-agent"]`,
	"{{": `"{{" is not part of CEL; write a path alone, such as data.path`,
	"${": `"${" is not part of CEL; write a path alone, such as data.path`,
}

// calledBefore is the beginning of a call: its function, and what stands before a place in it.
var calledBefore = regexp.MustCompile(`^\s*(\w+)\s*\(([^,]*)`)

// choiceAt says how to write a default, after what stands before it in an expression. Arithmetic has none, so a
// condition leaves the events without a value out.
func choiceAt(before []rune) string {
	found := calledBefore.FindStringSubmatch(string(before))
	if found == nil {
		return choiceText
	}
	f, ok := aggregate.Lookup(found[1])
	switch {
	case !ok:
		return choiceText
	case len(found[0]) < len(string(before)) || len(f.Arguments()) == 0:
		return "write a condition for example as has(data.a) && data.a"
	case f.Arguments()[0] == aggregate.Numbers:
		return fmt.Sprintf("an argument of %s has no default; leave out the events without it by a condition, as in "+
			"%[1]s(data.bytes, has(data.bytes))", f.Name())
	}
	return choiceText
}

// wordBefore is a word before the argument of a call, as in count(distinct data.user).
var wordBefore = regexp.MustCompile(`(?i)^\s*\w+\s*\(\s*((?:distinct|unique)\s+([\w.]+))`)

// distinctFault names the word distinct before an argument; its text is empty when there is none.
func distinctFault(source string) Fault {
	found := wordBefore.FindStringSubmatchIndex(source)
	if found == nil {
		return Fault{}
	}
	return Fault{len([]rune(source[:found[2]])), distinctText(source[found[4]:found[5]])}
}

// distinctText says how the different values of an argument are counted.
func distinctText(argument string) string {
	return fmt.Sprintf("write distinct(%s) to count different values; a condition is the last argument, as in "+
		"distinct(%[1]s, data.status < 400)", spelling.Shorten(argument))
}

var decimalComma = regexp.MustCompile(`\d,\d`)

// foreignFault names what other languages write around a syntax error; its text is empty when there is none.
func foreignFault(source []rune, at int) Fault {
	for from := max(0, at-1); from <= at && from+2 <= len(source); from++ {
		pair := string(source[from : from+2])
		if text := otherPairs[pair]; text != "" {
			return Fault{from, strings.ReplaceAll(text, choiceText, choiceAt(source[:from]))}
		}
	}
	if at > 0 && at+2 <= len(source) && decimalComma.MatchString(string(source[at-1:at+2])) {
		return Fault{at, "a number has a decimal point; write for example 1.5"}
	}
	before := strings.TrimRight(string(source[:min(at, len(source))]), " ")
	if word, isLast := strings.CutSuffix(before, "not"); isLast && (word == "" || strings.HasSuffix(word, " ")) {
		return Fault{len([]rune(word)), `"not" is not an operator; write !`}
	}
	return Fault{}
}

// otherFunctions are functions of other languages.
var otherFunctions = []hint{
	{"len length strlen", "write size(data.path)"},
	{"lcase tolower tolowercase downcase casefold", "write data.path.lower()"},
	{"ucase toupper touppercase upcase", "write data.path.upper()"},
	{"substr mid left slice", "write data.path.substring(0, 2), or data.path.split(\"/\")[1]"},
	{"strip ltrim rtrim trimspace", "write data.path.trim()"},
	{"replaceall regexp_replace gsub translate", `write data.path.replace("-", "_")`},
	{"domain host hostname gethost getdomain", "write data.url.urlHost()"},
	{"pathname getpath cutquerystring stripquery", "write data.url.urlPath()"},
	{"range_bucket width_bucket histogram bin buckets ntile", "write bucket(data.bytes, [1000, 10000])"},
	{"now today currenttime current_timestamp",
		"every event is in the window of its time, and a query says which windows"},
	{"coalesce default ifnull nvl getordefault ordefault orvalue", choiceText},
	{"isset defined isdefined exist isnull isnotnull", "write has(data.path)"},
	{"includes has_any in_list", `write "a" in data.list, or data.path.contains("a")`},
	{"any some", "write data.list.exists(i, i > 1)"},
	{"every", "write data.list.all(i, i > 1)"},
	{"regex regexp regexp_like match like test", `write data.path.matches("^/a")`},
	{"toint parseint integer long number tonumber", "write int(data.a); numbers need no conversion"},
	{"float tofloat parsefloat decimal todouble", "write double(data.a); numbers need no conversion"},
	{"str tostring text", "write string(data.a)"},
	{"concat", "write data.a + data.b"},
	{"date year month day hour minute weekday date_trunc extract",
		"write for example time.getHours(), or let the window divide the time"},
	{"if iif ifelse case", "write a choice as condition ? value : other"},
	{"format abs round floor ceil sqrt pow log hash",
		"CEL has nothing like it here; send the result as a field of its own"},
}

// macroExamples say how each macro is written.
var macroExamples = map[string]string{
	"has": "has(data.path)", "all": "data.list.all(i, i > 1)", "exists": "data.list.exists(i, i > 1)",
	"exists_one": "data.list.exists_one(i, i > 1)", "map": "data.list.map(i, i.price)",
	"filter": "data.list.filter(i, i > 1)",
}

// unknownFunction explains the name of a function that CEL does not have, or a macro that is not written as one.
func unknownFunction(name string) string {
	if _, ok := aggregate.Lookup(name); ok {
		return fmt.Sprintf("%q is an aggregate and no function; write it below aggregates", name)
	}
	if example, ok := macroExamples[name]; ok {
		text := fmt.Sprintf("%s is not written like this; write for example %s", name, example)
		if name == "exists" {
			text += ", or has(data.path) for a field"
		}
		return text
	}
	if text := find(otherFunctions, name); text != "" {
		return fmt.Sprintf("unknown function %q; %s", name, text)
	}
	return fmt.Sprintf("unknown function %q; %s", spelling.Shorten(name),
		spelling.Suggest(name, "functions", functionNames()))
}

func functionNames() (names []string) {
	for name := range environment().Functions() {
		if !strings.ContainsAny(name, "_@!") && name != operators.OldIn && name != "in" {
			names = append(names, name)
		}
	}
	for _, macro := range environment().Macros() {
		names = append(names, macro.Function())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// prefixed are the forms in which other programs write attributes and extensions: in headers, and below a name.
func prefixed(name string) (attribute string) {
	for _, prefix := range []string{"ce-", "ce_"} {
		if after, ok := strings.CutPrefix(strings.ToLower(name), prefix); ok && knows(after) {
			return after
		}
	}
	return ""
}

// constants are the constants of CEL by what other languages call them, in lower case.
func constants() map[string]string {
	return map[string]string{"nil": "null", "none": "null", "null": "null", "undefined": "null", "true": "true",
		"false": "false"}
}
