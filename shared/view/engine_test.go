package view_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/engine"
)

// vector is one event under one definition: what each version of the engine makes of it is a line of its golden file.
type vector struct{ where, key, call, window, members string }

// vectors are events on which versions may differ, and events on which they must not. Functions whose results depend on
// tables of Go, such as the classes of regular expressions, are among them.
func vectors() (all []vector) {
	add := func(v vector) {
		if v.call == "" {
			v.call = "count()"
		}
		if v.window == "" {
			v.window = "1h"
		}
		all = append(all, v)
	}
	for _, number := range []string{
		"1", "-0", "0.1", "1e3", "99999999999999999999", "100000000000000000000", "1e20", "-1e20", "9e29", "1e30",
		"0.000000000000000001", "1e-19", "0.0016150000000000001", "2.0999999999999998e-06", "1.0000000000000000000",
		"5e-28", "15e-28", `"1"`, "null", "true", "[1]",
	} {
		add(vector{call: "sum(data.a)", members: `"data":{"a":` + number + `}`})
	}
	for _, term := range []string{
		"data.a * data.b", "data.a + data.b", "data.a - data.b", "-data.a", "data.a * 0.1", "data.a * 1000000000000",
	} {
		for _, pair := range []string{`"a":1e-9,"b":1e-9`, `"a":1e-10,"b":1e-9`, `"a":1e-14,"b":1e-14`,
			`"a":99999999999999999999,"b":1`, `"a":1e10,"b":1e10`, `"a":1e-19,"b":1`} {
			add(vector{call: "sum(" + term + ")", members: `"data":{` + pair + `}`})
		}
	}
	for _, call := range []string{"mean(data.a)", "min(data.a)", "max(data.a)"} {
		add(vector{call: call, members: `"data":{"a":1e-19}`})
		add(vector{call: call, members: `"data":{"a":2.5}`})
	}
	for _, value := range []string{
		"404", "404.0", "4.04e2", "-0", "0.0", "1E+2", "0.1", "0.10", "1e-7", "9007199254740993.0", "12345678901234567890",
		"1e24", "1e400", `"404"`, `"4.0"`, "true", "null", "[1]",
	} {
		add(vector{key: "data.a", members: `"data":{"a":` + value + `}`})
		add(vector{key: "[data.a][0]", members: `"data":{"a":` + value + `}`})
	}
	for _, window := range []string{"1w", "1d", "1h", "1s", "36h", "48m", "7m", "14d", "366d"} {
		for _, at := range []string{"2026-03-04T12:00:00Z", "2026-03-02T00:00:00Z", "2026-03-01T23:59:59Z",
			"1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "9999-12-31T23:59:58Z", "0000-01-01T00:00:00Z"} {
			add(vector{window: window, members: `"time":"` + at + `"`})
		}
	}
	for _, where := range []string{
		`tenant == "x"`, `ext.tenant == "x"`, `tenant.startsWith("x")`, `data.list.exists(tenant, tenant == 1)`,
		`ext == "y"`, `host == "x"`, `has(data.a)`, `data.a - 1`, `data.a - 1 == 0`, `data.a == 1.0`, `data.a in [1, 2]`,
		`subject.matches("(?i)^\\p{Lu}\\d$")`, `subject.matches("^[[:alpha:]ſ]+$")`, `subject < "é"`,
		`subject.size() == 2`, `string(data.a) == "1"`, `double("0x10") == 16.0`, `time.getDayOfWeek() == 3`,
		`time.getHours("+02:00") == 14`, `timestamp("2026-03-04T12:00:00Z") == time`, `duration("90s") > duration("1m")`,
	} {
		add(vector{where: where,
			members: `"time":"2026-03-04T12:00:00Z","subject":"É1","tenant":"x","ext":"y","data":{"a":1,"list":[1,2]}`})
	}
	for _, text := range []string{
		`"ÀÉŸ ß ẞ İ ı Σ ǅ Ꭰ Ⱥ 𐐀"`, `"straße ŉ ǰ ﬁ ꭰ 𐐨"`, `" \u2003\u00a0\u200b\u0085a\t"`, `"https://Me@Shop.Example:443?a"`,
		`"/a/b?c=//d#e"`, `"//x/y"`, `"http://[::1]:80/%7e"`, `""`,
	} {
		for _, key := range []string{"data.a.lower()", "data.a.upper()", "data.a.trim()", "data.a.lowerAscii()",
			"data.a.urlHost()", "data.a.urlPath()", `data.a.split("/")[0]`, `data.a.replace("a", "-")`,
			"data.a.substring(1)", `data.a.matches("(?i)ß|ı|[[:word:]]{3}|\\pL{4}")`} {
			add(vector{key: key, members: `"data":{"a":` + text + `}`})
		}
	}
	for _, number := range []string{"9.99", "10", "1e2", "-0.0", `"10"`} {
		add(vector{key: "bucket(data.a, [0, 10, 100.0])", members: `"data":{"a":` + number + `}`})
	}
	add(vector{key: "tenant", members: `"tenant":"x"`})
	add(vector{key: "ext.tenant", members: `"tenant":"x"`})
	add(vector{key: "tenant", members: `"tenant":null`})
	add(vector{call: "sum(weight)", members: `"weight":3`})
	add(vector{call: "sum(ext.weight)", members: `"weight":3`})
	for _, array := range []string{"[]", `[{"x":1e-28},{"x":9e29}]`, `[{"x":99999999999},{"x":-0.5}]`, `[{"x":"1"},{}]`} {
		add(vector{call: "sum(data.a.map(i, i.x * i.x))", members: `"data":{"a":` + array + `}`})
	}
	return all
}

