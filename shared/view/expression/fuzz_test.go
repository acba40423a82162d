package expression_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/engine"
	"github.com/anabranch/anabranch/shared/view/expression"
)

// Of JSON without white space, the decoder makes what encoding/json makes; of other text, something or an error.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{`{"a":[1,2.5,-1e400,"\u00e9\n",true,null,{}]}`, `"x\"y"`, `12345678901234567890`, `[[[]]]`, `{"a"`, `tru`, `"`, `[1,]`, ``} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v := event.Value{End: uint32(len(text)), Kind: event.Object}
		b := &event.Batch{Data: text}
		got, ok := expression.Decode(b, v)
		var compact bytes.Buffer
		if json.Compact(&compact, text) != nil || compact.String() != string(text) || !json.Valid(text) || !plainJSON(text) {
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var want any
		if err := decoder.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(celValue(want), expression.Plain(got)); diff != "" || !ok {
			t.Errorf("%s: ok %v, %s", text, ok, diff)
		}
	})
}

// plainJSON leaves out what no line has: bytes that are not UTF-8, half surrogates, and nesting beyond a line's.
func plainJSON(text []byte) bool {
	return !bytes.ContainsRune(text, '\ufffd') && !bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) && bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) < 32
}

// A filter that compiles says the same as the interpreter, whatever it is, and keeps its meaning in its normal form.
func FuzzWhere(f *testing.F) {
	for _, where := range []string{
		`type == "web.request" && data.status < 400`, `!(data.a in [1, 2.5, "x", null, true]) || has(data.o.x)`, `data.a.contains("x") || data.b == data.o`,
		`data.list.exists(i, i.x > 1) ? data.a : data.b < 3`, `data["a b"].c != ext && time > timestamp("2020-01-01T00:00:00Z")`, `-data.a > 1.5e3 || "a" in data`,
	} {
		f.Add(where)
	}
	events := []string{
		eventWith(``), eventWith(`"data":{}`), eventWith(`"data":null,"ext":"x","subject":"s"`), eventWith(`"data":[1],"ext":null`),
		eventWith(`"ext":3,"data":{"a":1,"b":"x\u0079","o":{"x":null},"list":[{"x":1},2],"status":200.0,"a b":{"c":true}}`),
	}
	f.Fuzz(func(t *testing.T, where string) {
		read := &expression.Columns{}
		closures, faults := expression.CompileFilter(where, engine.Newest(), expression.File, read)
		if len(faults) > 0 {
			return
		}
		normal := expression.Normal(where)
		if again := expression.Normal(normal); again != normal {
			t.Errorf("%s: normal form %s has the normal form %s", where, normal, again)
		}
		interpreter, fields, err := expression.InterpretFilter(where)
		if err != nil {
			t.Fatalf("%s compiles, but not for the interpreter: %v", where, err)
		}
		b, interpreted := scan(t, event.NewFields(read.Paths()), events...), scan(t, fields, events...)
		for row, e := range events {
			if got, want := verdict(closures(b, row)), verdict(interpreter(interpreted, row)); got != want {
				t.Errorf("%s of %s: closures say %d, the interpreter says %d", where, e, got, want)
			}
		}
	})
}

// Damaged text of an object or an array is not taken for a value.
func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{`{"a"`, `{"a":}`, `{"a":1`, `{"a":1}}`, `[1,]`, `[1`, `[01]`, `[tru]`, `{1:2}`, `["\x"]`, ``} {
		b, v := &event.Batch{Data: []byte(text)}, event.Value{End: uint32(len(text)), Kind: event.Object}
		if got, ok := expression.Decode(b, v); ok {
			t.Errorf("%s: taken as %v", text, got)
		}
	}
}
