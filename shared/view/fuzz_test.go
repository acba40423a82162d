package view_test

import (
	"bytes"
	"testing"

	"github.com/anabranch/anabranch/shared/view"
)

func checkText(t *testing.T, text []byte) {
	d, err := view.ParseText(text)
	if err != nil {
		t.Fatalf("its own text: %v", err)
	}
	if again := d.Text(); !bytes.Equal(again, text) {
		t.Fatalf("text %s became %s", text, again)
	}
}

// ParseText accepts only texts that Text writes.
func FuzzParseText(f *testing.F) {
	f.Add(counting(`type == "x" && data.a in [1, 2.5]`).Text())
	f.Add(summing(`sum(-(data["a"] + 0.1) * ext.weight)`).Text())
	f.Add(keyed(`data.list.map(i, i + 1)[0] > 2 ? "a" : 'b'`).Text())
	f.Add([]byte(`{"engine":3}`))
	f.Add([]byte(`{"engine":2,"name":"v","key":null,"window":1e3,"aggregates":[]}`))
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
