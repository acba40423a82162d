package expression_test

import (
	"fmt"
	"testing"

	"github.com/anabranch/anabranch/shared/aggregate"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

func TestConditions(t *testing.T) {
	for _, c := range []struct {
		expr, data string
		want       expression.Truth
	}{
		{`count(data.status >= 500)`, `{"status":500}`, expression.IsTrue},
		{`count(data.status >= 500)`, `{"status":499.5}`, expression.IsFalse},
		{`count(data.status >= 500)`, `{}`, expression.Absent},
		{`count(data.status >= 500)`, `{"status":"500"}`, expression.Mistyped},
		{`count(data.ok)`, `{"ok":true}`, expression.IsTrue},
		{`count(data.ok)`, `{"ok":false}`, expression.IsFalse},
		{`count(data.ok)`, `{"ok":1}`, expression.Mistyped},
		{`count(has(data.x))`, `{"y":1}`, expression.IsFalse},
		{`count(true)`, `{}`, expression.IsTrue},
		{`count(data.list.exists(i, i > 1))`, `{"list":[1,2]}`, expression.IsTrue},
		{`count(data.path.matches("^/a"))`, `{"path":"/b"}`, expression.IsFalse},
		{`sum(data.x, data.method == "GET" && !data.bot)`, `{"method":"GET","bot":false}`, expression.IsTrue},
		{`sum(data.x, data.ok)`, `{"ok":true}`, expression.IsTrue},
		{`sum(data.x, "a, (b)" in data.list)`, `{"list":["a, (b)"]}`, expression.IsTrue},
		{`max(data.x, ext.sampled)`, `{}`, expression.Absent},
	} {
		call, faults := expression.ParseCall(c.expr, engine.Newest(), expression.File)
		read := &expression.Columns{}
		condition, more := call.CompileCondition(read)
		if faults = append(faults, more...); len(faults) > 0 || condition == nil {
			t.Errorf("%s: condition %v, faults %v", c.expr, condition != nil, faults)
			continue
		}
		b := scan(t, event.NewFields(read.Paths()), eventWith(`"data":`+c.data))
		if got := condition(b, 0); got != c.want {
			t.Errorf("%s of %s: %v, want %v", c.expr, c.data, got, c.want)
		}
	}
}

// Calls with the same arguments or the same condition share them, however they are written.
func TestCallTexts(t *testing.T) {
	for _, c := range []struct{ expr, normal, condition string }{
		{`count( data.a>=5 )`, `count(data.a >= 5)`, `data.a >= 5`},
		{`sum(data.a*1.0,(data['b']))`, `sum(data.a * 1, data["b"])`, `data["b"]`},
		{`sum(data.a, data.l.exists(i,i==1)||true)`, `sum(data.a, data.l.exists(i, i == 1) || true)`,
			`data.l.exists(i, i == 1) || true`},
		{`mean(data.a)`, `mean(data.a)`, ``},
	} {
		call, faults := expression.ParseCall(c.expr, engine.Newest(), expression.File)
		if len(faults) > 0 {
			t.Fatalf("%s: %v", c.expr, faults)
		}
		normal := expression.NormalCall(c.expr)
		if normal != c.normal || call.ConditionText() != c.condition {
			t.Errorf("%s: %s with the condition %s, want %s with %s", c.expr, normal, call.ConditionText(),
				c.normal, c.condition)
		}
		if again := expression.NormalCall(normal); again != normal {
			t.Errorf("%s: the normal form of %s is %s", c.expr, normal, again)
		}
	}
}

// A scalar has the text of a key, and its kind.
func TestScalars(t *testing.T) {
	for _, c := range []struct{ expr, data, want string }{
		{`data.a`, `{"a":"x"}`, "0 x"},
		{`data.a`, `{"a":"\u0061\n"}`, "0 a\n"},
		{`data.a`, `{"a":404.0}`, "1 404"},
		{`data.a`, `{"a":true}`, "2 true"},
		{`data.a`, `{"a":null}`, "missing"},
		{`data.a`, `{}`, "missing"},
		{`data.a`, `{"a":[1]}`, "wrong type"},
		{`"x"`, `{}`, "0 x"},
		{`data.a == 1`, `{"a":1}`, "2 true"},
		{`data.a == 1`, `{}`, "missing"},
		{`string(data.a)`, `{"a":5}`, "0 5"},
		{`size(data.a)`, `{"a":"abc"}`, "1 3"},
		{`data.l[1]`, `{"l":[1,"b"]}`, "0 b"},
		{`data.l[0]`, `{"l":[1.50]}`, "1 1.5"},
		{`data.l[0]`, `{"l":[false]}`, "2 false"},
		{`data.l[5]`, `{"l":[]}`, "failed"},
		{`has(data.a) ? data.a : "none"`, `{"b":1}`, "0 none"},
		{`has(data.a) ? data.a : "none"`, `{"a":1}`, "1 1"},
	} {
		scalars, fields, faults := expression.CompileScalar(c.expr, aggregate.Scalars)
		if len(faults) > 0 {
			t.Fatalf("%s: %v", c.expr, faults)
		}
		hashes, _, _ := expression.CompileScalar(c.expr, aggregate.Hashes)
		b := scan(t, fields, eventWith(`"data":{"a":"before"}`), eventWith(`"data":`+c.data))
		var column aggregate.Column
		rows := []int32{0, 1, 0, 1}
		scratch := hashes(b, rows, &column, scalars(b, rows, &column, nil))
		_ = scalars(b, rows[:0], &aggregate.Column{}, scratch)
		scalar, hash := column.Scalars[1], column.Hashes[1]
		got := fmt.Sprintf("%d %s", scalar.Kind, scalar.Text)
		if !scalar.OK {
			got = scalar.Why.String()
		}
		if got != c.want {
			t.Errorf("%s of %s: %s, want %s", c.expr, c.data, got, c.want)
		}
		want := aggregate.Hash{OK: scalar.OK, Why: scalar.Why}
		if scalar.OK {
			want.Sum = aggregate.HashOf(scalar.Kind, scalar.Text)
		}
		if hash != want || column.Hashes[3] != want {
			t.Errorf("%s of %s: hashes %v and %v, want %v", c.expr, c.data, hash, column.Hashes[3], want)
		}
	}
}

// Texts stay as they are when the memory for all of them has to grow.
func TestScalarsOfManyRows(t *testing.T) {
	value, fields, _ := expression.CompileScalar("data.a", aggregate.Scalars)
	var events []string
	var rows []int32
	for i := range 500 {
		events, rows = append(events, eventWith(fmt.Sprintf(`"data":{"a":"text %d"}`, i))), append(rows, int32(i))
	}
	var column aggregate.Column
	b := scan(t, fields, events...)
	scratch := value(b, rows, &column, nil)
	value(b, rows, &column, scratch)
	for i, s := range column.Scalars {
		if want := fmt.Sprint("text ", i); string(s.Text) != want {
			t.Fatalf("row %d has %s, want %s", i, s.Text, want)
		}
	}
}
