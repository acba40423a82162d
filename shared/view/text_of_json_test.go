package view_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/view/engine"
)

// TestTextOfJSON checks that what is skipped since data is a string with JSON in it has a reason of its own at every
// place that reads data, compiled and interpreted, and at no other place. The version before says that it is missing.
func TestTextOfJSON(t *testing.T) {
	const object = `"data":"{\"user\":\"ann\",\"n\":1}"`
	const is, isNot = "JSON in a string", "missing"
	for _, c := range []struct{ where, key, call, members, place, reason string }{
		{"", "data.user", "count()", object, "key.k", is},
		{"", "data.user", "count()", `"data":" [1]"`, "key.k", is},
		{"", `data["user"] + "x"`, "count()", object, "key.k", is},
		{"data.n == 1", "", "count()", object, "where", is},
		{"data.user.startsWith(\"a\")", "", "count()", object, "where", is},
		{"", "", "sum(data.n)", object, "aggregates.n", is},
		{"", "", "sum(data.n * 2)", object, "aggregates.n", is},

		{"", "data.user", "count()", `"data":"ann"`, "key.k", isNot},
		{"", "data.user", "count()", `"data":"5"`, "key.k", isNot},
		{"", "data.user", "count()", `"data":"{user"`, "key.k", isNot},
		{"", "data.user", "count()", `"data":""`, "key.k", isNot},
		{"", "data.user", "count()", `"data":{"data":"{}"}`, "key.k", isNot},
		{"", "data.user", "count()", `"x":"a"`, "key.k", isNot},
		{"", "ext.tenant", "count()", object, "key.k", isNot},
		{"", "", "sum(ext.weight)", object, "aggregates.n", isNot},
	} {
		for _, version := range []int{engine.Previous, engine.Current} {
			d, err := stored(version, vector{where: c.where, key: c.key, call: c.call, window: "1h"})
			if err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			set := compiled(t, d)
			delta := set.Programs[0].NewDelta()
			delta.Fold(scan(t, set.Fields(), eventWith(c.members)), []int32{0})
			var got []string
			for _, s := range delta.Skips() {
				got = append(got, fmt.Sprintf("%s %s %d", s.Name, s.Reason, s.Events))
			}
			want := c.place + " " + c.reason + " 1"
			if version == engine.Previous {
				want = c.place + " " + isNot + " 1"
			}
			if diff := cmp.Diff([]string{want}, got); diff != "" {
				t.Errorf("version %d, %+v: (-want +got): %s", version, c, diff)
			}
		}
	}
}
