package view_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
)

// Parse gives definitions that compile and read back from their texts, or problems at places that the file has.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(with(whereLine, `    where: |`, `      data.a == "é" &&`, ``, `        tpye == "x" ||`, `      dat.b`)))
	f.Add([]byte(with(keyLine, `      path: "\tdata[\"a\\u0062\"] + \u0064at.b"`)))
	f.Add([]byte("views: [{name: v, key: {a: 'data[''a'']'}, window: P1D, aggregates: {s: sum(-data.a * 0.1)}}]"))
	f.Add([]byte("views:\n- {where: !x, key: &a {}, <<: *a}\n---\n? - - -"))
	f.Add([]byte("\"\\\n:"))
	f.Fuzz(func(t *testing.T, text []byte) {
		definitions, err := view.Parse("v.yaml", text)
		if err != nil {
			checkProblems(t, text, err)
			return
		}
		if _, err := view.Compile(definitions...); err != nil {
			t.Fatalf("Parse accepted %q, Compile says %v", text, err)
		}
		for _, d := range definitions {
			checkText(t, d.Text())
		}
	})
}

func checkProblems(t *testing.T, text []byte, err error) {
	var problems view.Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("got %v, want Problems", err)
	}
	lines := strings.Split(string(text), "\n")
	for _, p := range problems {
		if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len([]rune(lines[p.Line-1]))+1 || p.Text == "" {
			t.Errorf("%s: the file has no such place", p)
		}
	}
}

func checkText(t *testing.T, text []byte) {
	d, err := view.ParseText(text)
	if err != nil {
		t.Fatalf("its own text: %v", err)
	}
	if again := d.Text(); !bytes.Equal(again, text) {
		t.Fatalf("text %s became %s", text, again)
	}
}

// ParseText takes only what Text writes.
func FuzzParseText(f *testing.F) {
	f.Add(counting(`type == "x" && data.a in [1, 2.5]`).Text())
	f.Add(summing(`sum(-(data["a"] + 0.1) * weight)`).Text())
	f.Add(keyed(`data.list.map(i, i + 1)[0] > 2 ? "a" : 'b'`).Text())
	f.Add([]byte(`{"engine":2}`))
	f.Add([]byte(`{"engine":1,"name":"v","key":null,"window":1e3,"aggregates":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := view.ParseText(text)
		if err != nil {
			return
		}
		if again := d.Text(); !bytes.Equal(again, text) {
			t.Errorf("took %s, whose text is %s", text, again)
		}
	})
}

// Of JSON without white space, the decoder makes what encoding/json makes; of other text, something or an error.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{`{"a":[1,2.5,-1e400,"\u00e9\n",true,null,{}]}`, `"x\"y"`, `12345678901234567890`, `[[[]]]`, `{"a"`, `tru`, `"`, `[1,]`, ``} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v := event.Value{End: uint32(len(text)), Kind: event.Object}
		b := &event.Batch{Data: text}
		got, ok := view.Decode(b, v)
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
		if diff := cmp.Diff(celValue(want), got); diff != "" || !ok {
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
		set, err := view.Compile(counting(where))
		if err != nil || where == "" {
			return
		}
		checkText(t, set.Programs[0].Definition.Text())
		interpreter, fields, err := view.InterpretWhere(where)
		if err != nil {
			t.Fatalf("%s compiles, but not for the interpreter: %v", where, err)
		}
		b, interpreted := scan(t, set.Fields(), events...), scan(t, fields, events...)
		for row, e := range events {
			if got, want := set.Programs[0].Where(b, row), interpreter(interpreted, row); got != want {
				t.Errorf("%s of %s: closures say %d, the interpreter says %d", where, e, got, want)
			}
		}
	})
}
