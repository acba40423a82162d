package expression_test

import (
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// key compiles the value of a key field.
func key(t testing.TB, source string) (expression.Key, *event.Fields) {
	t.Helper()
	read := &expression.Columns{}
	value, faults := expression.CompileKey(source, engine.Newest(), expression.File, read)
	if len(faults) > 0 {
		t.Fatalf("compile %s: %v", source, faults)
	}
	return value, event.NewFields(read.Paths())
}

const noKey = "no key"

func TestKeyValue(t *testing.T) {
	for _, c := range []struct{ expr, members, want string }{
		{`data.a`, `"data":{"a":"x y"}`, "x y"},
		{`data.a`, `"data":{"a":""}`, ""},
		{`data.a`, `"data":{"a":"\"\u00e9\n\ud83d\ude00"}`, "\"é\n😀"},
		{`data.a`, `"data":{"a":1}`, "1"},
		{`data.a`, `"data":{"a":1.0}`, "1"},
		{`data.a`, `"data":{"a":-1E+2}`, "-100"},
		{`data.a`, `"data":{"a":true}`, "true"},
		{`data.a`, `"data":{"a":false}`, "false"},
		{`data.a`, `"data":{"a":null}`, noKey},
		{`data.a`, `"data":{"a":{}}`, noKey},
		{`data.a`, `"data":{"a":["x"]}`, noKey},
		{`data.a`, `"data":{}`, noKey},
		{`data.a`, ``, noKey},
		{`type`, ``, "web.request"},
		{`source`, ``, "/source"},
		{`id`, ``, "id-1"},
		{`subject`, ``, noKey},
		{`subject`, `"subject":null`, noKey},
		{`ext.tenant`, `"tenant":7`, "7"},
		{`"all"`, ``, "all"},
		{`1.50`, ``, "1.5"},
		{`data.a < 5`, `"data":{"a":1}`, "true"},
		{`data.a < 5`, `"data":{"a":5}`, "false"},
		{`data.a < 5`, `"data":{}`, noKey},
		{`has(data.a)`, `"data":{}`, "false"},
		{`data.a >= 500 ? "bad" : data.b`, `"data":{"a":503}`, "bad"},
		{`data.a >= 500 ? "bad" : data.b`, `"data":{"a":200,"b":1.0}`, "1"},
		{`data.a >= 500 ? "bad" : data.b`, `"data":{"b":1}`, noKey},
		{`data.a >= 500 ? "bad" : data.b`, `"data":{"a":200}`, noKey},
		{`data.a.matches("x") ? "yes" : "no"`, `"data":{"a":"x"}`, "yes"},
		{`data.a + "!"`, `"data":{"a":"\u00e9"}`, "é!"},
		{`data.a + 1`, `"data":{"a":1}`, "2"},
		{`data.a + 0.5`, `"data":{"a":1.0}`, "1.5"},
		{`data.a * 1e300`, `"data":{"a":1e300}`, noKey}, // infinite
		{`data.a * 1e20`, `"data":{"a":10.0}`, "1000000000000000000000"},
		{`uint(data.a)`, `"data":{"a":1}`, "1"},
		{`int(data.a)`, `"data":{"a":"x"}`, noKey},
		{`data.list[0]`, `"data":{"list":["x"]}`, "x"},
		{`data.list[0]`, `"data":{"list":[{}]}`, noKey},
		{`string(time.getFullYear())`, `"time":"2015-05-17T10:05:03Z"`, "2015"},
	} {
		value, fields := key(t, c.expr)
		b := scan(t, fields, eventWith(c.members))
		for _, room := range []int{0, 64} {
			dst := append(make([]byte, 0, room), "before"...)
			key, result := value(b, 0, dst)
			got := strings.TrimPrefix(string(key), "before")
			if result != expression.IsTrue {
				got = noKey
			}
			if got != c.want || !strings.HasPrefix(string(key), "before") {
				t.Errorf("%s of {%s}: got %q behind %q, want %q", c.expr, c.members, got, key, c.want)
			}
		}
	}
}