// stored returns a definition as the catalog gives it back, under an engine version.
func stored(version int, v vector) (view.Definition, error) {
	window, err := time.ParseDuration(strings.NewReplacer("1w", "168h", "14d", "336h", "366d", "8784h",
		"1d", "24h").Replace(v.window))
	if err != nil {
		return view.Definition{}, err
	}
	d := view.Definition{Engine: version, Name: "v", Where: v.where, Window: window,
		Aggregates: []view.Aggregate{{Name: "n", Expr: v.call}}}
	if v.key != "" {
		d.Key = []view.KeyField{{Field: "k", Expr: v.key}}
	}
	return view.ParseText(d.Text())
}

// fold returns what a version makes of a vector, in one line.
func (v vector) fold(t *testing.T, version int) string {
	d, err := stored(version, v)
	if err != nil {
		return "refused"
	}
	set := compiled(t, d)
	p := set.Programs[0]
	delta := p.NewDelta()
	delta.Fold(scan(t, set.Fields(), eventWith(v.members)), []int32{0})
	for page := range delta.Pages() {
		if page.Key == view.SkippedKey {
			continue
		}
		w := p.NewWindows()
		if err := w.MergePage(page.Page, page.AppendPage(nil), nil); err != nil {
			t.Fatal(err)
		}
		window := w.Sorted()[0]
		values, _ := view.DecodeKey(page.Key)
		value := "no number"
		if w.Skipped(0, window) == 0 {
			value = string(w.AppendValue(nil, 0, window))
		}
		return fmt.Sprintf("%q, window %d from %s, %s", values, window, p.Start(window).Format(time.RFC3339), value)
	}
	if delta.Counts().Skipped > 0 {
		return "skipped"
	}
	return "left out by where"
}

// golden is the file of what a version makes of all vectors.
func golden(version int) string { return fmt.Sprintf("testdata/engine/%d.txt", version) }

// TestEngineGolden holds what each version of the engine makes of events. A golden file never changes. Where a rule
// changes, a new version gets a file of its own, and the file of the version that is no longer run goes.
func TestEngineGolden(t *testing.T) {
	for _, version := range []int{engine.Previous, engine.Current} {
		var got strings.Builder
		for _, v := range vectors() {
			fmt.Fprintf(&got, "%s | %s | %s | %s | %s: %s\n", v.where, v.key, v.call, v.window, v.members, v.fold(t, version))
		}
		want, err := os.ReadFile(golden(version))
		if err != nil {
			t.Errorf("version %d has no golden file: %v; it would be:\n%s", version, err, got.String())
			continue
		}
		wants, gots := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")
		if len(wants) != len(gots) {
			t.Errorf("version %d: %d lines, want %d", version, len(gots), len(wants))
		}
		for i := range min(len(wants), len(gots)) {
			if gots[i] != wants[i] {
				t.Errorf("version %d:\n%s\nwant\n%s\na change of rules needs a new version of the engine", version, gots[i],
					wants[i])
			}
		}
	}
	if files, err := os.ReadDir("testdata/engine"); err != nil || len(files) != 2 {
		t.Errorf("%d golden files (%v), want one for each of the two versions that a release runs", len(files), err)
	}
}

// TestVersionsDiffer checks that the two versions do differ, in each of the kinds of rules, so that the previous one is
// not today's under another name.
func TestVersionsDiffer(t *testing.T) {
	for kind, v := range map[string]vector{
		"rounding":                {call: "sum(data.a)", window: "1h", members: `"data":{"a":1e-19}`},
		"range":                   {call: "sum(data.a)", window: "1h", members: `"data":{"a":1e20}`},
		"products":                {call: "sum(data.a * data.a)", window: "1h", members: `"data":{"a":1e-10}`},
		"keys of numbers":         {key: "data.a", call: "count()", window: "1h", members: `"data":{"a":404.0}`},
		"keys in the interpreter": {key: "[data.a][0]", call: "count()", window: "1h", members: `"data":{"a":1e300}`},
		"weeks":                   {call: "count()", window: "1w", members: `"time":"2026-03-04T12:00:00Z"`},
		"bare extensions":         {where: `tenant == "x"`, call: "count()", window: "1h", members: `"tenant":"x"`},
		"bare arguments":          {call: "sum(weight)", window: "1h", members: `"weight":3`},
	} {
		if before, now := v.fold(t, engine.Previous), v.fold(t, engine.Current); before == now {
			t.Errorf("%s: both versions say %s", kind, now)
		}
	}
}

