package expression_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// spellings are numbers, each in several notations, by the text of their key.
var spellings = map[string][]string{
	"404":                       {"404", "404.0", "4.04e2", "404e0", "40400e-2", "0.404E+3", "404.000000000000000000000"},
	"-404":                      {"-404", "-404.0", "-4.04e2"},
	"0":                         {"0", "-0", "0.0", "-0.0", "0e5", "-0E-7", "0.000"},
	"3":                         {"3", "3.0", "3e0"},
	"1000":                      {"1000", "1e3", "1E+3", "1000.0"},
	"0.1":                       {"0.1", "1e-1", "0.10", "0.1000000000000000055511151231257827", "0.10000000000000001"},
	"1.5":                       {"1.5", "15e-1", "1.50"},
	"-2.5":                      {"-2.5", "-25e-1"},
	"0.30000000000000004":       {"0.30000000000000004", "30000000000000004e-17"},
	"0.000001":                  {"0.000001", "1e-6"},
	"1e-07":                     {"1e-7", "0.0000001"},
	"9007199254740992":          {"9007199254740992", "9007199254740992.0"},
	"9007199254740993":          {"9007199254740993", "9007199254740993.0", "9.007199254740993e15"},
	"1524831183200260097":       {"1524831183200260097", "1524831183200260097.0", "1.524831183200260097e18"},
	"1524831183200260096":       {"1524831183200260096", "1524831183200260096.0"},
	"9223372036854775807":       {"9223372036854775807", "9223372036854775807.0"},
	"-9223372036854775808":      {"-9223372036854775808", "-9223372036854775808.0"},
	"9223372036854775808":       {"9223372036854775808", "9223372036854775808.0"},
	"12345678901234567890":      {"12345678901234567890", "1.234567890123456789e19"},
	"12345678901234567891":      {"12345678901234567891", "12345678901234567891.0"},
	"18446744073709551615":      {"18446744073709551615", "18446744073709551615e0"},
	"1000000000000000000000000": {"1e24", "1000000000000000000000000", "1000000000000000000000000.0"},
}

// keysOf are the values of a key field, compiled and in the interpreter.
func keysOf(t fataler, members string) (compiled, interpreted string) {
	read := func(source string) string {
		columns := &expression.Columns{}
		value, faults := expression.CompileKey(source, engine.Newest(), expression.File, columns)
		if len(faults) > 0 {
			t.Fatalf("compile %s: %v", source, faults)
		}
		key, result := value(scan(t, event.NewFields(columns.Paths()), eventWith(members)), 0, nil)
		if result != expression.IsTrue {
			return noKey
		}
		return string(key)
	}
	return read("data.a"), read("[data.a][0]")
}

// TestOneKeyPerNumber checks that a number has one key whatever its spelling, compiled and interpreted, and two numbers
// have the same key exactly when == says that they are equal.
func TestOneKeyPerNumber(t *testing.T) {
	filters := map[string]func(string) expression.Truth{}
	for _, source := range []string{"data.a == data.b", "[data.a][0] == [data.b][0]", "data.a in [data.b]",
		"!(data.a != data.b)"} {
		compiled, fields := filter(t, source)
		filters[source] = func(members string) expression.Truth { return compiled(scan(t, fields, eventWith(members)), 0) }
		interpreter, interpreterFields, err := expression.InterpretFilter(source)
		if err != nil {
			t.Fatal(err)
		}
		filters[source+", interpreted"] = func(members string) expression.Truth {
			return interpreter(scan(t, interpreterFields, eventWith(members)), 0)
		}
	}
	for key, texts := range spellings {
		for _, text := range texts {
			if compiled, interpreted := keysOf(t, `"data":{"a":`+text+`}`); compiled != key || interpreted != key {
				t.Errorf("the key of %s is %q, and %q in the interpreter; want %q", text, compiled, interpreted, key)
			}
			for otherKey, others := range spellings {
				want := expression.IsFalse
				if otherKey == key {
					want = expression.IsTrue
				}
				for _, other := range others[:2] {
					for source, says := range filters {
						if got := says(fmt.Sprintf(`"data":{"a":%s,"b":%s}`, text, other)); got != want {
							t.Errorf("%s with %s and %s is %d, want %d", source, text, other, got, want)
						}
					}
				}
			}
		}
	}
}

// TestKeysBeyond64Bits checks that integers that == compares as doubles keep all their digits in a key.
func TestKeysBeyond64Bits(t *testing.T) {
	const one, other = "340282366920938463463374607431768211455", "340282366920938463463374607431768211454"
	for _, text := range []string{one, other, "-" + one} {
		if key, _ := keysOf(t, `"data":{"a":`+text+`}`); key != text {
			t.Errorf("the key of %s is %s", text, key)
		}
	}
	equal, fields := filter(t, "data.a == data.b")
	if got := equal(scan(t, fields, eventWith(`"data":{"a":`+one+`,"b":`+other+`}`)), 0); got != expression.IsTrue {
		t.Errorf("== says %d of what it compares as doubles", got)
	}
}

