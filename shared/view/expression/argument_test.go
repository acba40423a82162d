package expression_test

import (
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// numberColumn evaluates an argument to numbers.
type numberColumn func(b *event.Batch, rows []int32, out []aggregate.Decimal)

// argument compiles the argument of an aggregate; nil: it has none.
func argument(t testing.TB, source string) (numberColumn, *event.Fields) {
	t.Helper()
	call, faults := expression.ParseCall(source, engine.Newest(), expression.File)
	read := &expression.Columns{}
	arguments, more := call.CompileArguments(read)
	if faults = append(faults, more...); len(faults) > 0 {
		t.Fatalf("compile %s: %v", source, faults)
	}
	if len(arguments) == 0 {
		return nil, event.NewFields(read.Paths())
	}
	return func(b *event.Batch, rows []int32, out []aggregate.Decimal) {
		column := aggregate.Column{Numbers: out}
		arguments[0](b, rows, &column, nil)
		copy(out, column.Numbers)
	}, event.NewFields(read.Paths())
}

// What an argument gives in place of a number.
var (
	missing   = aggregate.Missing.String()
	notNumber = aggregate.NotNumber.String()
	tooLarge  = aggregate.TooLarge.String()
)

func TestArgument(t *testing.T) {
	for _, c := range []struct{ expr, data, want string }{
		{`sum(data.a)`, `{"a":1.10}`, "1.1"},
		{`sum(data.a)`, `{"a":"1"}`, notNumber},
		{`sum(data.a)`, `{"a":true}`, notNumber},
		{`sum(data.a)`, `{"a":[1]}`, notNumber},
		{`sum(data.a)`, `{"a":{"a":1}}`, notNumber},
		{`sum(data.a)`, `{"a":null}`, missing},
		{`sum(data.a)`, `{}`, missing},
		{`sum(data.a.b)`, `{"a":5}`, missing},
		{`sum(data.a)`, `{"a":1e30}`, tooLarge},
		{`sum(data.a)`, `{"a":-1e300}`, tooLarge},
		{`sum(data.a)`, `{"a":1e20}`, "100000000000000000000"},
		{`sum(data.a)`, `{"a":12345678901234567890.123456789012345678}`, "12345678901234567890.123456789012345678"},
		{`sum(data.a)`, `{"a":0.0016150000000000001}`, "0.0016150000000000001"},
		{`sum(data.a)`, `{"a":2.0999999999999998e-06}`, "0.0000020999999999999998"},
		{`sum(data.a)`, `{"a":1e-28}`, "0"},
		{`sum(data["a b"].c)`, `{"a b":{"c":-7}}`, "-7"},
		{`sum(data)`, `5`, "5"},
		{`sum(data.a + 0.1)`, `{"a":0.2}`, "0.3"},
		{`sum(data.a * 0.1)`, `{"a":3}`, "0.3"},
		{`sum(data.a - data.b)`, `{"a":0.3,"b":0.1}`, "0.2"},
		{`sum(data.a - data.b - 1)`, `{"a":5,"b":3}`, "1"},
		{`sum(data.a - (data.b - 1))`, `{"a":5,"b":3}`, "3"},
		{`sum(data.a + data.b * 2)`, `{"a":5,"b":3}`, "11"},
		{`sum((data.a + data.b) * 2)`, `{"a":5,"b":3}`, "16"},
		{`sum(-data.a)`, `{"a":5}`, "-5"},
		{`sum(-(data.a + 1))`, `{"a":5}`, "-6"},
		{`sum(data.a - -3)`, `{"a":5}`, "8"},
		{`sum(-(-data.a))`, `{"a":5}`, "5"},
		{`sum(data.a * - 1.50)`, `{"a":2}`, "-3"},
		{`sum(data.a + .5)`, `{"a":2}`, "2.5"},
		{`sum(data.a + 1e3)`, `{"a":2}`, "1002"},
		{`sum(data.a + 007.5)`, `{"a":2}`, "9.5"},
		{`sum(data.a + 0x10)`, `{"a":2}`, "18"},
		{`sum(data.a + 0.0)`, `{"a":2}`, "2"},
		{`sum(data.a * 12345678901234567890.0)`, `{"a":1}`, "12345678901234567890"},
		{`sum(data.a * 0.000000000000000000000000001)`, `{"a":1}`, "0.000000000000000000000000001"},
		{`sum(data.a * 0.1234567890123456)`, `{"a":1}`, "0.1234567890123456"},
		{`sum(data.a + data.b)`, `{"a":1}`, missing},
		{`sum(data.a + data.b)`, `{"a":1,"b":"2"}`, notNumber},
		{`sum(data.a + data.b)`, `{"a":"1"}`, missing},
		{`sum(data.a + data.b)`, `{"b":"2","a":1e40}`, notNumber},
		{`sum(data.a * data.a)`, `{"a":99999999999}`, "9999999999800000000001"},
		{`sum(data.a * data.a)`, `{"a":1e15}`, tooLarge},
		{`sum(data.a * data.a - data.a * data.a)`, `{"a":1e15}`, tooLarge},
		// Each number and each product is rounded, half to even, and nothing else is.
		{`sum(data.a * data.b)`, `{"a":0.123456789012345678,"b":2500.75}`, "308.7345651226234542585"},
		{`sum(data.a * 0.1)`, `{"a":0.000000000000000000000000001}`, "0"},
		{`sum(data.a * 0.5)`, `{"a":0.000000000000000000000000001}`, "0"},
		{`sum(data.a * 0.5)`, `{"a":0.000000000000000000000000003}`, "0.000000000000000000000000002"},
		{`sum(data.a * 0.5)`, `{"a":-0.000000000000000000000000005}`, "-0.000000000000000000000000002"},
		{`sum(data.a * 0.5 * 2)`, `{"a":0.000000000000000000000000001}`, "0"},
		{`sum(data.a * (0.5 * 2))`, `{"a":0.000000000000000000000000001}`, "0.000000000000000000000000001"},
		{`sum(data.a + data.b)`, `{"a":5e-28,"b":5e-28}`, "0"},
		{`sum(data.a + data.b)`, `{"a":15e-28,"b":15e-28}`, "0.000000000000000000000000004"},
		{`sum((data.a - data.b) * data.c * 0.000277777777777778)`, `{"a":1772362800,"b":1772359200,"c":3}`,
			"3.0000000000000024"},
		{`sum(5)`, `{}`, "5"},
	} {
		value, fields := argument(t, c.expr)
		b := scan(t, fields, eventWith(`"data":{"a":77}`), eventWith(`"data":`+c.data), eventWith(""))
		out := make([]aggregate.Decimal, 2)
		value(b, []int32{1, 2}, out)
		got := string(out[0].AppendText(nil))
		if !out[0].OK {
			got = out[0].Why.String()
		}
		if got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.expr, c.data, got, c.want)
		}
		if out[1].OK != (c.expr == "sum(5)") || out[1].Why != aggregate.Missing {
			t.Errorf("%s without data: got %+v", c.expr, out[1])
		}
	}
}

