package smoke_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/anabranch/anabranch/shared/api"
)

const (
	adminKey = "a0123456789abcdefghijklmnopqrstu"
	readKey  = "r0123456789abcdefghijklmnopqrstu"
)

// fake is a small deployment with the flaws that a test gives it.
type fake struct {
	deployment

	mu     sync.Mutex
	stored []stored
	posts  int // number of requests with events
	asked  []string
}

// deployment is its configuration.
type deployment struct {
	keyed bool
	flaws
}

// flaws are its defects. The zero value has none.
type flaws struct {
	openRoute   string                      // this route requires no key
	unhealthy   bool                        // GET /health is not routed
	tokens      bool                        // answers 401 to a wrong key, as a gateway that checks tokens does
	unlike      int                         // status of the answer to a wrong key
	views       string                      // the list of views; "" for the sample's
	described   string                      // the description of every view; "" for the listed one
	answer      func(answer string) string  // changes the answers of queries
	fail        func(route string) int      // status of a failure; 0 for none
	receipt     func(receipt string) string // changes the receipts
	lose        func(post, line int) bool   // the event is accepted but never counted
	countCopies bool
	visibleAt   int // events show up from this post on
	lag         float64
	warnings    []string
	newFor      int // number of times that the list is empty
	building    int // number of queries that get "not serving"
}

type stored struct {
	Source, ID, Type string
	Time             time.Time
	Data             struct {
		Status, Bytes int
		Path, Method  string
	}
}

const listed = `{"views":[
{"name":"errors","description":"","definition":"h1","where":"type == \"web.request\" \u0026\u0026 data.status >= 400",
"window":"P1D","key":[{"field":"status","expr":"data.status"},{"field":"method","expr":"data.method"}],
"aggregates":[{"name":"n","expr":"count()"},{"name":"bytes","expr":"sum(data.bytes)"}]},
{"name":"pages","definition":"h2","where":"type == \"web.request\" && data.status < 400","window":"PT1H",
"key":[{"field":"path","expr":"data.path"}],"aggregates":[{"name":"n","expr":"count()"},{"name":"bytes",
"expr":"sum(data.bytes)"}]},
{"name":"traffic","definition":"h3","where":"type == \"web.request\"","window":"PT1H","key":[],
"aggregates":[{"name":"n","expr":"count()"},{"name":"bytes","expr":"sum(data.bytes)"}]}]}`

const others = `{"views":[{"name":"orders","definition":"h4","where":"type == \"order\"","window":"PT1H",` +
	`"key":[{"field":"shop","expr":"source"}],"aggregates":[{"name":"n","expr":"count()"}]}]}`

func (f *fake) serve(t testing.TB) string {
	if f.views == "" {
		f.views = listed
	}
	mux := http.NewServeMux()
	handlers := map[api.Key]http.HandlerFunc{
		api.SendEvents: f.events,
		api.ListViews:  f.list,
		api.GetView:    f.view,
		api.QueryView:  f.query,
		api.Health: func(w http.ResponseWriter, _ *http.Request) {
			if f.unhealthy {
				say(w, http.StatusNotFound, "application/json", `{"message":"Not Found"}`)
			}
		},
	}
	handlers[api.OpenAPI] = func(http.ResponseWriter, *http.Request) {}
	handlers[api.Page] = handlers[api.OpenAPI]
	for _, r := range api.Routes() {
		route, open, handle := string(r.Key), r.IsOpen(), handlers[r.Key]
		if handle == nil {
			handle = http.NotFound // smoke only tests access there
		}
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.asked = append(f.asked, r.URL.Path+"?"+r.URL.RawQuery)
			if status := f.refuse(route, r); status != 0 && !open {
				say(w, status, "application/json", `{"message":"no"}`)
				return
			}
			handle(w, r)
		})
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func say(w http.ResponseWriter, status int, kind, body string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client reports a broken connection
}

func (f *fake) refuse(route string, r *http.Request) int {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	known := key == adminKey || key == readKey && strings.HasPrefix(route, "GET")
	switch {
	case !f.keyed || route == f.openRoute && !known:
	case key == "":
		return http.StatusUnauthorized
	case !known && f.unlike != 0:
		return f.unlike
	case !known && f.tokens:
		return http.StatusUnauthorized
	case !known:
		return http.StatusForbidden
	}
	if f.fail != nil {
		return f.fail(route)
	}
	return 0
}

