package expression_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// valueOf is what an argument gives for data: a number, or the reason why it has none.
func valueOf(t testing.TB, expr, data string) string {
	t.Helper()
	value, fields := argument(t, expr)
	b := scan(t, fields, eventWith(`"data":`+data))
	out := make([]aggregate.Decimal, 1)
	value(b, []int32{0}, out)
	if !out[0].OK {
		return out[0].Why.String()
	}
	return string(out[0].AppendText(nil))
}

func TestSumOverArray(t *testing.T) {
	for _, c := range []struct{ expr, data, want string }{
		{`sum(data.l.map(i, i))`, `{"l":[1,2.5,-4]}`, "-0.5"},
		{`sum(data.l.map(i, i))`, `{"l":[0.1,0.2]}`, "0.3"},
		{`sum(data.l.map(i, i.price * i.pieces))`, `{"l":[{"price":1.10,"pieces":3},{"pieces":2,"price":0.05}]}`, "3.4"},
		{`sum(data.l.map(i, i.a.b))`, `{"l":[{"a":{"b":1}},{"x":[{"a":{"b":9}}],"a":{"c":5,"b":2}}]}`, "3"},
		{`sum(data.l.map(i, i["a b"]))`, `{"l":[{"a b":1},{"a\u0020b":2}]}`, "3"},
		{`mean(data.l.map(i, i) * 1.19)`, `{"l":[1,2]}`, "3.57"},
		{`sum(data.l.map(i, i) - data.m.map(i, i.a))`, `{"l":[1,2],"m":[{"a":5}]}`, "-2"},
		{`sum(data.l.map(i, i * data.rate + 1))`, `{"l":[1,2],"rate":10}`, "32"},
		{`sum(data.l.map(i, 1))`, `{"l":["a",null,{}]}`, "3"},
		{`sum(-data.l.map(i, -i))`, `{"l":[1,2]}`, "3"},
		{`sum(data.l.map(o, o.m.map(i, i * o.a)))`, `{"l":[{"m":[1,2],"a":10},{"a":100,"m":[3]}]}`, "330"},
		{`sum(data.l.map(i, i.map(i, i)))`, `{"l":[[1,2],[],[3]]}`, "6"},
		{`sum(data.map(i, i))`, `[1,2]`, "3"},
		// No elements.
		{`sum(data.l.map(i, i.a))`, `{"l":[]}`, "0"},
		{`sum(data.l.map(i, i.a) + 1)`, `{"l":[]}`, "1"},
		{`sum(data.l.map(i, data.x))`, `{"l":[]}`, "0"},
		// No number.
		{`sum(data.l.map(i, i))`, `{}`, missing},
		{`sum(data.l.map(i, i))`, `{"l":null}`, missing},
		{`sum(data.l.map(i, i))`, `{"l":5}`, notNumber},
		{`sum(data.l.map(i, i))`, `{"l":{"a":1}}`, notNumber},
		{`sum(data.l.map(i, i))`, `{"l":"[1]"}`, notNumber},
		{`sum(data.l.map(i, i))`, `{"l":[1,null]}`, missing},
		{`sum(data.l.map(i, i.a))`, `{"l":[{"a":1},{"b":1}]}`, missing},
		{`sum(data.l.map(i, i.a))`, `{"l":[{"a":1},5]}`, missing},
		{`sum(data.l.map(i, i))`, `{"l":[1,"2"]}`, notNumber},
		{`sum(data.l.map(i, i))`, `{"l":[1e30,"2"]}`, notNumber},
		{`sum(data.l.map(i, i))`, `{"l":[1e30,"2",null]}`, missing},
		{`sum(data.l.map(i, i))`, `{"l":[9e29,9e29]}`, tooLarge},
		{`sum(data.l.map(i, i) + data.l.map(i, data.x))`, `{"l":["a"]}`, missing},
	} {
		if got := valueOf(t, c.expr, c.data); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.expr, c.data, got, c.want)
		}
	}
}

