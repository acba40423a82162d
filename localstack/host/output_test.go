package host_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/host"
)

// lines records what Settings.Log gets.
type lines struct {
	mu  sync.Mutex
	all []host.Line
}

func (l *lines) log(line host.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line.Text = append([]byte(nil), line.Text...)
	l.all = append(l.all, line)
}

func (l *lines) texts() (texts []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		texts = append(texts, string(line.Text))
	}
	return texts
}

func TestOutput(t *testing.T) {
	dir := t.TempDir()
	var seen lines
	h := with(t, host.Settings{LogDir: dir, Log: seen.log}, host.Function{})
	first := ask(t, h, event{"print": "one\ntwo\npart ", "stderr": "of a line\n"})
	second := ask(t, h, event{"print": "three\n\n"})
	_, err := h.Invoke(t.Context(), "f", event{"print": "no end", "return": "exit", "code": 1}.json())
	want(t, err, host.TypeExited)
	wanted := []string{"one", "two", "part of a line", "three", "", "no end"}
	if diff := cmp.Diff(wanted, seen.texts()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	for i, id := range []string{first.Request, first.Request, first.Request, second.Request, second.Request} {
		if line := seen.all[i]; line.Function != "f" || line.Process != first.PID || line.RequestID != id {
			t.Errorf("line %d is %+v, want it from process %d, request %s", i, line, first.PID, id)
		}
	}

	text, err := os.ReadFile(filepath.Join(dir, "f.log"))
	if err != nil {
		t.Fatal(err)
	}
	var plain, status []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		var report struct {
			Type   string
			Record struct{ RequestID, Status, ErrorType string }
		}
		if json.Unmarshal([]byte(line), &report) != nil {
			plain = append(plain, line)
			continue
		}
		status = append(status, report.Type+" "+report.Record.Status+" "+report.Record.ErrorType)
	}
	if diff := cmp.Diff(wanted, plain); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(
		[]string{"platform.report success ", "platform.report success ", "platform.report failure Runtime.ExitError"}, status,
	); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

// TestLogLevel checks that the host drops what Lambda drops: lines below the level. Lines of metrics have none, and
// count as INFO.
func TestLogLevel(t *testing.T) {
	const metric = `{"_aws":{"Timestamp":1795382103004,"CloudWatchMetrics":[{"Namespace":"A","Dimensions":[[]],` +
		`"Metrics":[{"Name":"N"}]}]},"N":1}`
	printed := []string{`{"level":"DEBUG"}`, `{"level":"info"}`, metric, "no JSON", `{"level":"ERROR"}`}
	for level, wanted := range map[string][]string{
		"DEBUG": printed, "INFO": printed[1:], "": printed[1:], "ERROR": printed[4:],
	} {
		var seen lines
		h := with(t, host.Settings{Log: seen.log}, host.Function{LogFormat: "JSON", LogLevel: level})
		ask(t, h, event{"print": strings.Join(printed, "\n") + "\n"})
		if diff := cmp.Diff(wanted, seen.texts()); diff != "" {
			t.Errorf("level %q: lines (-want +got):\n%s", level, diff)
		}
		if got := h.Metrics().Sum("A", "N") == 1; got != (level != "ERROR") {
			t.Errorf("level %q: the metric arrives: %v", level, got)
		}
	}
}

// TestMoreOutputThanAPipeHolds checks that a process never waits for room in its pipe, and that lines up to 1 MiB
// arrive whole.
func TestMoreOutputThanAPipeHolds(t *testing.T) {
	var seen lines
	h := with(t, host.Settings{Log: seen.log}, host.Function{})
	ask(t, h, event{"fill": 1<<20 - 1})
	ask(t, h, event{"fill": 1<<20 + 5})
	ask(t, h, event{"print": strings.Repeat("line\n", 100_000)})
	texts := seen.texts()
	if len(texts) < 3 || len(texts[0]) != 1<<20-1 {
		t.Fatalf("%d lines, the first of %d bytes", len(texts), len(texts[0]))
	}
	long := 0
	for len(texts) > 1 && texts[1] != "line" {
		long += len(texts[1])
		texts = append(texts[:1], texts[2:]...)
	}
	if long != 1<<20+5 {
		t.Errorf("a line above 1 MiB came with %d bytes, want %d", long, 1<<20+5)
	}
	if len(texts) != 1+100_000 {
		t.Errorf("%d short lines, want 100,000", len(texts)-1)
	}
}

func TestLinesOfProcessesDoNotMix(t *testing.T) {
	dir := t.TempDir()
	h := with(t, host.Settings{LogDir: dir}, host.Function{Concurrency: 4})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			text := strings.Repeat(fmt.Sprint(i), 5000) + "\n"
			if _, err := h.Invoke(t.Context(), "f", event{"print": strings.Repeat(text, 50)}.json()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	text, err := os.ReadFile(filepath.Join(dir, "f.log"))
	if err != nil {
		t.Fatal(err)
	}
	whole := 0
	for line := range strings.Lines(string(text)) {
		switch {
		case len(line) == 5001 && strings.Count(line, line[:1]) == 5000:
			whole++
		case !strings.Contains(line, "platform.report"):
			t.Fatalf("a mixed line of %d bytes: %.80q", len(line), line)
		}
	}
	if whole != 200 {
		t.Errorf("%d whole lines, want 200", whole)
	}
}

func TestMetrics(t *testing.T) {
	line := func(metric string, value int) string {
		return fmt.Sprintf(`{"_aws":{"Timestamp":1795382103004,"CloudWatchMetrics":[{"Namespace":"Anabranch",`+
			`"Dimensions":[["FunctionName"]],`+
			`"Metrics":[{"Name":"%s","Unit":"Count"}]}]},"FunctionName":"f","%s":%d}`+"\n", metric, metric, value)
	}
	h := with(t, host.Settings{}, host.Function{})
	for range 3 {
		ask(t, h, event{"print": "before\n" + line("Accepted", 4) + line("Rejected", 1)})
	}
	accepted, rejected := h.Metrics().Sum("Anabranch", "Accepted"), h.Metrics().Sum("Anabranch", "Rejected")
	if accepted != 12 || rejected != 3 {
		t.Errorf("accepted and rejected are %v and %v, want 12 and 3", accepted, rejected)
	}
	if err := h.Metrics().Invalid(); err != nil {
		t.Error(err)
	}
	ask(t, h, event{"print": `{"_aws":{}}` + "\n"})
	if err := h.Metrics().Invalid(); err == nil {
		t.Error("no error for an invalid line")
	}
}