func (f *fake) list(w http.ResponseWriter, _ *http.Request) {
	if f.newFor--; f.newFor >= 0 {
		say(w, 200, "application/json", `{"views":[]}`)
		return
	}
	say(w, 200, "application/json", f.views)
}

func (f *fake) view(w http.ResponseWriter, r *http.Request) {
	all := struct{ Views []json.RawMessage }{}
	if json.Unmarshal([]byte(f.views), &all) != nil {
		say(w, 500, "text/plain", "no list")
		return
	}
	for _, text := range all.Views {
		if strings.Contains(string(text), fmt.Sprintf(`"name":%q`, r.PathValue("view"))) {
			if f.described != "" {
				text = []byte(f.described)
			}
			say(w, 200, "application/json", string(text))
			return
		}
	}
	say(w, 404, "application/problem+json", `{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/unknown_view.md","status":404,"code":"unknown_view","title":"Not Found"}`)
}

// query folds the stored events in the simplest way.
func (f *fake) query(w http.ResponseWriter, r *http.Request) {
	name, q := r.PathValue("view"), r.URL.Query()
	from, err := time.Parse(time.RFC3339, q.Get("from"))
	if err != nil {
		say(w, 404, "application/problem+json", `{"code":"unknown_view"}`)
		return
	}
	if f.building--; f.building >= 0 {
		say(w, 503, "application/problem+json", `{"type":"https://github.com/anabranch/anabranch/blob/main/docs/errors/not_serving.md","status":503,"code":"not_serving","title":"Service Unavailable"}`)
		return
	}
	window := time.Hour
	if name == "errors" {
		window = 24 * time.Hour
	}
	n, bytes := 0, 0
	for _, e := range f.stored {
		ok := f.posts >= f.visibleAt && e.Time.Truncate(window).Equal(from) && e.Type == "web.request"
		switch name {
		case "errors":
			ok = ok && e.Data.Status >= 400 && q.Get("status") == "404" && q.Get("method") == e.Data.Method
		case "pages":
			ok = ok && e.Data.Status < 400 && q.Get("path") == e.Data.Path
		}
		if ok {
			n, bytes = n+1, bytes+e.Data.Bytes
		}
	}
	q.Del("from")
	q.Del("to")
	key := map[string]string{}
	for field := range q {
		key[field] = q.Get(field)
	}
	data := []any{}
	if n > 0 {
		data = append(data, map[string]any{"start": from, "values": map[string]int{"n": n, "bytes": bytes}, "exact": false})
	}
	answer, err := json.Marshal(map[string]any{
		"view": name, "key": key, "horizon": "2026-03-01T12:00:00Z", "lag": map[string]any{"batch_seconds": f.lag},
		"data":     data,
		"warnings": append([]string{}, f.warnings...),
	})
	if err != nil {
		say(w, 500, "text/plain", err.Error())
		return
	}
	text := string(answer)
	if f.answer != nil {
		text = f.answer(text)
	}
	say(w, 200, "application/json", text)
}

func (f *fake) events(w http.ResponseWriter, r *http.Request) {
	d, err := zstd.NewReader(r.Body)
	if err != nil {
		say(w, 400, "text/plain", err.Error())
		return
	}
	defer d.Close()
	body, err := io.ReadAll(d)
	if err != nil {
		say(w, 400, "text/plain", err.Error())
		return
	}
	accepted, rejected, lines := 0, []string{}, strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	if len(body) == 0 {
		lines = nil
	} else {
		f.posts++
	}
	for i, line := range lines {
		var e stored
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Type == "" {
			rejected = append(
				rejected,
				fmt.Sprintf(`{"index":%d,"id":%q,"code":"missing_attribute","pointer":"/type","detail":"no type"}`, i, e.ID),
			)
			continue
		}
		accepted++
		copied := slices.ContainsFunc(f.stored, func(s stored) bool { return s.Source == e.Source && s.ID == e.ID })
		if (f.lose == nil || !f.lose(f.posts, i)) && (!copied || f.countCopies) {
			f.stored = append(f.stored, e)
		}
	}
	receipt := fmt.Sprintf(`{"accepted":%d,"rejected":[%s]}`, accepted, strings.Join(rejected, ","))
	if f.receipt != nil {
		receipt = f.receipt(receipt)
	}
	say(w, 200, "application/json", receipt)
}
