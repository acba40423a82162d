package viewfile_test

import (
	"strings"
	"testing"
)

// Files whose form is wrong: text, YAML, fields, names, windows.
func TestParseBrokenFile(t *testing.T) {
	runBroken(t, []broken{
		// The file.
		{"empty", "",
			"v.yaml:1:1: the file has no views; begin it with views:"},
		{"only a comment", "# nothing\n",
			"v.yaml:1:1: the file has no views; begin it with views:"},
		{"no mapping", "views\n",
			"v.yaml:1:1: a views file must be a mapping; write for example views:"},
		{"a list", "- name: x\n",
			"v.yaml:1:1: a views file must be a mapping; write for example views:"},
		{"byte that is no text", "views:\n  - näme: \xff\n",
			"v.yaml:2:11: byte 0xff is not text; a views file is UTF-8"},
		{"NUL", "views: \x00\n",
			"v.yaml:1:8: byte 0x00 is not text; a views file is UTF-8"},
		{"too large", strings.Repeat("#", 1<<20+1),
			"v.yaml:1:1: the file has 1048577 bytes; the maximum is 1048576"},
		{"tab", "views:\n\t- name: x\n",
			"v.yaml:2:1: a tab cannot stand here; indent YAML with spaces"},
		{"quote without end", with(nameLine, `  - name: "page_views`),
			"v.yaml:4:21: invalid YAML (value is not allowed in this context. map key-value is pre-defined); close each " +
				"quote, and put an expression that begins with a quote in quotes of the other kind"},
		{"quote at the beginning of an expression", with(whereLine, `    where: "web" == type`),
			"v.yaml:4:18: invalid YAML (value is not allowed in this context. map key-value is pre-defined); close each " +
				"quote, and put an expression that begins with a quote in quotes of the other kind"},
		{"field further right than the others", with(keyLine, keyLine, "     window: 2h"),
			"v.yaml:7:6: check the indentation of this line; the fields of one mapping begin in the same " +
				"column"},
		{"field further right than a quoted text", with(descLine, `    description: "x"`, `     owner: me`),
			"v.yaml:4:6: check the indentation of this line; the fields of one mapping begin in the same " +
				"column"},
		{"field further left than the others", with(windowLine, "   window: 1h"),
			"v.yaml:7:4: check the indentation of this line; the fields of one mapping begin in the same " +
				"column"},
		{"bracket without end", "views: [\n",
			"v.yaml:1:8: invalid YAML (sequence end token ']' not found); check indentation, colons and quotes"},
		{"colon in plain text", with(whereLine, `    where: data.a ? data.b : data.c`),
			"v.yaml:4:12: invalid YAML (mapping value is not allowed in this context); put text that contains a colon and a " +
				"space in quotes, and check the indentation"},
		{"two documents", sample + "---\n" + sample,
			"v.yaml:11:1: a second document begins here; a views file has only one, so remove ---"},
		{"anchor", with(keyLine, `      path: &p data.path`),
			"v.yaml:6:13: & begins a YAML anchor here, which is not supported; put text that begins with & in quotes"},
		{"alias", with(keyLine, `      path: *p`),
			"v.yaml:6:13: * begins a YAML alias here, which is not supported; write the text out, and put text that begins " +
				"with * in quotes"},
		{"merge", with(keyLine, `      <<: data.path`),
			"v.yaml:6:7: << is a YAML merge, which is not supported; write the fields out"},
		{"tag", with(whereLine, `    where: !data.bot`),
			"v.yaml:4:12: !data.bot is a YAML tag here; put an expression that begins with ! in quotes"},
		{"complex key", with(keyLine, `      ? path`, `      : data.path`),
			"v.yaml:6:7: ? begins a YAML complex key here, which is not supported; put text that begins with ? in quotes"},
		{"directive", "%YAML 1.2\n---\n" + sample,
			"v.yaml:1:1: % begins a YAML directive here, which is not supported; remove it"},
		{"nested too deeply", "views: " + strings.Repeat("[", 40),
			"v.yaml:1:24: the file is nested too deeply or too long; the maximum is 16 levels in a line or in brackets, and " +
				"20000 words and signs"},
		{"nested lists", "views: " + strings.Repeat("- ", 40),
			"v.yaml:1:40: the file is nested too deeply or too long; the maximum is 16 levels in a line or in brackets, and " +
				"20000 words and signs"},
		{"too many words", "views:\n" + strings.Repeat("- a: b\n", 10_000),
			"v.yaml:5001:4: the file is nested too deeply or too long; the maximum is 16 levels in a line or in brackets, " +
				"and 20000 words and signs"},

		// Fields.
		{"misspelt field, and wrong", with(whereLine, `    were: data.status <`),
			`v.yaml:4:5: unknown field "were"; did you mean "where"?` + "\n" +
				"v.yaml:4:24: the expression ends too early; a value is missing here"},
		{"misspelt field beside the right one", with(whereLine, whereLine, `    were: data.status <`),
			`v.yaml:5:5: unknown field "were"; did you mean "where"?`},
		{"unknown top field", strings.Replace(sample, "views:", "veiws:", 1),
			`v.yaml:1:1: unknown field "veiws"; did you mean "views"?`},
		{"unknown field", with(windowLine, `    windows: 1h`),
			`v.yaml:7:5: unknown field "windows"; did you mean "window"?`},
		{"unknown field, nothing like it", with(descLine, `    owner: me`),
			`v.yaml:3:5: unknown field "owner"; the fields of a view are name, description, architecture, where, key, rollups, window, aggregates`},
		{"unknown architecture", with(windowLine, windowLine, `    architecture: kapa`),
			`v.yaml:8:19: unknown architecture "kapa"; valid values are lambda and kappa`},
		{"architecture that is no text", with(windowLine, windowLine, `    architecture: [kappa]`),
			"v.yaml:8:19: architecture must be text; write for example architecture: kappa, or leave it out"},
		{"field twice", with(windowLine, windowLine, `    window: 2h`),
			`v.yaml:8:5: the field "window" appears twice, first at 7:5; remove one`},
		{"key field twice", with(keyLine, keyLine, `      path: data.other`),
			`v.yaml:7:7: the field "path" appears twice, first at 6:7; remove one`},
		{"views is no list", "views: {}\n",
			"v.yaml:1:1: views must be a list of at least one view; write for example - name: page_views"},
		{"views is empty", "views: []\n",
			"v.yaml:1:1: views must be a list of at least one view; write for example - name: page_views"},
		{"views is null", "views:\n",
			"v.yaml:1:1: views must be a list of at least one view; write for example - name: page_views"},
		{"view is no mapping", "views:\n  - page_views\n",
			"v.yaml:2:5: a view must be a mapping; write for example - name: page_views"},
		{"everything missing", "views:\n  - description: x\n",
			"v.yaml:2:5: the view has no name; write for example - name: page_views" + "\n" +
				"v.yaml:2:5: the view has no window; write for example window: 1h" + "\n" +
				"v.yaml:2:5: the view has no key; write for example key: {path: data.path}, or key: {} for one row per window" +
				"\n" +
				"v.yaml:2:5: the view has no aggregates; write for example aggregates: {views: count()}"},
		{"key is null", with(keyLine),
			"v.yaml:5:5: key is empty; write for example key: {path: data.path}, or key: {} for one row per window"},
		{"key is text", strings.Replace(sample, "    key:\n      path: data.path\n", "    key: data.path\n", 1),
			"v.yaml:5:10: key must be a mapping; write for example key: {path: data.path}, or key: {} for one row per window"},
		{"key is a list", strings.Replace(sample, "    key:\n      path: data.path\n", "    key: [data.path]\n", 1),
			"v.yaml:5:10: key must be a mapping; write for example key: {path: data.path}, or key: {} for one row per window"},
		{"aggregates is empty", strings.Replace(sample,
			"    aggregates:\n      views: count()\n      bytes: sum(data.bytes)\n", "    aggregates: {}\n", 1),
			"v.yaml:8:5: aggregates is empty; write for example aggregates: {views: count()}"},
		{"where is null", with(whereLine, `    where:`),
			"v.yaml:4:5: where is empty; write for example where: data.status < 400, or leave it out"},
		{"where is a list", with(whereLine, `    where: [a]`),
			"v.yaml:4:12: where must be text; write for example where: data.status < 400, or leave it out"},
		{"description is a mapping", with(descLine, `    description: {a: b}`),
			"v.yaml:3:18: description must be text; write for example description: Requests per hour, or leave it out"},
		{"description too long", with(descLine, `    description: `+strings.Repeat("é", 2001)),
			"v.yaml:3:18: the text has 2001 characters; the maximum is 2000"},

		// Names.
		{"bad view name", with(nameLine, `  - name: Page-Views`),
			`v.yaml:2:11: "Page-Views" cannot be the name of a view; write a letter a-z, then up to 62 of a-z, 0-9 and _`},
		{"long view name", with(nameLine, `  - name: `+strings.Repeat("a", 64)),
			`v.yaml:2:11: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..." cannot be the name of a view; write a letter a-z, then up to 62 of a-z, 0-9 and _`},
		{"view twice", sample + strings.TrimPrefix(sample, "views:\n"),
			`v.yaml:11:11: the view "page_views" appears twice, first at 2:11; names must be unique`},
		{"bad key field", with(keyLine, `      "the path": data.path`),
			`v.yaml:6:7: "the path" cannot be the name of a key field; write a letter a-z, then up to 62 of a-z, 0-9 and _`},
		{"bad aggregate name", with(sumLine, `      1st: sum(data.bytes)`),
			`v.yaml:10:7: "1st" cannot be the name of an aggregate; write a letter a-z, then up to 62 of a-z, 0-9 and _`},
		{"too many key fields", with(keyLine,
			strings.Split(strings.TrimSuffix(numbered("      k%: data.k%\n", 9), "\n"), "\n")...),
			"v.yaml:14:7: key has 9 fields; the maximum is 8"},
		{"too many aggregates", with(sumLine,
			strings.Split(strings.TrimSuffix(numbered("      n%: count()\n", 32), "\n"), "\n")...),
			"v.yaml:41:7: aggregates has 33 fields; the maximum is 32"},
		{"aggregates too large together", with(sumLine, numbered("      n%: quantiles(data.a%)\n", 4)),
			"v.yaml:8:5: the aggregates of one window may take 390921 bytes; the maximum is 389109; divide them among several " +
				"views"},
		{"too many views", "views:\n" + numbered("- {name: v%, key: {}, window: 1h, aggregates: {n: count()}}\n", 101),
			"v.yaml:102:3: there are 101 views; the maximum is 100"},

		// Windows.
		{"no duration", with(windowLine, `    window: an hour`),
			`v.yaml:7:13: "an hour" is not a duration; write for example 30s, 5m, 1h, 1d, 1w or PT1H, P1W`},
		{"no unit", with(windowLine, `    window: 60`),
			`v.yaml:7:13: "60" is not a duration; write for example 30s, 5m, 1h, 1d, 1w or PT1H, P1W`},
		{"below a second", with(windowLine, `    window: 500ms`),
			"v.yaml:7:13: a window must be at least a second; write for example 30s, 5m, 1h, 1d, 1w or PT1H, P1W"},
		{"not whole seconds", with(windowLine, `    window: 1.5s`),
			"v.yaml:7:13: a window must divide a day, so that each day begins with one, and 1.5s does not; write 1s or 2s"},
		{"does not divide a day", with(windowLine, `    window: 50m`),
			"v.yaml:7:13: a window must divide a day, so that each day begins with one, and 50m does not; write 48m or 1h"},
		{"a day and a half", with(windowLine, `    window: 1d12h`),
			"v.yaml:7:13: a window longer than a day must be a week; write 1d or 1w, and add up the rows of an answer"},
		{"too long", with(windowLine, `    window: 367d`),
			"v.yaml:7:13: a window longer than a day must be a week; write 1d or 1w, and add up the rows of an answer"},
		{"negative", with(windowLine, `    window: -1h`),
			"v.yaml:7:13: a window must be at least a second; write for example 30s, 5m, 1h, 1d, 1w or PT1H, P1W"},
		{"months", with(windowLine, `    window: P1M`),
			`v.yaml:7:13: the years and months of "P1M" have no fixed length; write P1D or P1W, and add up the rows of an answer`},
		{"bad ISO", with(windowLine, `    window: P1H`),
			`v.yaml:7:13: "P1H" is not an ISO 8601 duration; write for example 30s, 5m, 1h, 1d, 1w or PT1H, P1W`},
	})
}