// TestDocumentedSums checks every example of docs/views.md.
func TestDocumentedSums(t *testing.T) {
	page, err := os.ReadFile("../../../docs/views.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n### Sums over arrays\n")
	section, _, _ = strings.Cut(section, "\n## ")
	examples := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 3 || !strings.HasPrefix(cells[0], "`") {
			continue
		}
		examples++
		source, data, want := strings.Trim(cells[0], "`"), strings.Trim(cells[1], "`"), strings.Trim(cells[2], "`")
		if got := valueOf(t, "sum("+source+")", data); got != want {
			t.Errorf("%s with %s is %s, the page says %s", source, data, got, want)
		}
	}
	if examples < 6 {
		t.Errorf("the page has %d examples", examples)
	}
}

// An array is walked as far as the steps of the event last, and no element is left out without a word.
func TestSumOverArrayTooCostly(t *testing.T) {
	ones := func(n int) string { return `{"l":[1` + strings.Repeat(",1", n-1) + `]}` }
	wide := func(n int) string { return `{"l":[{"x":"` + strings.Repeat("x", 16*n) + `","a":1}]}` }
	const costly = "too costly"
	for _, c := range []struct{ name, expr, data, want string }{
		{"80,000 elements", `sum(data.l.map(i, i))`, ones(80_000), "80000"},
		{"100,000 elements", `sum(data.l.map(i, i))`, ones(100_000), costly},
		{"40,000 elements, two parts", `sum(data.l.map(i, i * 1))`, ones(40_000), costly},
		{"40,000 elements, twice", `sum(data.l.map(i, i) + data.l.map(i, i))`, ones(40_000), "80000"},
		{"50,000 elements, twice", `sum(data.l.map(i, i) + data.l.map(i, i))`, ones(50_000), costly},
		{"400 elements squared", `sum(data.l.map(i, data.l.map(j, 1)))`, ones(400), costly},
		{"200 elements squared", `sum(data.l.map(i, data.l.map(j, 1)))`, ones(200), "40000"},
		{"40,000 x 16 bytes, read once", `sum(data.l.map(i, i.a))`, wide(40_000), "1"},
		{"40,000 x 16 bytes, read twice", `sum(data.l.map(i, i.a * i.a))`, wide(40_000), costly},
		{"a field is missing, too", `sum(data.x + data.l.map(i, i))`, ones(100_000), costly},
	} {
		if got := valueOf(t, c.expr, c.data); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	// The next row has all its steps.
	value, fields := argument(t, `sum(data.l.map(i, i))`)
	b := scan(t, fields, eventWith(`"data":`+ones(100_000)), eventWith(`"data":`+ones(80_000)))
	out := make([]aggregate.Decimal, 2)
	value(b, []int32{0, 1}, out)
	if out[0].Why != aggregate.TooCostly || !out[1].OK {
		t.Errorf("got %+v", out)
	}
}

// What a sum over an array reads of an event is the array, and no name of an element.
func TestSumOverArrayReads(t *testing.T) {
	reads := expression.ReadsOf(`sum(data.l.map(i, i.price * data.rate))`)
	if fmt.Sprint(reads.Fields) != "[[data l] [data rate]]" {
		t.Errorf("got %v", reads.Fields)
	}
	if !expression.ReadsData(`sum(data.l.map(i, i))`) || expression.ReadsData(`sum(ext.l.map(i, i))`) {
		t.Error("ReadsData is wrong about an array")
	}
}

// Sums over random arrays are those of encoding/json and math/big, and so is what has no sum.
func TestSumOverArrayAgrees(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		body := oneOf(r, "body", "i", "i.x", "i.p", `i["y z"]`, "i.x * i.p", "i.x + data.a", "2 * i.x - i.p", "i.list.map(j, j)")
		expr := "sum(data.list.map(i, " + body + ") * 3)"
		data := drawObject(r, []string{"a", "list"}, 3)
		var decoded map[string]any
		decoder := json.NewDecoder(strings.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(&decoded); err != nil {
			r.Fatalf("%s: %v", data, err)
		}
		want := plainSum(decoded["list"], func(i any) (*big.Rat, int) { return plainBody(body, i, decoded) })
		if got := valueOf(t, expr, data); got != want {
			r.Errorf("%s of %s: got %s, want %s", expr, data, got, want)
		}
	})
}

// The reasons in their order, and none.
const (
	isMissing = iota
	isNoNumber
	isTooLarge
	isNumber
)

