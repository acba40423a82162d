package main

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

const someViews = `{"views":[{"name":"page_views","key":[{"field":"path","expr":"data.path"}]},` +
	`{"name":"errors","key":[{"field":"status","expr":"data.status"},{"field":"method","expr":"data.method"}]},` +
	`{"name":"\u001b[2J","key":[]}]}`

// TestComplete checks which words are offered for the last word of a line.
func TestComplete(t *testing.T) {
	address, _ := asked(t, ok(someViews))
	for name, test := range map[string]struct {
		words []string
		want  string
	}{
		"commands":                  {[]string{"q"}, "query"},
		"no word":                   {nil, "dev send query keys views cost smoke doctor mcp help version completion"},
		"commands below a command":  {[]string{"views", "ro"}, "rollback"},
		"flags":                     {[]string{"query", "--to"}, "--to --total --top"},
		"values of a flag":          {[]string{"query", "errors", "-o", ""}, "table json csv ndjson"},
		"some values of a flag":     {[]string{"query", "--output", "n"}, "ndjson"},
		"values of an argument":     {[]string{"completion", ""}, "bash zsh fish"},
		"views":                     {[]string{"query", "--url", address, ""}, "page_views errors"},
		"some views":                {[]string{"query", "--url=" + address, "pa"}, "page_views"},
		"views of an operation":     {[]string{"views", "status", "--url", address, "e"}, "errors"},
		"key fields":                {[]string{"query", "--url", address, "--total", "errors", ""}, "status= method="},
		"more key fields":           {[]string{"query", "--url", address, "errors", "status=404", "m"}, "method="},
		"fields of an unknown view": {[]string{"query", "--url", address, "other", ""}, ""},
		"an unknown command":        {[]string{"frobnicate", "--to"}, ""},
		"an invalid URL":            {[]string{"query", "--url", "::", ""}, ""},
		"an unknown flag":           {[]string{"query", "--frobnicate", "--tot"}, "--total"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession()
			s.do(t, exitOK, append([]string{"complete", "--"}, test.words...)...)
			if got := strings.Join(strings.Fields(s.out.String()), " "); got != test.want || s.err.Len() > 0 {
				t.Errorf("got %q, want %q; stderr %s", got, test.want, &s.err)
			}
		})
	}
}

// TestCompleteWithoutServer checks that a server that fails offers no word and no error.
func TestCompleteWithoutServer(t *testing.T) {
	for _, body := range []string{"{", `{"views":7}`, "<html>"} {
		address, _ := asked(t, fixed(http.StatusOK, "application/json", body))
		s := newSession()
		s.do(t, exitOK, "complete", "--", "query", "--url", address, "")
		if s.out.Len()+s.err.Len() > 0 {
			t.Errorf("%s: %s%s", body, &s.out, &s.err)
		}
	}
}

// TestCompletionScripts checks that each script calls the command, and that bash can read its own, and completes with
// it.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		s := newSession()
		s.do(t, exitOK, "completion", shell)
		says(t, &s.out, "anabranch complete -- ")
		if shell != "bash" {
			continue
		}
		line := `COMP_WORDS=(anabranch query errors me); COMP_CWORD=3; _anabranch; printf '%s|' "${COMPREPLY[@]}"`
		stub := `anabranch() { printf '%s\n' "method=" "$*"; }; compopt() { :; }` + "\n"
		out, err := exec.Command("bash", "-c", s.out.String()+stub+line).CombinedOutput()
		if want := "method=|complete|--|query|errors|me|"; err != nil || string(out) != want {
			t.Errorf("bash says %q, %v; want %q", out, err, want)
		}
	}
	s := newSession()
	s.do(t, exitUsage, "completion", "tcsh")
	says(t, &s.err, "tcsh")
}
