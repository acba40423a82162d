package table_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

func TestPrint(t *testing.T) {
	t.Run("Aligned", func(t *testing.T) {
		tab := table.New(table.Column{Name: "path"}, table.Column{Name: "bytes", Right: true}, table.Column{Name: "exact"})
		tab.Row("/", "123456789012345678901234567890.000000000000000001", "yes")
		tab.Row("/übung", "7", "no")
		tab.Row("/missing")
		tab.Row("/surplus", "-1", "no", "not shown")
		want := `
path                                                  bytes  exact
/         123456789012345678901234567890.000000000000000001  yes
/übung                                                    7  no
/missing
/surplus                                                 -1  no
`
		if diff := cmp.Diff(want, "\n"+print(t, tab)); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("Wide", func(t *testing.T) {
		tab := table.New(table.Column{Name: "path"}, table.Column{Name: "値", Right: true}, table.Column{Name: "exact"})
		tab.Row("/日本", "1", "yes")
		tab.Row("/u\u0308b", "22", "no") // an accent that combines with the u
		tab.Row("/한글", "語", "no")
		tab.Row("/👍🏽", "3", "no") // one picture of two characters
		want := `
path   値  exact
/日本   1  yes
/u\u0308b    22  no
/한글  語  no
/👍🏽     3  no
`
		if diff := cmp.Diff(strings.ReplaceAll(want, `\u0308`, "\u0308"), "\n"+print(t, tab)); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("WithoutNames", func(t *testing.T) {
		tab := table.New(table.Column{}, table.Column{Right: true})
		tab.Row("accepted", "10")
		tab.Row("rejected", "3")
		if diff := cmp.Diff("accepted  10\nrejected   3\n", print(t, tab)); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("Empty", func(t *testing.T) {
		if got := print(t, table.New()); got != "" {
			t.Errorf("%q", got)
		}
	})

	t.Run("WriteError", func(t *testing.T) {
		full := errors.New("disk full")
		tab := table.New(table.Column{Name: "a"})
		if err := tab.Print(failing{full}); !errors.Is(err, full) {
			t.Errorf("%v, want the writer's error", err)
		}
	})
}

func print(t *testing.T, tab *table.Table) string {
	var b strings.Builder
	if err := tab.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestPrintable(t *testing.T) {
	tests := map[string]string{
		"/a b":               "/a b",
		"größer 日本":          "größer 日本",
		"a\nb\tc\rd":         `a\nb\tc\rd`,
		"\x1b[31mred\x07":    `\x1b[31mred\a`,
		"\xffx\xc3":          `\xffx\xc3`,
		"\u202egnp.exe":      `\u202egnp.exe`,
		"a\u0000b\u0085":     `a\x00b\u0085`,
		"replacement \ufffd": "replacement \ufffd",
	}
	for text, want := range tests {
		if got := table.Printable(text); got != want {
			t.Errorf("%q is printed as %s, want %s", text, got, want)
		}
	}
}

// TestCell checks that a cell shows up to 999 characters, in whole characters, and says how long a longer text is.
func TestCell(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{strings.Repeat("9", 999), strings.Repeat("9", 999)},
		{strings.Repeat("9", 1000), strings.Repeat("9", 999) + "... (1000 characters)"},
		{strings.Repeat("ü", 999), strings.Repeat("ü", 999)},
		{strings.Repeat("日", 5000), strings.Repeat("日", 999) + "... (5000 characters)"},
		{strings.Repeat("\x1b", 2000), strings.Repeat(`\x1b`, 999) + "... (2000 characters)"},
	} {
		tab := table.New(table.Column{})
		tab.Row(c.text)
		if got := strings.TrimSuffix(print(t, tab), "\n"); got != c.want {
			t.Errorf("%.20q with %d bytes is printed as %q", c.text, len(c.text), got)
		}
	}
}

// TestPrintableProperty checks that any text becomes one line of graphic characters, and such a line stays unchanged.
func TestPrintableProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		got := table.Printable(text)
		for _, r := range got {
			if r != ' ' && !unicode.IsGraphic(r) {
				t.Fatalf("%q holds %U", got, r)
			}
		}
		if !utf8.ValidString(got) || table.Printable(got) != got {
			t.Fatalf("%q", got)
		}
	})
}
