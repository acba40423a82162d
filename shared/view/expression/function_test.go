package expression_test

import (
	"os"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// keyOf returns the value of a key field for an event, or noKey.
func keyOf(t *testing.T, source, members string) string {
	t.Helper()
	value, fields := key(t, source)
	text, got := value(scan(t, fields, eventWith(members)), 0, nil)
	if got != expression.IsTrue {
		return noKey
	}
	return string(text)
}

// TestDocumentedFunctions checks every example in the table of functions of docs/views.md.
func TestDocumentedFunctions(t *testing.T) {
	page, err := os.ReadFile("../../../docs/views.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Functions\n")
	section, _, _ = strings.Cut(section, "\n## ")
	examples := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 5 || !strings.HasPrefix(cells[2], "`") {
			continue
		}
		examples++
		source, data, want := strings.Trim(cells[2], "`"), strings.Trim(cells[3], "`"), strings.Trim(cells[4], "` |")
		if got := keyOf(t, source, `"time":"2026-03-04T10:00:00Z","data":`+data); got != want {
			t.Errorf("%s with %s is %q, the page says %q", source, data, got, want)
		}
	}
	if examples < 20 {
		t.Errorf("the page has %d examples", examples)
	}
}

// TestFunctions checks the edges of the functions: what they give, and for what they fail.
func TestFunctions(t *testing.T) {
	for _, c := range []struct{ expr, value, want string }{
		{`data.a.lower()`, `"ÄÖẞ İ Σ"`, "äöß i σ"},
		{`data.a.upper()`, `"straße ǆ é"`, "STRAßE Ǆ É"},
		{`data.a.lower()`, `""`, ""},
		{`data.a.lower()`, `1`, noKey},
		{`data.a.lower()`, `null`, noKey},
		{`data.a.lower()`, `["A"]`, noKey},
		{`data.a.trim()`, `"\u2003\t a b\u00a0\n"`, "a b"},
		{`data.a.substring(1, 3)`, `"äöü€"`, "öü"},
		{`data.a.substring(4)`, `"äöü€"`, ""},
		{`data.a.substring(5)`, `"äöü€"`, noKey},
		{`data.a.substring(3, 2)`, `"äöü€"`, noKey},
		{`data.a.substring(-1)`, `"äöü€"`, noKey},
		{`data.a.split("/")[0]`, `"/a"`, ""},
		{`data.a.split("/")[2]`, `"/a"`, noKey},
		{`string(data.a.split("").size())`, `"äö"`, "2"},
		{`string(data.a.split("/", 0).size())`, `"a/b"`, "0"},
		{`data.a.replace("", "-")`, `"äö"`, "-ä-ö-"},
		{`data.a.replace("a", "b", -1)`, `"aaa"`, "bbb"},
		{`data.a.join()`, `["x","y"]`, "xy"},
		{`data.a.join("/")`, `["x",1]`, noKey},
		{`data.a.lastIndexOf("a")`, `"äaba"`, "3"},
		{`data.a.indexOf("a", 9)`, `"aaa"`, "-1"},

		{`data.a.urlHost()`, `"HTTPS://me:pw@x@Shop.Example.:8443/a@b"`, "shop.example."},
		{`data.a.urlHost()`, `"http://[2001:DB8::1]:80/"`, "[2001:db8::1]"},
		{`data.a.urlHost()`, `"http://[::1]"`, "[::1]"},
		{`data.a.urlHost()`, `"http://É.example?x"`, "É.example"},
		{`data.a.urlHost()`, `"android-app://com.google.android.gm/"`, "com.google.android.gm"},
		{`data.a.urlHost()`, `"http://?q"`, ""},
		{`data.a.urlHost()`, `"-"`, ""},
		{`data.a.urlHost()`, `"//evil.example/a"`, ""},
		{`data.a.urlHost()`, `"/go?to=http://a.example/"`, ""},
		{`data.a.urlHost()`, `"1http://a.example/"`, ""},
		{`data.a.urlHost()`, `7`, noKey},
		{`data.a.urlPath()`, `"https://shop.example/a/b;c?d#e"`, "/a/b;c"},
		{`data.a.urlPath()`, `"https://shop.example#e"`, "/"},
		{`data.a.urlPath()`, `"/%7Ea?x"`, "/%7Ea"},
		{`data.a.urlPath()`, `"//x//y?z"`, "//x//y"},
		{`data.a.urlPath()`, `"/go?to=http://a.example/"`, "/go"},
		{`data.a.urlPath()`, `"/a#b?c"`, "/a"},
		{`data.a.urlPath()`, `"?q=1"`, ""},
		{`data.a.urlPath()`, `"*"`, "*"},

		{`bucket(data.a, [10, 100])`, `9.999999`, "<10"},
		{`bucket(data.a, [10, 100])`, `10`, "10-100"},
		{`bucket(data.a, [10, 100])`, `10.0`, "10-100"},
		{`bucket(data.a, [10, 100])`, `99.5`, "10-100"},
		{`bucket(data.a, [10, 100])`, `1e2`, ">=100"},
		{`bucket(data.a, [10, 100])`, `18446744073709551615`, ">=100"},
		{`bucket(data.a, [10, 100])`, `"10"`, noKey},
		{`bucket(data.a, [10, 100])`, `null`, noKey},
		{`bucket(data.a, [0.5])`, `0.5`, ">=0.5"},
		{`bucket(data.a, [0.5])`, `0.49`, "<0.5"},
		{`bucket(data.a, [-5, 0.0, 2u, 1e3])`, `-0.1`, "-5-0"},
		{`bucket(data.a, [-5, 0.0, 2u, 1e3])`, `2`, "2-1000"},
		{`bucket(data.a, [9007199254740993])`, `9007199254740992`, "<9007199254740993"},
		{`bucket(data.a * 2, [10])`, `5`, ">=10"},
		{`bucket(size(data.a), [3])`, `"ab"`, "<3"},
	} {
		if got := keyOf(t, c.expr, `"data":{"a":`+c.value+`}`); got != c.want {
			t.Errorf("%s of %s: got %q, want %q", c.expr, c.value, got, c.want)
		}
	}
}

