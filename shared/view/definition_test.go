package view_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/view"
)

// These texts and hashes name items that are kept for years, so they never change. A new engine version adds new texts.
func TestTextGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		d    view.Definition
		text string
		hash view.Hash
	}{{
		name: "the sample",
		d: view.Definition{
			Name: "page_views", Description: "Requests and bytes per page and hour",
			Where:  `type == 'web.request'  &&  (data.status < 400) // good ones`,
			Key:    []view.KeyField{{Field: "path", Expr: "data . path"}},
			Window: time.Hour,
			Aggregates: []view.Aggregate{{Name: "views", Expr: "count( )"}, {Name: "bytes", Expr: "sum(data.bytes)"},
				{Name: "mean_bytes", Expr: "mean(data.bytes)"}, {Name: "largest", Expr: "max(data.bytes)"}},
		},
		text: `{"engine":2,"name":"page_views","where":"type == \"web.request\" && data.status < 400","key":[{"field":"path","expr":"data.path"}],"window":3600,` +
			`"aggregates":[{"name":"views","expr":"count()"},{"name":"bytes","expr":"sum(data.bytes)"},{"name":"mean_bytes","expr":"mean(data.bytes)"},{"name":"largest","expr":"max(data.bytes)"}]}`,
		hash: "6538e40934d1d3cc01dd2890653f3753",
	}, {
		name: "a Kappa view",
		d: view.Definition{
			Name: "n", Architecture: view.Kappa, Window: time.Second, Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}},
		},
		text: `{"engine":2,"name":"n","architecture":"kappa","key":[],"window":1,"aggregates":[{"name":"n","expr":"count()"}]}`,
		hash: "fb5ac5c5c53148b7db4ed7f6bc9375bc",
	}, {
		name: "roll-ups, in any order of their fields",
		d:    rolledView([]string{"c", "a"}, []string{}),
		text: `{"engine":2,"name":"v","key":[{"field":"a","expr":"data.a"},{"field":"b","expr":"data.b"},{"field":"c","expr":"data.c"}],` +
			`"rollups":[["a","c"],[]],"window":3600,"aggregates":[{"name":"n","expr":"count()"}]}`,
		hash: "c6140198b881089c726d5bd4f0bf264e",
	}, {
		name: "the least",
		d:    view.Definition{Name: "n", Window: time.Second, Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}}},
		text: `{"engine":2,"name":"n","key":[],"window":1,"aggregates":[{"name":"n","expr":"count()"}]}`,
		hash: "09db3a5b5e3d24675f97314ae91e40f4",
	}, {
		name: "names that have to be quoted",
		d:    counting("data.`a-b` == data[\"a-b\"] && has(data.`in`)"),
		text: "{\"engine\":2,\"name\":\"v\",\"where\":\"data.`a-b` == data[\\\"a-b\\\"] && " +
			"has(data.`in`)\",\"key\":[],\"window\":3600,\"aggregates\":[{\"name\":\"n\",\"expr\":\"count()\"}]}",
		hash: "816d12ac8f66ba8b561d27ed43454ca5",
	}, {
		name: "every construct",
		d: view.Definition{
			Name: "all",
			Where: `!(data.a == null) && (data["b c"] in ["x", 1, 1.50, true, -2] || has(data.d.e)) && data.list.exists(i, i.matches('^\\d<&>'))` +
				` && !(ext.tenant.startsWith("é\t\u2028")) && data.x - (1 - 2) > -3 && 'a long operand, so that the line would be wrapped' != subject`,
			Key: []view.KeyField{
				{Field: "b", Expr: `data.n >= 500 ? "bad" : (data.n < 100 ? 'odd' : "good")`},
				{Field: "a", Expr: "bytes(string(time.getFullYear())) == b'A\\x42' ? 1u : 2u"},
			},
			Window: 7 * 24 * time.Hour,
			Aggregates: []view.Aggregate{{Name: "x", Expr: "sum(-(data.a+0.10)*data.b-(1e3-data.c))"},
				{Name: "y", Expr: "min(ext.weight)"}},
		},
		text: `{"engine":2,"name":"all","where":"!(data.a == null) && (data[\"b c\"] in [\"x\", 1, 1.5, true, -2] || has(data.d.e)) && data.list.exists(i, i.matches(\"^\\\\d<&>\")) && !ext.tenant.startsWith(\"é\\t\\u2028\") && data.x - (1 - 2) > -3 && \"a long operand, so that the line would be wrapped\" != subject",` +
			`"key":[{"field":"b","expr":"(data.n >= 500) ? \"bad\" : ((data.n < 100) ? \"odd\" : \"good\")"},{"field":"a","expr":"(bytes(string(time.getFullYear())) == b\"\\101\\102\") ? 1u : 2u"}],` +
			`"window":604800,"aggregates":[{"name":"x","expr":"sum(-(data.a + 0.1) * data.b - (1000 - data.c))"},{"name":"y","expr":"min(ext.weight)"}]}`,
		hash: "52b43cc14721e426202237d28592db5c",
	}} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.text, string(c.d.Text())); diff != "" {
				t.Error(diff)
			}
			if got := c.d.Hash(); got != c.hash {
				t.Errorf("got hash %s, want %s", got, c.hash)
			}
			checkText(t, c.d.Text())
		})
	}
}

func TestParseTextErrors(t *testing.T) {
	good := string(counting("data.a == 1").Text())
	rolled := string(rolledView([]string{"c", "a"}, []string{}).Text())
	for name, text := range map[string]string{
		"no JSON":            "{",
		"another type":       `{"engine":"1"}`,
		"trailing text":      good + "{}",
		"space":              " " + good,
		"unknown field":      strings.Replace(good, `"key"`, `"keys":1,"key"`, 1),
		"other order":        strings.Replace(good, `"engine":2,"name":"v"`, `"name":"v","engine":2`, 1),
		"not normal":         strings.Replace(good, "data.a == 1", "data.a==1", 1),
		"empty where":        strings.Replace(good, `"where":"data.a == 1"`, `"where":""`, 1),
		"does not compile":   strings.Replace(good, "data.a == 1", "data.a ==", 1),
		"bad name":           strings.Replace(good, `"name":"v"`, `"name":"V"`, 1),
		"no window":          strings.Replace(good, `"window":3600`, `"window":0`, 1),
		"huge window":        strings.Replace(good, `"window":3600`, `"window":9223372036854775807`, 1),
		"roll-up not normal": strings.Replace(rolled, `["a","c"]`, `["c","a"]`, 1),
		"no roll-ups":        strings.Replace(rolled, `[["a","c"],[]]`, `[]`, 1),
		"no list":            strings.Replace(rolled, `[["a","c"],[]]`, `[null]`, 1),
		"unknown roll-up":    strings.Replace(rolled, `["a","c"]`, `["a","d"]`, 1),
		"no aggregates":      string(view.Definition{Name: "v", Window: time.Hour}.Text()),
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := view.ParseText([]byte(text)); err == nil || errors.Is(err, view.ErrVersion) {
				t.Errorf("got %+v, %v", d, err)
			}
		})
	}
}

// A text of a version that is not run is refused with ErrVersion, whatever else it contains.
func TestParseTextVersion(t *testing.T) {
	for _, text := range []string{`{"engine":3,"name":"v","lateness":5}`, `{"engine":0}`, `{}`} {
		_, err := view.ParseText([]byte(text))
		if !errors.Is(err, view.ErrVersion) {
			t.Errorf("%s: got %v, want ErrVersion", text, err)
		}
	}
}
