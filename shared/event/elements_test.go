package event_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/event"
)

var kindNames = map[event.Kind]string{
	event.Missing: "missing", event.Null: "null", event.False: "false", event.True: "true", event.Number: "number",
	event.String: "string", event.Object: "object", event.Array: "array",
}

// arrayOf makes a batch whose data is one array.
func arrayOf(text string) (*event.Batch, event.Value) {
	return &event.Batch{Data: []byte(text)}, event.Value{End: uint32(len(text)), Kind: event.Array}
}

func TestElements(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                              ``,
		`[1]`:                             `number 1`,
		`[1,-2.5e3]`:                      `number 1, number -2.5e3`,
		`["a","b\"]",""]`:                 `string a, string b\"], string `,
		`[null,true,false]`:               `null null, true true, false false`,
		`[[1,[2]],{"a":[3,"]"]},[],{},4]`: `array [1,[2]], object {"a":[3,"]"]}, array [], object {}, number 4`,
		// Damaged text.
		`[1,]`:       `number 1, missing `,
		`[,1]`:       `missing `,
		`["a"1]`:     `string a, missing `,
		`["a]`:       `missing `,
		`[[1],[2]`:   `array [1], missing `,
		`[{"a":1},{`: `object {"a":1}, missing `,
	} {
		b, array := arrayOf(text)
		var got []string
		for v := range b.Elements(array) {
			got = append(got, kindNames[v.Kind]+" "+string(b.Raw(v)))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestElementsStop(t *testing.T) {
	b, array := arrayOf(`[1,2,3]`)
	n := 0
	for range b.Elements(array) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("got %d elements, want 2", n)
	}
}

func TestBelow(t *testing.T) {
	for _, c := range []struct {
		text string
		path event.Path
		want string
	}{
		{`{"a":1}`, event.Path{}, `object {"a":1}`},
		{`{"a":1}`, event.Path{"a"}, `number 1`},
		{`{"b":"a","a":[1],"c":{}}`, event.Path{"a"}, `array [1]`},
		{`{"b":{"a":{"c":"x"}},"a":2}`, event.Path{"b", "a", "c"}, `string x`},
		{`{"\u0061":1}`, event.Path{"a"}, `number 1`},
		{`{"a\"b":1}`, event.Path{`a"b`}, `number 1`},
		{`{"é":null}`, event.Path{"é"}, `null null`},
		{`{}`, event.Path{"a"}, `missing `},
		{`{"a":1}`, event.Path{"b"}, `missing `},
		{`{"a":1}`, event.Path{"a", "b"}, `missing `},
		{`{"a":[1]}`, event.Path{"a", "0"}, `missing `},
		// Damaged text.
		{`{"a"}`, event.Path{"a"}, `missing `},
		{`{"b":1 "a":2}`, event.Path{"a"}, `missing `},
		{`{b:1,"a":2}`, event.Path{"a"}, `missing `},
		{`{"b":,"a":2}`, event.Path{"a"}, `missing `},
		{`{"b":"x,"a":2}`, event.Path{"a"}, `missing `},
	} {
		b := &event.Batch{Data: []byte(c.text)}
		v := b.Below(event.Value{End: uint32(len(c.text)), Kind: event.Object}, c.path)
		if got := kindNames[v.Kind] + " " + string(b.Raw(v)); got != c.want {
			t.Errorf("%s below %s: got %s, want %s", c.path, c.text, got, c.want)
		}
	}
}

// It checks that no text breaks the walk, and that a walk over valid text finds what encoding/json finds.
func FuzzElements(f *testing.F) {
	for _, text := range []string{`[]`, `[1,"a",{"a":[null]}]`, `[1,]`, `["\u0061]`, `[{"a":1},{"\u0061":{}}]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) < 2 || text[0] != '[' {
			return
		}
		b, array := arrayOf(string(text))
		var got []string
		for v := range b.Elements(array) {
			if int(v.End) > len(text) || v.Start > v.End {
				t.Fatalf("%s: value from %d to %d", text, v.Start, v.End)
			}
			b.Below(v, event.Path{"a", "b"})
			raw := string(b.Raw(v))
			if v.Kind == event.String {
				raw = `"` + raw + `"`
			}
			got = append(got, raw)
		}
		var want []json.RawMessage
		var compact bytes.Buffer
		if json.Compact(&compact, text) != nil || compact.String() != string(text) || json.Unmarshal(text, &want) != nil {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%s: got %d elements, want %d", text, len(got), len(want))
		}
		for i := range want {
			if got[i] != string(want[i]) {
				t.Errorf("%s: element %d: got %s, want %s", text, i, got[i], want[i])
			}
		}
	})
}
