package sample

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestWrongValuesAreFound checks rows with wrong values against four requests of 100, 200, 300 and 4000 bytes from two
// clients, and one without bytes or a client.
func TestWrongValuesAreFound(t *testing.T) {
	const (
		count = `"requests":5`
		bytes = `"bytes":4600`
		size  = `"size":{"p50":200,"p90":300,"p95":303,"p99":300}`
	)
	for _, c := range []struct{ name, values, err string }{
		{"right values", `"requests":5,"visitors":2,"bytes":4600,"mean":1150,` + size, ""},
		{"one event too many", `"requests":6,"visitors":2,"bytes":4600,"mean":1150,` + size, `requests: is "6", want "5"`},
		{"one client too few", count + `,"visitors":1,"bytes":4600,"mean":1150,` + size, `visitors: is "1", want "2"`},
		{"an approximate sum", count + `,"visitors":2,"bytes":4.6e3,"mean":1150,` + size, `bytes: is "4.6e3", want "4600"`},
		{"no mean", count + `,"visitors":2,"mean":null,` + bytes + "," + size, `mean: is "", want "1150"`},
		{
			"a quantile beyond 1 %", count + `,"visitors":2,"mean":1150,` + bytes + "," + strings.Replace(size, "303", "303.1", 1),
			"size: p95 is 303.1, want 300 within 0.010",
		},
		{
			"a quantile of null", count + `,"visitors":2,"mean":1150,` + bytes + "," + strings.Replace(size, "303", "null", 1),
			`size: p95 is "", want a number`,
		},
		{
			"a quantile missing", count + `,"visitors":2,"mean":1150,` + bytes + "," + strings.Replace(size, `"p95":303,`, "", 1),
			"size: has the readings map[p50:200 p90:300 p99:300], want p50, p90, p95 and p99",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Row
			if err := json.Unmarshal([]byte(`{"start":"2015-05-17T10:00:00Z","values":{`+c.values+`}}`), &r); err != nil {
				t.Fatal(err)
			}
			err := tested.row(r, tested.group(testedRequests(t))[""])
			if got := fmt.Sprint(err); c.err == "" && err != nil || c.err != "" && got != c.err {
				t.Errorf("the check says %q, want %q", got, c.err)
			}
		})
	}
}

// TestNoNumbers checks that a window without bytes must have null for everything but counts.
func TestNoNumbers(t *testing.T) {
	for text, right := range map[string]bool{
		`null`: true, `{"p50":null,"p90":null,"p95":null,"p99":null}`: true,
		`0`: false, `{"p50":0,"p90":null,"p95":null,"p99":null}`: false,
	} {
		var v Value
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		function := "sum"
		if len(v.Readings) > 0 {
			function = "quantiles"
		}
		if err := compareValue(v, function, make([]request, 2)); (err == nil) != right {
			t.Errorf("%s for %s of no numbers: %v, want right: %v", text, function, err, right)
		}
	}
}

// TestOtherWindows checks that a row with another start is found.
func TestOtherWindows(t *testing.T) {
	err := tested.row(Row{Start: "2015-05-17T10:30:00Z"}, nil)
	if want := "no window begins then; want 2015-05-17T10:00:00Z"; fmt.Sprint(err) != want {
		t.Errorf("the check says %v, want %s", err, want)
	}
	all := tested.group(testedRequests(t))
	r := Row{Start: "2015-05-17T11:00:00Z", Values: map[string]Value{"requests": {Number: "5"}}}
	if err := tested.row(r, all[""]); err == nil {
		t.Error("a row of the next hour is taken for that of the requests")
	}
}

// TestDistinctBound checks that more than 384 different values may differ by 4.2 %, and fewer not at all.
func TestDistinctBound(t *testing.T) {
	for text, want := range map[string]map[int]bool{
		"384": {384: true, 385: true}, "383": {384: false, 385: true}, "1042": {1000: true}, "1043": {1000: false},
	} {
		for clients, right := range want {
			if err := compareDistinct(Value{Number: json.Number(text)}, clients); (err == nil) != right {
				t.Errorf("%s for %d clients: %v, want right: %v", text, clients, err, right)
			}
		}
	}
}

var tested = check{
	wants:  func(request) bool { return true },
	key:    func(request) url.Values { return nil },
	window: hourOf,
	names: map[string]string{
		"requests": "count", "visitors": "distinct", "bytes": "sum", "mean": "mean", "size": "quantiles",
	},
}

func testedRequests(t *testing.T) []request {
	t.Helper()
	var lines [][]byte
	for _, data := range []string{
		`{"client":"a","bytes":300}`, `{"client":"b","bytes":100}`, `{"client":"a","bytes":4000}`,
		`{"client":"b","bytes":200}`, `{}`,
	} {
		lines = append(lines, []byte(`{"type":"web.request","time":"2015-05-17T10:05:03Z","data":`+data+`}`))
	}
	requests, err := read(lines)
	if err != nil {
		t.Fatal(err)
	}
	return requests
}
