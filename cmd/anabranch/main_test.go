package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
)

func newContext(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func TestUsage(t *testing.T) {
	tests := map[string]struct {
		args []string
		says string
	}{
		"NoCommand":      {nil, "expected one of"},
		"UnknownCommand": {[]string{"sned"}, "sned"},
		"UnknownFlag":    {[]string{"send", "-", "--bacth=3"}, "--bacth"},
		"NoFile":         {[]string{"send"}, "<file>"},
		"BatchZero":      {[]string{"send", "-", "--batch=0"}, "--batch: 0 is not between 1 and 1000"},
		"BatchTooLarge":  {[]string{"send", "-", "--batch=1001"}, "--batch: 1001 is not between 1 and 1000"},
		"BatchNoNumber":  {[]string{"send", "-", "--batch=many"}, "--batch"},
		"Concurrency":    {[]string{"send", "-", "--concurrency=65"}, "--concurrency: 65 is not between 1 and 64"},
		"NoScheme": {
			[]string{"send", "-", "--url=localhost:8080"},
			`--url: "localhost:8080" does not start with http:// or https://; write it as "http://localhost:8080" or "https:`,
		},
		"AddressWithoutScheme": {
			[]string{"views", "--url=127.0.0.1:9000"},
			`--url: "127.0.0.1:9000" is not a URL; write it as "http://127.0.0.1:9000" or "https://127.0.0.1:9000"`,
		},
		"NoView":  {[]string{"query"}, "<view>"},
		"NoValue": {[]string{"query", "v", "path"}, `"path" is not field=value`},
		"NoField": {[]string{"query", "v", "=x"}, `"=x" is not field=value`},
		"Verb": {
			[]string{"query", "page", "page_views"},
			`"page_views" is not field=value: values of key fields follow the view, for example path=/`,
		},
		"NoValues":   {[]string{"query", "v", "--values="}, "--values is empty: name aggregates or readings"},
		"TotalOfAll": {[]string{"query", "v", "--by=", "--total"}, "--total is for one key: leave it out"},
		"TotalOfTop": {[]string{"query", "v", "--top=3", "--total"}, "--total is for one key: leave it out"},
		"GroupBy":    {[]string{"query", "v", "--group-by", "path"}, "unknown flag --group-by; use --by;"},
		"Sort":       {[]string{"query", "v", "--sort=views"}, "unknown flag --sort; use --order;"},
		"OrderOfKeys": {
			[]string{"keys", "v", "--order=a"},
			"unknown flag --order; use --reverse: keys are in the order of their fields",
		},
		"TopAndLimit":     {[]string{"query", "v", "--top=3", "--limit=2"}, "--top 3 and --limit 2: write one of them"},
		"TopIsZero":       {[]string{"query", "v", "--top=0"}, "--top 0: must be above 0"},
		"LimitIsZero":     {[]string{"query", "v", "--limit=0"}, "--limit 0: must be above 0"},
		"TopBelowZero":    {[]string{"query", "v", "--top=-1"}, "--top -1: must be above 0"},
		"BadFrom":         {[]string{"query", "v", "--from=yesterday"}, `--from: "yesterday" is not a time; write 2015-05-17T`},
		"BadTo":           {[]string{"query", "v", "--to", "17.5.2015"}, `--to: "17.5.2015" is not a time; write 2015-05-17T`},
		"BadOutput":       {[]string{"query", "v", "-o", "xml"}, "xml"},
		"BadViewsOutput":  {[]string{"views", "-o", "xml"}, "xml"},
		"TooManyViews":    {[]string{"views", "a", "b"}, "b; a command comes before its view: anabranch views status VIEW"},
		"QueryBadAddress": {[]string{"query", "v", "--url=ftp://x"}, "--url"},
		"RouteAsAddress": {
			[]string{"send", "-", "--url=http://x.example/stage/v1/events"},
			`is the URL of a route; write that of the server: "http://x.example/stage"`,
		},
		"VersionAsAddress": {[]string{"views", "--url=http://x/v1/"}, `write that of the server: "http://x"`},
		"DevWithAFile":     {[]string{"dev", "views.yaml"}, "name a file of views with --views, and a directory with --dir"},
		"ViewsBadAddress":  {[]string{"views", "--url=http://x?y"}, "--url"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSession()
			s.do(t, exitUsage, test.args...)
			if says(t, &s.err, test.says, "--help"); s.out.Len() > 0 || strings.Count(s.err.String(), "\n") != 1 {
				t.Errorf("not one line on stderr:\n%s%s", &s.out, &s.err)
			}
		})
	}
}

