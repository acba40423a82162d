package serving_test

import (
	"errors"
	"testing"

	"github.com/anabranch/anabranch/shared/serving"
)

// TestTooManyKeys checks that a refusal names what would do.
func TestTooManyKeys(t *testing.T) {
	s := filled(t)
	s.MaxKeys = 3
	const (
		all    = "view by_user: too many keys: the selection has more than 3 keys, the maximum; "
		begin  = all + "narrow the keys with key.path=VALUE or key.status=VALUE"
		rollup = ", or add rollups: ["
	)
	for question, want := range map[string]string{
		"":                                  begin + ", or ask for pages with limit and cursor",
		"order=views step=all":              begin,
		"group_by=status":                   begin + rollup + "[status]] to the view's definition",
		"group_by=":                         begin + rollup + "[]] to the view's definition",
		"path=/a path=/b status=1 status=2": all + "name fewer values",
	} {
		if _, err := s.ask(question); !errors.Is(err, serving.ErrTooManyKeys) || err.Error() != want {
			t.Errorf("%q: %v, want %s", question, err, want)
		}
	}
	s.MaxKeys, s.MaxItems = 10, 4
	const items = "view by_user: too many keys: the selection has more than 4 items in this range, the maximum; " +
		"narrow from and to; narrow the keys with key.path=VALUE or key.status=VALUE" + rollup +
		"[status]] to the view's definition"
	if _, err := s.ask("group_by=status"); err == nil || err.Error() != items {
		t.Errorf("too many items: %v", err)
	}
	r := s.check(t, "group_by=status from=11-22T00:00 step=all", "200 22T00-22T11 26 true", "404 22T00-22T11 4 true",
		"500 22T00-22T11 4 true")
	if r.Groups.Keys != 4 {
		t.Errorf("read %d keys", r.Groups.Keys)
	}
}

// TestGroupsOrderRefused checks what an order is told that cannot be followed.
func TestGroupsOrderRefused(t *testing.T) {
	s := filled(t)
	for order, want := range map[string]string{
		"-top":          `order="-top" names top(data.amount, 3), which is no number`,
		"latency":       `order="latency" needs a reading of quantiles(data.amount); write latency.p50`,
		"-latency.p101": `order="-latency.p101" names no reading of quantiles(data.amount); write for example latency.p50 or latency.p99.9`,
		"views.p50":     `order="views.p50" names a reading, but count() has one value; write views`,
		"path":          `order="path" names no aggregate of view by_user; the aggregates are bytes, views, mean, latency, top`,
	} {
		var wrong *serving.ParameterError
		_, err := s.ask("order=" + order)
		if !errors.As(err, &wrong) || wrong.Parameter != "order" || wrong.Detail != want {
			t.Errorf("%s: %v", order, err)
		}
	}
}