// TestOneSetOfTwoVersions checks that each program of a set reads the events by its own version, as speed needs while a
// deployment goes on, and that the definitions of two versions never share a name.
func TestOneSetOfTwoVersions(t *testing.T) {
	v := vector{key: "data.a", call: "sum(data.b)", window: "1w",
		members: `"time":"2026-03-04T12:00:00Z","data":{"a":404.0,"b":1e-19}`}
	before, err := stored(engine.Previous, v)
	if err != nil {
		t.Fatal(err)
	}
	now, err := stored(engine.Current, v)
	if err != nil {
		t.Fatal(err)
	}
	set := compiled(t, before, now)
	b := scan(t, set.Fields(), eventWith(v.members))
	for i, want := range []struct{ key, start, value string }{
		{"404.0", "2026-02-26T00:00:00Z", "null"}, {"404", "2026-03-02T00:00:00Z", "0.0000000000000000001"},
	} {
		p := set.Programs[i]
		delta := p.NewDelta()
		delta.Fold(b, []int32{0})
		for page := range delta.Pages() {
			if page.Key == view.SkippedKey {
				continue
			}
			w := p.NewWindows()
			page.MergeInto(w)
			window := w.Sorted()[0]
			if skipped := p.Skipped.Start(window); skipped != p.Start(window) {
				t.Errorf("version %d: skipped events are in the window from %s", engine.Previous+i, skipped)
			}
			start, value := p.Start(window).Format(time.RFC3339), string(w.AppendValue(nil, 0, window))
			if page.Key != view.EncodeKey([]string{want.key}) || start != want.start || value != want.value {
				t.Errorf("version %d: key %q, window from %s, sum %s; want %v", engine.Previous+i, page.Key, start, value, want)
			}
		}
	}
	if before.Hash() == now.Hash() {
		t.Error("the definitions of two versions have one hash")
	}
}

// TestStoredTextsGoOn checks that what a file is refused for today is not asked of a stored text, of either version.
func TestStoredTextsGoOn(t *testing.T) {
	deep := strings.Repeat("[", 20) + "1" + strings.Repeat("]", 20) + " == data.a"
	for name, v := range map[string]vector{
		"a window that divides no day": {window: "36h"},
		"a where without a comparison": {where: "data.a - data.b"},
		"lists in lists":               {where: deep},
		"a large regular expression":   {where: `data.a.matches("a{600}b{600}")`},
	} {
		v.call = "count()"
		if v.window == "" {
			v.window = "1h"
		}
		for _, version := range []int{engine.Previous, engine.Current} {
			d, err := stored(version, v)
			if err != nil {
				t.Errorf("%s, version %d: %v", name, version, err)
				continue
			}
			if _, err := view.Compile(d); err != nil {
				t.Errorf("%s, version %d: %v", name, version, err)
			}
			if faults := view.Check(d); len(faults) == 0 {
				t.Errorf("%s: a file may have it, so the test shows nothing", name)
			}
		}
	}
}

// TestStoredTextsThatDouble checks that an ordinary event does no harm to stored texts that double a value 41 and 59
// times, which a file is refused for. Their views skip it, at once.
func TestStoredTextsThatDouble(t *testing.T) {
	text, err := os.ReadFile("testdata/ordinary_event.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{
		`[data.x]` + strings.Repeat(`.map(x,x+x)`, 41) + `[0] == "a"`,
		`data.v in [[5]]` + strings.Repeat(`.map(x,x+x)`, 59) + `[0]`,
	} {
		for _, version := range []int{engine.Previous, engine.Current} {
			d, err := stored(version, vector{where: where, call: "count()", window: "1h"})
			if err != nil {
				t.Fatal(err)
			}
			set := compiled(t, d)
			delta := set.Programs[0].NewDelta()
			delta.Fold(scan(t, set.Fields(), string(text)), []int32{0})
			if skips := skipsOf(delta); len(skips) != 1 || !strings.HasPrefix(skips[0], "where: 1, ") {
				t.Errorf("version %d, %.30s: %v; want the event skipped by where", version, where, skips)
			}
		}
	}
}

// TestUnknownVersions checks that the text and the definition of any other version are refused with what to do.
func TestUnknownVersions(t *testing.T) {
	for version, todo := range map[int]string{
		engine.Current + 1:  "deploy all functions at that release",
		engine.Previous - 1: "deploy the release that runs it and one newer version",
		99:                  "deploy all functions at that release",
		-1:                  "deploy the release that runs it and one newer version",
	} {
		text := fmt.Sprintf(`{"engine":%d,"name":"v"}`, version)
		_, err := view.ParseText([]byte(text))
		says := fmt.Sprintf("the text has engine %d; this release runs %d and %d", version, engine.Previous, engine.Current)
		if !errors.Is(err, view.ErrVersion) || !strings.Contains(err.Error(), todo) || !strings.Contains(err.Error(), says) {
			t.Errorf("version %d: %v", version, err)
		}
		d := view.Definition{Engine: version, Name: "v"} // without a version, it would have the current one
		if _, err := view.Compile(d); version != 0 && !errors.Is(err, view.ErrVersion) {
			t.Errorf("version %d compiles: %v", version, err)
		}
	}
}