// TestDevSettings checks that an error about settings names their flags.
func TestDevSettings(t *testing.T) {
	s := newSession()
	s.do(t, exitUsage, "dev", "--views=../../localstack/sample/views.yaml", "--seal-delay=9s")
	says(t, &s.err, "--seal-delay=9s: must be at least --commit-within + ClockMargin")
}

func TestHelp(t *testing.T) {
	for name, args := range map[string][]string{"": {"--help"}, "send": {"send", "--help"}, "query": {"query", "--help"},
		"views": {"views", "-h"}, "smoke": {"smoke", "--help"}} {
		t.Run("Help "+name, func(t *testing.T) {
			s := newSession()
			s.do(t, exitOK, args...)
			if says(t, &s.out, "Usage: anabranch", "Exit codes:"); name != "" {
				says(t, &s.out, "Examples:\n\n    anabranch "+name, "ANABRANCH_URL")
			}
			if s.err.Len() > 0 || bytes.ContainsRune(s.out.Bytes(), '\x1b') {
				t.Errorf("colours, or stderr: %q", &s.err)
			}
		})
	}
}

// TestHelpExplainsItsWords checks that the help of a command explains each word that its output uses for itself.
func TestHelpExplainsItsWords(t *testing.T) {
	for command, words := range map[string][]string{
		"query":        {"horizon", "lag", "generation", "definition", "warning", "exact"},
		"views status": {"generation", "horizon", "behind", "runs left", "swept", "audit", "drift"},
	} {
		s := newSession()
		s.do(t, exitOK, append([]string{"help"}, strings.Fields(command)...)...)
		says(t, &s.out, words...)
	}
}

func TestVersion(t *testing.T) {
	s := newSession()
	s.do(t, exitOK, "--version")
	if s.out.String() != "v0.0.0-test\n" {
		t.Errorf("%q", &s.out)
	}
}

// TestHelpAndVersionCommands checks that "help" and "version" do what --help and --version do.
func TestHelpAndVersionCommands(t *testing.T) {
	for command, flag := range map[string]string{
		"version": "--version", "help": "--help", "help send": "send --help", "help views switch": "views switch --help",
		"help help": "help --help", "help version": "version --help", "help dev": "dev --help",
	} {
		one, other := newSession(), newSession()
		one.do(t, exitOK, strings.Fields(command)...)
		other.do(t, exitOK, strings.Fields(flag)...)
		if one.out.String() != other.out.String() || one.out.Len() == 0 || one.err.Len() > 0 {
			t.Errorf("%s:\n%s%s\n%s:\n%s", command, &one.out, &one.err, flag, &other.out)
		}
	}
	s := newSession()
	s.do(t, exitUsage, "help", "sned")
	says(t, &s.err, "sned", "--help")
}

// TestDevSlips checks that dev names a file of events in place of the views, and a port that is taken.
func TestDevSlips(t *testing.T) {
	events := file(t, "e.ndjson", []byte("\n"+`{"specversion":"1.0","id":"a","source":"s","type":"t"}`+"\n"))
	s := newSession()
	s.do(t, exitUsage, "dev", "--views="+events, "--dir="+t.TempDir())
	says(t, &s.err, "anabranch: --views: "+events+" holds events and no views; send it with anabranch send, once "+
		"dev runs\n")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s = newSession()
	s.do(t, exitUsage, "dev", "--views=../../localstack/sample/views.yaml", "--dir="+t.TempDir(),
		"--listen="+taken.Addr().String())
	says(t, &s.err, "another program uses "+taken.Addr().String()+"; stop it, or choose another port\n")
}

