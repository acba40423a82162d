package expression_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/view/expression"
)

// numbers is a JSON array of n times 1.
func numbers(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]" }

// texts is a JSON array of n different strings.
func texts(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, `,"t%d"`, i)
	}
	return "[" + strings.TrimPrefix(out.String(), ",") + "]"
}

// large is JSON data of about 240 KB: a long text, a long list of texts, and lists of numbers.
var large = fmt.Sprintf(`"data":{"v":1,"x":"%s","tags":%s,"l":%s,"pattern":"[a-z]{1,64}@","zone":"America/New_York","m":{"b":1,"a":2}}`,
	strings.Repeat("x", 100_000), texts(10_000), numbers(20_000))

// memoryOf is the memory that an evaluation makes garbage of, in bytes.
func memoryOf(evaluate func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	evaluate()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// checkCostly checks that an evaluation gives up before it has made much garbage.
func checkCostly(t *testing.T, where, members string) {
	t.Helper()
	evaluate, fields := filter(t, where)
	b := scan(t, fields, eventWith(members))
	var got expression.Truth
	if bytes := memoryOf(func() { got = evaluate(b, 0) }); bytes > 50<<20 {
		t.Errorf("%s made %d bytes", where, bytes)
	}
	if got != expression.TooCostly {
		t.Errorf("%s: got %d, want too costly", where, got)
	}
}

// Each of these evaluations would take seconds or gigabytes of one event of 240 KB.
func TestWhereTooCostly(t *testing.T) {
	for _, where := range []string{
		// The inputs of users: a text joined to every element, and a regular expression of 66 states.
		`data.tags.exists(t, data.x + t == "a/b")`,
		`data.tags.map(t, data.x + t).exists(x, x == "a/b")`,
		`data.x.matches("[a-z0-9]{1,64}@")`,
		// Texts.
		`[data.x].map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x)[0] == "a"`,
		`data.l.all(i, size(data.x) > 1)`,
		`data.l.exists(i, data.x.contains("y"))`,
		`data.l.exists(i, data.x.endsWith("y"))`,
		`data.l.all(i, bytes(data.x) != b"y")`,
		`data.l.all(i, data.x < data.x + "y")`,
		`data.l.all(i, string(bytes(data.x)) == data.x)`,
		`data.x.matches(data.pattern)`,
		`data.tags.exists(t, "a".matches("(((" + t + "){10}){10}){10}"))`,
		`data.l.exists(i, time.getHours(data.zone) == 99)`,
		// Elements.
		`data.l.all(a, data.l.all(b, a == b))`,
		`data.l.map(a, data.l.filter(b, a != b)) == []`,
		`data.l.exists(a, data.l == data.tags + data.tags)`,
		`data.tags.exists(a, a == "none" || a in data.l)`,
		`[data.l, data.tags].exists(a, [data.l, data.l, data.l, data.l, data.l, data.l].exists(b, [a] in [[b, 1], [b]] && a == 1))`,
		`data.l.exists_one(a, data.l.exists_one(b, false))`,
		`data.l.filter(a, data.l.filter(b, false) != []) == []`,
		`data.l.all(a, [a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a] != [])`,
		`data.l.all(a, {"a": a, "b": a, "c": a, "d": a, "e": a} != {})`,
		`(data.l + data.l + data.l + data.l + data.l).all(a, a == 1)`,
		`[data.l].map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x) == [data.l]`,
		`data.l == data["l"] && data.l + [1] == data["l"] + [1] && data.l.size() == 3`,
		// A closure.
		`data.l == data.l && data.l == data.l && data.l == data.l && data.l == data.l`,
		// What decides does not save it, and neither does a part after it.
		`data.l.all(a, data.l.all(b, a == b)) || data.x.matches("x") || data.v + 1 == 2`,
		`!(data.l.all(a, data.l.all(b, a == b)) && data.v == 1 && data.x.matches("y"))`,
	} {
		checkCostly(t, where, large)
	}
}

// Values that the event does not have, but that an expression makes of little, are bounded alike.
func TestWhereTooCostlyOfLittle(t *testing.T) {
	const doubling = ".map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x)"
	for _, where := range []string{
		`data.v in [[5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5` +
			strings.Repeat(",5", 700) + `]]` + doubling + `[0]`,
		`[data.x + data.x + data.x + data.x]` + doubling[:56] + `.exists(x, [x, x, x, x].exists(y, y.matches("[a-z]{1,99}@")))`,
		`[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, ` +
			`[1,2,3,4,5,6,7,8,9].all(e, a + b + c + d + e > 0)))))`,
	} {
		checkCostly(t, where, `"data":{"v":1,"x":"`+strings.Repeat("a", 100)+`"}`)
	}
}

// What ordinary definitions do of ordinary and of large events stays far below the limit.
func TestWhereNotTooCostly(t *testing.T) {
	agent := strings.Repeat("Mozilla/5.0 (X11; Linux x86_64) ", 10)
	runWhere(t, []whereCase{
		{`data.tags.exists(t, t == "t9999")`, large, expression.IsTrue},
		{`data.tags.exists(t, t.startsWith("t9999"))`, large, expression.IsTrue},
		{`"t9999" in data.tags`, large, expression.IsTrue},
		{`data.x == "a"`, large, expression.IsFalse},
		{`size(data.x) == 100000`, large, expression.IsTrue},
		{`data.x.contains("y")`, large, expression.IsFalse},
		{`data.l == data.tags`, large, expression.IsFalse},
		{`data.l.all(i, i == 1)`, `"data":{"l":` + numbers(10_000) + `}`, expression.IsTrue},
		{`data.a.matches("(?i)bot|crawl|spider|slurp")`, `"data":{"a":"` + agent + `"}`, expression.IsFalse},
		{`data.a.matches("^Mozilla/[0-9]+[.][0-9]+ .*$")`, `"data":{"a":"` + agent + `"}`, expression.IsTrue},
		{`data.a.matches(data.p)`, `"data":{"a":"` + agent + `","p":"Linux.*64"}`, expression.IsTrue},
		{`data.l.filter(i, i > 0).map(i, i * 2).exists(i, i == 2)`, `"data":{"l":` + numbers(1_000) + `}`, expression.IsTrue},
		{`data.l.all(a, data.l.all(b, a == b))`, `"data":{"l":` + numbers(100) + `}`, expression.IsTrue},
		{`time.getHours("America/New_York") == 19`, `"time":"2026-01-01T00:00:00Z"`, expression.IsTrue},
		{`data.a == data.b`, `"data":{"a":` + numbers(5_000) + `,"b":` + numbers(5_000) + `}`, expression.IsTrue},
	})
}

// A comparison of two large values says the same compiled and interpreted, on both sides of the limit.
func TestSameLimitCompiledAndInterpreted(t *testing.T) {
	var cases []whereCase
	for _, c := range []struct {
		size int
		want expression.Truth
	}{{10, expression.IsTrue}, {79_000, expression.IsTrue}, {90_000, expression.TooCostly}} {
		members := `"data":{"a":` + numbers(c.size) + `,"b":` + numbers(c.size) + `}`
		cases = append(cases, whereCase{`data.a == data.b`, members, c.want})
	}
	runWhere(t, cases)
	// The very event at the limit is the same one.
	first := func(where func(members string) expression.Truth) int {
		low, high := 79_000, 90_000
		for low+1 < high {
			middle := (low + high) / 2
			if where(`"data":{"a":`+numbers(middle)+`,"b":`+numbers(middle)+`}`) == expression.TooCostly {
				high = middle
			} else {
				low = middle
			}
		}
		return high
	}
	closures, fields := filter(t, `data.a == data.b`)
	compiled := first(func(members string) expression.Truth { return closures(scan(t, fields, eventWith(members)), 0) })
	where, whole, err := expression.InterpretFilter(`data.a == data.b`)
	if err != nil {
		t.Fatal(err)
	}
	interpreted := first(func(members string) expression.Truth { return where(scan(t, whole, eventWith(members)), 0) })
	if compiled != interpreted {
		t.Errorf("%d elements are too many compiled, %d interpreted", compiled, interpreted)
	}
}

// A limit of one event leaves nothing behind for the next one.
func TestCostlyEventThenOthers(t *testing.T) {
	where, fields := filter(t, `data.tags.exists(t, data.x + t == "ab")`)
	small := eventWith(`"data":{"x":"a","tags":["b"]}`)
	b := scan(t, fields, small, eventWith(large), small)
	want := []expression.Truth{expression.IsTrue, expression.TooCostly, expression.IsTrue, expression.TooCostly}
	for i, row := range []int{0, 1, 2, 1} {
		if got := where(b, row); got != want[i] {
			t.Errorf("row %d: got %d, want %d", row, got, want[i])
		}
	}
}

// A key says that it is too costly, too.
func TestKeyTooCostly(t *testing.T) {
	for _, source := range []string{
		`data.tags.map(t, data.x + t)[0]`,
		`data.x.matches("[a-z0-9]{1,64}@") ? "a" : "b"`,
		`data.x.matches("[a-z0-9]{1,64}@")`,
		`data.l == data.l && data.l == data.l && data.l == data.l && data.l == data.l ? data.v : 0`,
	} {
		value, fields := key(t, source)
		b := scan(t, fields, eventWith(large))
		if dst, got := value(b, 0, []byte("before")); got != expression.TooCostly || string(dst) != "before" {
			t.Errorf("%s: got %d behind %.20q, want too costly", source, got, dst)
		}
	}
}

// Macros visit the keys of a map in order, so that every layer comes to the same result.
func TestMacrosVisitKeysInOrder(t *testing.T) {
	const members = `"data":{"m":{"d":1,"b":2,"a":3,"c":{"z":1,"y":2}}}`
	for range 20 {
		runWhere(t, []whereCase{
			{`data.m.map(k, k) == ["a", "b", "c", "d"]`, members, expression.IsTrue},
			{`data.m.map(k, data.m[k] == 3, k)[0] == "a"`, members, expression.IsTrue},
			{`data.m.c.map(k, k)[0] == "y"`, members, expression.IsTrue},
			{`data.map(k, k) == ["m"]`, members, expression.IsTrue},
			{`{"y": 1, "x": 2, "z": 3}.map(k, k)[0] == "x"`, members, expression.IsTrue},
			{`{2: 1, true: 2, "z": 3, 1: 1, 3u: 1, 1.5: 2, false: 2}.map(k, string(k)) == ["false", "true", "1.5", "1", "2", "z", "3"]`,
				members, expression.IsTrue},
			{`data.m == {"a": 3, "b": 2, "c": {"y": 2, "z": 1}, "d": 1} && size(data.m) == 4 && "a" in data.m`, members, expression.IsTrue},
		})
	}
}