func TestArgumentOfExtension(t *testing.T) {
	value, fields := argument(t, "sum(ext.weight)")
	b := scan(t, fields, eventWith(`"weight":3`), eventWith(`"weight":null`), eventWith(""))
	out := make([]aggregate.Decimal, 3)
	value(b, []int32{0, 1, 2}, out)
	want := []aggregate.Decimal{aggregate.ParseDecimal([]byte("3")), {}, {}}
	for i := range want {
		if out[i] != want[i] {
			t.Errorf("row %d: got %+v, want %+v", i, out[i], want[i])
		}
	}
}

func TestNoArgument(t *testing.T) {
	if value, _ := argument(t, "count()"); value != nil {
		t.Error("count() has an argument")
	}
}

// An argument's normal form is the same arithmetic, written in one way.
func TestNormalArgument(t *testing.T) {
	for expr, want := range map[string]string{
		`count( )`:                              "count()",
		`sum( data . a )`:                       "sum(data.a)",
		`sum((data.a))`:                         "sum(data.a)",
		`sum(data["a b"])`:                      `sum(data["a b"])`,
		`sum(data['a'])`:                        `sum(data["a"])`,
		`sum(data.a+data.b*2)`:                  "sum(data.a + data.b * 2)",
		`sum((data.a+data.b)*2)`:                "sum((data.a + data.b) * 2)",
		`sum(data.a-(data.b-1))`:                "sum(data.a - (data.b - 1))",
		`sum((data.a-data.b)-1)`:                "sum(data.a - data.b - 1)",
		`sum(data.a+(data.b+1))`:                "sum(data.a + (data.b + 1))",
		`sum(2*(data.a*data.b))`:                "sum(2 * (data.a * data.b))",
		`sum(-data.a*2)`:                        "sum(-data.a * 2)",
		`sum(-(data.a*2))`:                      "sum(-(data.a * 2))",
		`sum(-(-data.a))`:                       "sum(-(-data.a))",
		`sum(--data.a)`:                         "sum(data.a)",
		`sum(-(5))`:                             "sum(-5)",
		`sum(data.a - - 1)`:                     "sum(data.a - -1)",
		`sum(data.a * 0.10)`:                    "sum(data.a * 0.1)",
		`sum(data.a * 1.0)`:                     "sum(data.a * 1)",
		`sum(data.a * 1e3)`:                     "sum(data.a * 1000)",
		`sum(data.a * -0.0)`:                    "sum(data.a * 0)",
		`sum(data.a * 12345678901234567890.0)`:  "sum(data.a * 12345678901234567890.0)",
		`sum(data.a *  1e-28)`:                  "sum(data.a *  1e-28)", // wrong, so as it is
		`sum(data.l.map( i,(i) ))`:              "sum(data.l.map(i, i))",
		`sum(data["l"].map(i,i["a"]*i["b c"]))`: `sum(data["l"].map(i, i["a"] * i["b c"]))`,
		`sum(2*data.l.map(i,(i.a+1)))`:          "sum(2 * data.l.map(i, i.a + 1))",
		`sum(-data.l.map(i, -i))`:               "sum(-data.l.map(i, -i))",
		`sum(data.l.map(i,i.l.map(j,i.a*j)))`:   "sum(data.l.map(i, i.l.map(j, i.a * j)))",
		`sum(data.a *  0.1000000000000000055)`:  "sum(data.a * 0.1000000000000000055)", // no float64
	} {
		if got := expression.NormalCall(expr); got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
}