// TestSeveralErrors checks that each of several errors has a line of its own, with file, line and column.
func TestSeveralErrors(t *testing.T) {
	views := file(t, "views.yaml", []byte("views:\n- name: V\n  window: x\n  key: {}\n  aggregates: {n: nope()}\n"))
	s := newSession()
	s.do(t, exitUsage, "dev", "--views="+views, "--dir="+t.TempDir())
	lines := strings.Split(strings.TrimSuffix(s.err.String(), "\n"), "\n")
	if len(lines) != 3 {
		t.Errorf("%d lines:\n%s", len(lines), &s.err)
	}
	for i, place := range []string{":2:9: ", ":3:11: ", ":5:19: "} {
		if line := lines[min(i, len(lines)-1)]; !strings.HasPrefix(line, "anabranch: "+views+place) {
			t.Errorf("%q does not begin with %s", line, place)
		}
	}
	s = newSession()
	s.do(t, exitUsage, "dev", "--views=../../localstack/sample/views.yaml", "--dir="+t.TempDir(),
		"--commit-within=-1s", "--batch-every=-1s", "--drop-grace=-1s")
	lines = strings.Split(strings.TrimSuffix(s.err.String(), "\n"), "\n")
	for _, line := range lines {
		if !strings.HasPrefix(line, "anabranch: --") {
			t.Errorf("%q does not begin with a flag", line)
		}
	}
	if len(lines) != 3 {
		t.Errorf("%d lines:\n%s", len(lines), &s.err)
	}
}

// TestErrorsArePrintable checks that whatever an error quotes, the terminal sees only lines that begin with the
// command's name.
func TestErrorsArePrintable(t *testing.T) {
	for text, want := range map[string]string{
		"a\x1b[2Jb":      "anabranch: a\\x1b[2Jb\n",
		"a\nb":           "anabranch: a\nanabranch: b\n",
		"a\r\nb":         "anabranch: a\\r\nanabranch: b\n",
		"\u202egnp.exe":  "anabranch: \\u202egnp.exe\n",
		"\u009b2J\u007f": "anabranch: \\u009b2J\\x7f\n",
	} {
		s := newSession()
		if s.report(errors.New(text)); s.err.String() != want {
			t.Errorf("%q is printed as %q, want %q", text, &s.err, want)
		}
	}
}

func TestURLFromTheEnvironment(t *testing.T) {
	address, last := asked(t, ok(`{"views":[]}`))
	t.Setenv("ANABRANCH_URL", address+"/stage")
	newSession().do(t, exitOK, "views")
	if last() != "GET /stage/v1/views" {
		t.Errorf("asked %q", last())
	}
}

// TestRun runs the command as main does, with the real clock, network and signals.
func TestRun(t *testing.T) {
	server := newFakeServer(t)
	var out, stderr bytes.Buffer
	code := run([]string{"send", "-", "--url", server.URL}, strings.NewReader(`{"id":"a"}`+"\n"), &out, &stderr)
	if code != exitOK || len(server.ids()) != 1 || stderr.Len() > 0 {
		t.Errorf("exit code %d, %v\n%s%s", code, server.ids(), &out, &stderr)
	}
	out.Reset()
	if code := run([]string{"--version"}, nil, &out, &stderr); code != exitOK || strings.TrimSpace(out.String()) == "" {
		t.Errorf("exit code %d, version %q", code, &out)
	}
}

// TestOutputFails checks that a failing output is an error.
func TestOutputFails(t *testing.T) {
	full := errors.New("disk full")
	address, _ := asked(t, ok(emptyAnswer))
	server := newFakeServer(t)
	for name, args := range map[string][]string{
		"Send": {"send", "-", "--url", server.URL}, "Table": {"query", "v", "--url", address}, "JSON": {"query", "v",
			"-ojson", "--url", address}} {
		t.Run(name, func(t *testing.T) {
			s := newSession()
			s.stdout = failing{full}
			s.do(t, exitUnreachable, args...)
			says(t, &s.err, "disk full")
		})
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestIsTerminal(t *testing.T) {
	if isTerminal(&bytes.Buffer{}) {
		t.Error("a buffer is taken for a terminal")
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) {
		t.Errorf("%s is taken for a terminal on %s", os.DevNull, runtime.GOOS)
	}
}