func plainSum(array any, body func(any) (*big.Rat, int)) string {
	sum, lack := plainArray(array, body)
	if sum.Mul(sum, big.NewRat(3, 1)); lack == isNumber && sum.Cmp(limit) >= 0 || new(big.Rat).Neg(sum).Cmp(limit) >= 0 {
		lack = isTooLarge
	}
	if lack != isNumber {
		return []string{missing, notNumber, tooLarge}[lack]
	}
	text := strings.TrimRight(sum.FloatString(40), "0")
	return strings.TrimSuffix(text, ".")
}

var limit, _ = new(big.Rat).SetString("1e30")

func plainArray(array any, body func(any) (*big.Rat, int)) (sum *big.Rat, lack int) {
	sum, lack = new(big.Rat), isNumber
	switch array := array.(type) {
	case nil:
		return sum, isMissing
	case []any:
		for _, element := range array {
			number, why := body(element)
			sum.Add(sum, number)
			if lack = min(lack, why); lack == isNumber && new(big.Rat).Abs(sum).Cmp(limit) >= 0 {
				lack = isTooLarge
			}
		}
		return sum, lack
	}
	return sum, isNoNumber
}

func plainBody(body string, i any, data map[string]any) (*big.Rat, int) {
	below := func(v any, name string) any {
		object, _ := v.(map[string]any)
		return object[name]
	}
	x, lackX := plainNumber(below(i, "x"))
	p, lackP := plainNumber(below(i, "p"))
	a, lackA := plainNumber(data["a"])
	switch body {
	case "i":
		return plainNumber(i)
	case "i.x":
		return x, lackX
	case "i.p":
		return p, lackP
	case `i["y z"]`:
		return plainNumber(below(i, "y z"))
	case "i.x * i.p":
		product := new(big.Rat).Mul(x, p)
		return product, within(product, min(lackX, lackP))
	case "i.x + data.a":
		return new(big.Rat).Add(x, a), min(lackX, lackA)
	case "2 * i.x - i.p":
		double := new(big.Rat).Add(x, x)
		return double.Sub(double, p), min(lackX, lackP)
	}
	return plainArray(below(i, "list"), plainNumber)
}

func within(n *big.Rat, lack int) int {
	if lack == isNumber && new(big.Rat).Abs(n).Cmp(limit) >= 0 {
		return isTooLarge
	}
	return lack
}

func plainNumber(v any) (*big.Rat, int) {
	switch v := v.(type) {
	case nil:
		return new(big.Rat), isMissing
	case json.Number:
		n, _ := new(big.Rat).SetString(v.String())
		return n, within(n, isNumber)
	}
	return new(big.Rat), isNoNumber
}

// FuzzSumOverArray checks that no expression and no data makes an argument panic, and that a normal form means the
// same.
func FuzzSumOverArray(f *testing.F) {
	f.Add(`sum(data.l.map(i, i.a * 2))`, `{"l":[{"a":1},{"a":"x"}]}`)
	f.Add(`top(data.k, 3, data.l.map(i, i.m.map(j, j - i.a)))`, `{"l":[{"m":[1],"a":2}],"k":1}`)
	f.Fuzz(func(t *testing.T, expr, data string) {
		if !json.Valid([]byte(data)) || strings.ContainsAny(data, " \n\t\r") {
			return
		}
		numbers := func(expr string) string {
			call, faults := expression.ParseCall(expr, engine.Newest(), expression.File)
			if len(faults) > 0 {
				return "faults"
			}
			read := &expression.Columns{}
			arguments, faults := call.CompileArguments(read)
			if len(faults) > 0 {
				return "faults"
			}
			b, err := event.NewFields(read.Paths()).NewBatch(event.AppendLine(nil,
				[]byte(eventWith(`"data":`+data)), event.Stamp{}))
			if err != nil {
				return "damaged"
			}
			var all []aggregate.Column
			for _, argument := range arguments {
				column := aggregate.Column{}
				argument(b, []int32{0}, &column, nil)
				all = append(all, aggregate.Column{Numbers: column.Numbers})
			}
			return fmt.Sprint(all)
		}
		normal := expression.NormalCall(expr)
		if got, want := numbers(normal), numbers(expr); got != want {
			t.Errorf("%s gives %s, its normal form %s gives %s", expr, want, normal, got)
		}
		if again := expression.NormalCall(normal); again != normal {
			t.Errorf("%s: normal form %s has the normal form %s", expr, normal, again)
		}
	})
}
