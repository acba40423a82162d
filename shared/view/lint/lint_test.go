package lint_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/view/lint"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

const twins = `views:
  - name: pages
    where: type == "vist"
    key: {path: data.path, user: 'has(data.user) ? data.user : ""'}
    window: 1h
    aggregates:
      bytes: sum(data.size)
      again: sum( data.size )
      tenants: max(ext.tenant)
  - name: same
    description: another text computes the same
    where: (type == 'vist')
    key: {path: data.path, user: "has(data.user) ? data.user : ''"}
    window: PT1H
    aggregates: {bytes: sum(data.size), again: sum(data.size), tenants: max(ext.tenant)}
  - name: fine
    key: {é: 'data["é"]', deep: data.a.b}
    window: 1d
    aggregates: {n: count()}
`

const visits = `{"specversion":"1.0","id":"1","source":"s","type":"visit","data":{"path":"/","sizes":1,"a":{"c":1}}}

{"specversion":"1.0","id":"2","source":"s","type":"visit","tenants":1,"data":{"path":"/"}}
{"specversion":"1.0","id":"3","source":"s"}
`

func check(t *testing.T, text, events string) lint.Report {
	t.Helper()
	var given []byte
	if events != "" {
		given = []byte(events)
	}
	r, err := lint.Check("v.yaml", []byte(text), given)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func texts(problems []viewfile.Problem) (all []string) {
	for _, p := range problems {
		all = append(all, p.Error())
	}
	return all
}

// TestWarnings checks what is legal but likely a slip, with its place.
func TestWarnings(t *testing.T) {
	valid := strings.ReplaceAll(twins, "é: ", "e: ")
	want := []string{
		"v.yaml:8:14: aggregate again computes the same as aggregate bytes; remove one",
		"v.yaml:10:11: view same computes the same as view pages; each costs its own writes",
		"v.yaml:15:48: aggregate again computes the same as aggregate bytes; remove one",
	}
	r := check(t, valid, "")
	if diff := cmp.Diff(want, texts(r.Warnings)); diff != "" || r.Views != 3 || r.Events != 0 || len(r.Errors) > 0 {
		t.Errorf("%+v\n%s", r, diff)
	}
	want = []string{
		`v.yaml:3:21: none of the first 2 events had type "vist"; some have "visit"`,
		"v.yaml:8:14: aggregate again computes the same as aggregate bytes; remove one",
		"v.yaml:10:11: view same computes the same as view pages; each costs its own writes",
		`v.yaml:12:22: none of the first 2 events had type "vist"; some have "visit"`,
		"v.yaml:15:48: aggregate again computes the same as aggregate bytes; remove one",
		`v.yaml:17:15: none of the first 2 events had data.é`,
		`v.yaml:17:33: none of the first 2 events had data.a.b`,
	}
	r = check(t, valid, visits)
	if diff := cmp.Diff(want, texts(r.Warnings)); diff != "" || r.Events != 2 || len(r.Rejected) != 1 {
		t.Errorf("%+v\n%s", r, diff)
	}
	right := strings.ReplaceAll(valid, "vist", "visit")
	want = []string{
		"v.yaml:7:18: none of the first 2 events had data.size; they have data.sizes",
		"v.yaml:9:20: none of the first 2 events had ext.tenant",
	}
	var found []string
	for _, text := range texts(check(t, right, visits).Warnings) {
		if strings.HasPrefix(text, "v.yaml:7:") || strings.HasPrefix(text, "v.yaml:9:") {
			found = append(found, text)
		}
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

// TestErrors checks that a file with errors shows all of them, and nothing else.
func TestErrors(t *testing.T) {
	r := check(t, strings.ReplaceAll(twins, "1h", "7h"), visits)
	want := []string{
		"v.yaml:5:13: a window must divide a day, so that each day begins with one, and 7h does not; write 6h or 8h",
		`v.yaml:17:11: "é" cannot be the name of a key field; write a letter a-z, then up to 62 of a-z, 0-9 and _`,
	}
	if diff := cmp.Diff(want, texts(r.Errors)); diff != "" || r.Warnings != nil || r.Views != 0 || r.Events != 0 {
		t.Errorf("%+v\n%s", r, diff)
	}
}

// TestValuesOfOtherKinds checks that a field is named when no event has a value in it that the view can use.
func TestValuesOfOtherKinds(t *testing.T) {
	const views = `views:
  - name: orders
    key: {shop: data.shop}
    window: 1h
    aggregates:
      items: sum(data.items, data.paid)
      pieces: sum(data.pieces.map(i, i.n))
      total: sum(data.price * 2)
      tip: sum(data.tip)
      weight: max(ext.weight)
`
	const orders = `{"specversion":"1.0","id":"1","source":"s","type":"t","weight":"3","data":{"shop":null,"items":[1],` +
		`"paid":true,"pieces":2,"price":"7","tip":1}}
{"specversion":"1.0","id":"2","source":"s","type":"t","data":{"shop":null,"items":[],"paid":false,"pieces":null,` +
		`"price":null,"tip":"none"}}
`
	want := []string{
		"v.yaml:3:17: none of the first 2 events had a value in data.shop, but null",
		"v.yaml:6:18: none of the first 2 events had a number in data.items, but an array; the sum over its elements is " +
			"written for example data.items.map(i, i.price)",
		"v.yaml:7:19: none of the first 2 events had an array in data.pieces, but a number or null",
		"v.yaml:8:18: none of the first 2 events had a number in data.price, but a string or null",
		"v.yaml:10:19: none of the first 2 events had a number in ext.weight, but a string",
	}
	if diff := cmp.Diff(want, texts(check(t, views, orders).Warnings)); diff != "" {
		t.Error(diff)
	}
}