// TestFunctionsTooCostly checks that a function pays for what it makes, before it makes it.
func TestFunctionsTooCostly(t *testing.T) {
	for _, where := range []string{
		`data.x.replace("x", data.x) == "a"`,
		`data.x.replace("", data.x) == "a"`,
		`data.x.indexOf(data.x + "y") == 1`,
		`data.x.lastIndexOf("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx") == 1`,
		`data.x.split("").size() == 3`,
		`data.x.split("x") == []`,
		`data.tags.join(data.x) == "a"`,
		`[data.x, data.x].exists(x, data.tags.exists(t, x.lower() == t))`,
		`data.l.all(i, data.x.upper() != "a")`,
		`data.l.all(i, data.x.substring(1, 2) == "x")`,
		`data.l.all(i, data.x.charAt(1) == "x")`,
		`data.l.all(i, data.x.trim() != "a")`,
		`data.l.all(i, data.x.urlPath() != "a")`,
		`data.l.all(i, data.x.urlHost() == "")`,
		`data.l.all(i, bucket(i, [-5, -4, -3, -2, -1, 0]) == ">=0")`,
	} {
		checkCostly(t, where, large)
	}
	runWhere(t, []whereCase{
		{`data.x.replace("y", data.x) == data.x`, large, expression.IsTrue},
		{`data.x.replace("x", data.x, 2).size() == 299998`, large, expression.IsTrue},
		{`data.x.split("x", 3).size() == 3`, large, expression.IsTrue},
		{`data.x.lower() == data.x && data.x.urlPath() == data.x`, large, expression.IsTrue},
		{`data.tags.join(",").size() > 10000`, large, expression.IsTrue},
		{`data.x.indexOf("xxy") == -1`, large, expression.IsTrue},
	})
}

// TestFunctionSlips checks what somebody reads who writes a function in another way.
func TestFunctionSlips(t *testing.T) {
	const bounds = `bucket needs a number and a list of constant numbers in ascending order; ` +
		`write for example bucket(data.bytes, [1000, 10000])`
	many := strings.Repeat("1, ", 100) + "1"
	runSlips(t, keyFaults, []slip{
		{`lower(data.a)`, 5, `lower is written behind a text, for example data.path.lower()`},
		{`split(data.a, "/")[0]`, 5, `split is written behind a text, for example data.path.split("/")[1]`},
		{`urlPath(data.a)`, 7, `urlPath is written behind a text, for example data.path.urlPath()`},
		{`data.a.toLowerCase()`, 7, `unknown function "toLowerCase"; write data.path.lower()`},
		{`substr(data.a, 0, 2)`, 0,
			`unknown function "substr"; write data.path.substring(0, 2), or data.path.split("/")[1]`},
		{`hostname(data.a)`, 0, `unknown function "hostname"; write data.url.urlHost()`},
		{`cutQueryString(data.a)`, 0, `unknown function "cutQueryString"; write data.url.urlPath()`},
		{`range_bucket(data.a, [1])`, 0,
			`unknown function "range_bucket"; write bucket(data.bytes, [1000, 10000])`},
		{`data.a.format([1])`, 7, `unknown function "format"; CEL has nothing like it here; ` +
			`send the result as a field of its own`},
		{`bucket(data.a)`, 6, bounds},
		{`bucket(type, [1])`, 6, bounds},
		{`bucket(data.a, 10)`, 6, bounds},
		{`bucket(data.a, [])`, 15, bounds},
		{`bucket(data.a, data.b)`, 19, bounds},
		{`bucket(data.a, [10, 10.0])`, 15, bounds},
		{`bucket(data.a, [100, 10])`, 15, bounds},
		{`bucket(data.a, ["a"])`, 15, bounds},
		{`bucket(data.a, [data.b])`, 15, bounds},
		{`bucket(data.a, [` + many + `])`, 15, `bucket has 101 bounds; the maximum is 100`},
	})
}

func keyFaults(source string) []expression.Fault {
	_, faults := expression.CompileKey(source, engine.Newest(), expression.File, &expression.Columns{})
	return faults
}