// TestLookAlikes checks that a string is its own key, letter by letter. It shares the row of a number that has the same
// text, and == tells the two apart.
func TestLookAlikes(t *testing.T) {
	equal, fields := filter(t, "data.a == data.b")
	for _, c := range []struct{ a, b, aKey, bKey string }{
		{`404`, `"404"`, "404", "404"},
		{`404.0`, `"404.0"`, "404", "404.0"},
		{`404`, `"0404"`, "404", "0404"},
		{`404`, `" 404"`, "404", " 404"},
		{`4.04e2`, `"4.04e2"`, "404", "4.04e2"},
		{`-0`, `"-0"`, "0", "-0"},
		{`0.1`, `".1"`, "0.1", ".1"},
		{`true`, `"true"`, "true", "true"},
		{`true`, `1`, "true", "1"},
		{`false`, `0`, "false", "0"},
		{`1e3`, `"1,000"`, "1000", "1,000"},
	} {
		for text, want := range map[string]string{c.a: c.aKey, c.b: c.bKey} {
			if compiled, interpreted := keysOf(t, `"data":{"a":`+text+`}`); compiled != want || interpreted != want {
				t.Errorf("the key of %s is %q, and %q in the interpreter; want %q", text, compiled, interpreted, want)
			}
		}
		if got := equal(scan(t, fields, eventWith(`"data":{"a":`+c.a+`,"b":`+c.b+`}`)), 0); got != expression.IsFalse {
			t.Errorf("%s == %s is %d, want false", c.a, c.b, got)
		}
	}
}

// TestUnsignedConstants checks that identities of 64 bits without a sign are found exactly.
func TestUnsignedConstants(t *testing.T) {
	for where, want := range map[string]string{
		"data.a == 12345678901234567890u":                "data.a is 12345678901234567890",
		"12345678901234567890u == data.a":                "data.a is 12345678901234567890",
		"data.a in [12345678901234567890u]":              "data.a is 12345678901234567890",
		"data.a > 12345678901234567890u":                 "data.a is 12345678901234567891",
		"data.a >= 5u && data.a < 12345678901234567890u": "data.a is 7 data.a is 1524831183200260097",
		"data.a < 0u": "data.a is -1",
		"data.a > 1524831183200260097 && data.a < 18000000000000000000u": "data.a is 12345678901234567890 data.a is " +
			"12345678901234567891",
	} {
		compiled, fields := filter(t, where)
		if interpreted, err := expression.Interpreted(where); err != nil || interpreted {
			t.Errorf("%s: interpreted %v, error %v", where, interpreted, err)
		}
		interpreter, interpreterFields, err := expression.InterpretFilter(where)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, text := range []string{"-1", "7", "12345678901234567890", "12345678901234567891", "1524831183200260097"} {
			e := eventWith(`"data":{"a":` + text + `}`)
			got := compiled(scan(t, fields, e), 0)
			if got == expression.IsTrue {
				found = append(found, "data.a is "+text)
			}
			if again := interpreter(scan(t, interpreterFields, e), 0); again != got {
				t.Errorf("%s of %s: closures say %d, the interpreter %d", where, text, got, again)
			}
		}
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%s: %s, want %s", where, got, want)
		}
	}
}

// TestKeysAgreeWithInterpreter checks that the key of a random number is the same compiled and interpreted, and is its
// own key.
func TestKeysAgreeWithInterpreter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := fmt.Sprint(rapid.Int64().Draw(t, "digits"))
		if point := rapid.IntRange(0, 19).Draw(t, "point"); point > 0 && len(text) > point && text[point-1] != '-' {
			if text = text[:point] + "." + text[point:]; strings.HasPrefix(strings.TrimPrefix(text, "-"), "0") {
				text = "1"
			}
		}
		if exponent := rapid.IntRange(-30, 30).Draw(t, "exponent"); exponent < 0 {
			text += fmt.Sprintf("e%d", exponent)
		}
		compiled, interpreted := keysOf(t, `"data":{"a":`+text+`}`)
		if compiled != interpreted {
			t.Fatalf("the key of %s is %q, and %q in the interpreter", text, compiled, interpreted)
		}
		if again, _ := keysOf(t, `"data":{"a":`+compiled+`}`); again != compiled {
			t.Fatalf("the key of %s is %s, whose key is %s", text, compiled, again)
		}
	})
}
