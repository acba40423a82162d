package experiments_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/klauspost/compress/zstd"

	"github.com/anabranch/anabranch/infra/experiments"
)

// fake is a small stack in an account. It counts events at once, and answers are exact from the next question on.
type fake struct {
	t *testing.T

	mu        sync.Mutex
	now       time.Time
	counts    map[string]int             // events by path
	windows   map[string]map[string]bool // windows by path
	asked     map[string]int             // questions by path
	records   [][]byte                   // of the stream
	stamps    int
	copies    int  // lines that are put into the stream a second time
	lose      bool // the last event of each load is not counted
	serving   int  // number of the serving generation
	onDemand  bool
	shards    int32
	enabled   bool
	variables map[string]string
	objects   map[string]bool
	metrics   bool             // whether CloudWatch and the log have something
	silent    bool             // no metrics come at level ERROR
	fail      map[string]error // by operation
	calls     []string         // everything that changes something
}

func newFake(t *testing.T) *fake {
	return &fake{
		t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), counts: map[string]int{},
		windows: map[string]map[string]bool{}, asked: map[string]int{}, shards: 4, onDemand: true, enabled: true,
		variables: map[string]string{"LOG_LEVEL": "INFO", "SLOT": "5m"}, objects: map[string]bool{}, metrics: true,
		fail: map[string]error{},
	}
}

// outputs are those of the stack; they must not show up on the page.
var outputs = map[string]string{
	"StreamName": "shop-stream-1", "StreamArn": "arn:aws:kinesis:eu-central-1:123456789012:stream/shop-stream-1",
	"BatchFunction": "shop-batch", "SpeedFunction": "shop-speed", "IngestFunction": "shop-ingest",
	"QueryFunction": "shop-query", "AuditFunction": "shop-audit",
	"FailureBucket": "shop-failure", "ArchiveBucket": "shop-archive",
}

// lab returns a lab for the fake. Its clock is the fake's: waiting costs no time.
func (f *fake) lab(s experiments.Sizes) *experiments.Lab {
	server := httptest.NewServer(f)
	f.t.Cleanup(server.Close)
	cfg := aws.Config{Region: "eu-central-1"}
	l, err := experiments.NewLab(cfg, server.URL, "", outputs, map[string]string{}, s, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	l.Lambda, l.Kinesis, l.S3, l.CloudWatch, l.Logs = f, f, objects{f}, f, f
	l.ID, l.Now = "01TEST", f.clock
	l.Wait = func(ctx context.Context, d time.Duration) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now = f.now.Add(d)
		return ctx.Err()
	}
	return l
}

func (f *fake) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// called notes a change, and returns the error that the test has set for it.
func (f *fake) called(operation string, values ...any) error {
	f.calls = append(f.calls, strings.TrimSpace(fmt.Sprintln(append([]any{operation}, values...)...)))
	return f.fail[operation]
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/v1/events":
		f.take(w, r)
	case r.URL.Path == "/v1/views":
		_, _ = io.WriteString(w, `{"views":[{"name":"pages","where":"type == \"web.request\" && data.status < 400",
			"window":"PT1H","key":[{"field":"path","expr":"data.path"}],"aggregates":[{"name":"n","expr":"count()"}]}]}`)
	case strings.HasSuffix(r.URL.Path, "/query"):
		f.answer(w, r.URL.Query().Get("path"))
	case strings.HasSuffix(r.URL.Path, "/rebuild"):
		f.serving++
		fallthrough
	default:
		_, _ = fmt.Fprintf(w, `{"view":"pages","serving":"g%d","generations":[]}`, f.serving)
	}
}

// take counts events and puts them into the stream.
func (f *fake) take(w http.ResponseWriter, r *http.Request) {
	unpack, err := zstd.NewReader(r.Body)
	if err != nil {
		f.t.Error(err)
		return
	}
	defer unpack.Close()
	var lines []string
	n := 0
	for decoder := json.NewDecoder(unpack); ; n++ {
		var e struct {
			Source, Time string
			Data         struct{ Path string }
		}
		if decoder.Decode(&e) != nil {
			break
		}
		f.counts[e.Data.Path]++
		if f.windows[e.Data.Path] == nil {
			f.windows[e.Data.Path] = map[string]bool{}
		}
		f.windows[e.Data.Path][e.Time] = true
		f.stamps++
		lines = append(lines, fmt.Sprintf(`{"source":%q,"stamp":"s%d"}`, e.Source, f.stamps))
	}
	f.put(lines)
	if f.copies > 0 {
		f.copies--
		f.put(lines[:1])
	}
	_, _ = fmt.Fprintf(w, `{"accepted":%d,"rejected":[]}`, n)
}

func (f *fake) put(lines []string) {
	pack, err := zstd.NewWriter(nil)
	if err != nil {
		f.t.Error(err)
		return
	}
	f.records = append(f.records, pack.EncodeAll([]byte(strings.Join(lines, "\n")+"\n"), nil))
}

func (f *fake) answer(w http.ResponseWriter, path string) {
	f.asked[path]++
	n := f.counts[path]
	if f.lose && n > 0 {
		n--
	}
	rows := []map[string]any{}
	for start := range f.windows[path] {
		rows = append(rows, map[string]any{"start": start, "values": map[string]int{"n": 1}, "exact": f.asked[path] > 1})
	}
	text, err := json.Marshal(map[string]any{
		"view": "pages", "data": rows, "total": map[string]any{"values": map[string]int{"n": n}},
	})
	if err != nil {
		f.t.Error(err)
	}
	_, _ = w.Write(text)
}

// asBefore checks that the stack is as newFake made it.
func (f *fake) asBefore() {
	f.t.Helper()
	if !f.onDemand || f.shards != 4 || !f.enabled || f.variables["LOG_LEVEL"] != "INFO" || len(f.objects) > 0 {
		f.t.Errorf("not changed back: on demand %v, %d shards, mapping enabled %v, variables %v, %d objects; calls %q",
			f.onDemand, f.shards, f.enabled, f.variables, len(f.objects), f.calls)
	}
}
