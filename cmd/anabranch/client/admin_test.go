package client_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

const statusText = `{"view":"page_views","description":"Requests","serving":"g1","held":"77aa","rebuild":true,"failure":"why not","misfit":"too large",
"head":{"run":12,"horizon":"2026-03-01T11:57:00Z"},
"generations":[{"generation":"g1","definition":"4f1c","architecture":"kappa","state":"serving",
"live_from":"2026-03-01T00:00:00Z","run":9,"horizon":null,
"since":"2026-03-01T01:00:00Z","runs_left":3,"ready":true,"waits":"why","from":null}],
"audit":{"requested":null,"begun":"2026-03-01T11:30:00Z","ended":"2026-03-01T11:31:00Z","generation":"g1","run":12,
"horizon":"2026-03-01T11:57:00Z","items":3,
"windows":40,"drift":1,"drifts":[{"key":{"path":"/"},"start":"2015-05-17T10:00:00Z","cause":"double","detail":"run 12",
"expected":null,"stored":{"views":9007199254740993}}],
"lost_objects":["events/a"],"error":"x"},"member_of_a_later_version":[1]}`

var wantStatus = client.Status{View: "page_views", Description: "Requests", Serving: "g1", Held: "77aa", Rebuild: true,
	Failure: "why not", Misfit: "too large",
	Head: client.Position{Run: 12, Horizon: "2026-03-01T11:57:00Z"},
	Generations: []client.Generation{
		{ID: "g1", Definition: "4f1c", Architecture: "kappa", State: "serving", LiveFrom: "2026-03-01T00:00:00Z", Run: 9,
			Since: "2026-03-01T01:00:00Z", RunsLeft: 3, Ready: true, Waits: "why"},
	},
	Audit: &client.AuditStatus{
		Begun:       "2026-03-01T11:30:00Z",
		Ended:       "2026-03-01T11:31:00Z",
		Generation:  "g1",
		Run:         12,
		Horizon:     "2026-03-01T11:57:00Z",
		Items:       3,
		Windows:     40,
		Drift:       1,
		LostObjects: []client.Text{"events/a"},
		Error:       "x",
		Drifts: []client.Drift{
			{
				Key:    object("path", `"/"`),
				Start:  "2015-05-17T10:00:00Z",
				Cause:  "double",
				Detail: "run 12",
				Stored: object("views", "9007199254740993"),
			},
		},
	}}

const diffText = `{"view":"page_views","serving":{"generation":"g1","definition":"4f","architecture":"lambda","state":"serving"},` +
	`"candidate":{"generation":"g2","definition":"99","architecture":"kappa","state":"retained"},"comparable":true,` +
	`"reason":"","aggregates":["views"],"only_serving":["a"],"only_candidate":[],"keys":3,"windows":4,"differing":1,` +
	`"rows":[{"key":{"z":"/","a":1},"start":"2015-05-17T10:00:00Z","serving":null,` +
	`"candidate":{"views":9007199254740993.10}}],"next":"c"}`

func TestAdminReads(t *testing.T) {
	s := newServer(
		t,
		answer(503, "text/plain", "busy"),
		answer(
			200,
			"application/json",
			`{"head":{"run":12,"horizon":"h"},"swept":{"run":11,"horizon":null},`+
				`"archive":{"objects":3,"events":14},"views":[`+statusText+`]}`,
		),
		answer(200, "application/json", statusText),
		answer(200, "application/json", diffText),
	)
	c, _ := newClient(t, s.URL+"/stage")

	body, err := c.Statuses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := client.DecodeStatuses(body)
	want := client.Statuses{
		Head:  client.Position{Run: 12, Horizon: "h"},
		Swept: client.Position{Run: 11},
		Views: []client.Status{wantStatus},

		Archive: client.Archive{Objects: 3, Events: 14},
	}
	if diff := cmp.Diff(want, all); diff != "" || err != nil {
		t.Error(err, diff)
	}

	if body, err = c.Status(t.Context(), "a/b ?"); err != nil {
		t.Fatal(err)
	}
	one, err := client.DecodeStatus(body)
	if diff := cmp.Diff(wantStatus, one); diff != "" || err != nil {
		t.Error(err, diff)
	}

	if body, err = c.Diff(t.Context(), "page_views", url.Values{"cursor": {"a b"}, "generation": {"g2"}}); err != nil {
		t.Fatal(err)
	}
	page, err := client.DecodeDiff(body)
	if err != nil {
		t.Fatal(err)
	}
	again, err := client.EncodeDiff(page)
	if diff := cmp.Diff(diffText, string(again)); diff != "" || err != nil {
		t.Errorf("a page does not come out as it went in: %v %s", err, diff)
	}

	var asked []string
	for i := range s.calls() {
		r, _ := s.request(i)
		asked = append(asked, r.Method+" "+r.RequestURI)
	}
	wanted := []string{
		"GET /stage/v1/admin/views",
		"GET /stage/v1/admin/views",
		"GET /stage/v1/admin/views/a%2Fb%20%3F",
		"GET /stage/v1/admin/views/page_views/diff?cursor=a+b&generation=g2",
	}
	if diff := cmp.Diff(wanted, asked); diff != "" {
		t.Error(diff)
	}
}

// TestOperateRetries checks that the client repeats an operation only if a second time changes nothing more than the
// first.
func TestOperateRetries(t *testing.T) {
	for _, test := range []struct {
		operation  client.Operation
		generation string
		again      bool
		body       string
	}{
		{client.Rebuild, "", true, `{}`},
		{client.Audit, "", true, `{}`},
		{client.Switch, "g\"2", true, `{"generation":"g\"2"}`},
		{client.Switch, "", false, `{}`},
		{client.Drop, "g2", true, `{"generation":"g2"}`},
		{client.Drop, "", false, `{}`},
		{client.Abandon, "g2", true, `{"generation":"g2"}`},
		{client.Abandon, "", false, `{}`},
		{client.Rollback, "g2", true, `{"generation":"g2"}`},
		{client.Rollback, "", false, `{}`},
	} {
		t.Run(string(test.operation)+" "+test.generation, func(t *testing.T) {
			for name, fault := range map[string]http.HandlerFunc{"Reset": reset, "Torn": torn,
				"Busy": answer(503, "text/plain", "busy")} {
				s := newServer(t, fault, answer(200, "application/json", statusText))
				c, waits := newClient(t, s.URL)
				body, err := c.Operate(t.Context(), "a/b", test.operation, test.generation)
				var gaveUp *client.GaveUp
				switch {
				case test.again && (err != nil || string(body) != statusText || s.calls() != 2 || len(waits.list) != 1):
					t.Errorf("%s: %v after %d calls", name, err, s.calls())
				case !test.again && (!errors.As(err, &gaveUp) || gaveUp.Attempts != 1 || s.calls() != 1 || len(waits.list) != 0):
					t.Errorf("%s: %v after %d calls", name, err, s.calls())
				}
				for i := range s.calls() {
					r, sent := s.request(i)
					if r.Method != http.MethodPost || r.RequestURI != "/v1/admin/views/a%2Fb/"+string(test.operation) ||
						sent != test.body ||
						r.Header.Get("Content-Type") != "application/json" {
						t.Errorf("%s: asked %s %s %s %v", name, r.Method, r.RequestURI, sent, r.Header)
					}
				}
			}
		})
	}

	s := newServer(t, answer(409, "application/problem+json", `{"code":"refused","detail":"it lags"}`))
	c, _ := newClient(t, s.URL)
	_, err := c.Operate(t.Context(), "v", client.Switch, "g")
	if problem := (*client.Problem)(nil); !errors.As(err, &problem) || problem.Code != "refused" || s.calls() != 1 {
		t.Errorf("%v after %d calls", err, s.calls())
	}
	if _, err := c.Operate(t.Context(), "v", client.Switch, "\xff"); err == nil ||
		!strings.Contains(err.Error(), `generation "\xff"`) ||
		s.calls() != 1 {
		t.Errorf("a generation that is no text: %v after %d calls", err, s.calls())
	}
}

func TestAdminDecodeRefuses(t *testing.T) {
	for _, bad := range []string{"", "[]", "{}", `{"view":""}`, `{"view":1}`, `{"view":"v","generations":{}}`,
		`{"view":"v","audit":[]}`, `{"view":"v","rows":3}`, statusText + "x"} {
		s, err := client.DecodeStatus([]byte(bad))
		if err == nil && bad != `{"view":"v","rows":3}` || err != nil && !cmp.Equal(s, client.Status{}) {
			t.Errorf("status %.40q gives %+v, %v", bad, s, err)
		}
		d, err := client.DecodeDiff([]byte(bad))
		if err == nil && !strings.HasPrefix(bad, `{"view":"v",`) ||
			err != nil &&
				(!cmp.Equal(d, client.Diff{}) || !strings.Contains(err.Error(), "is this an Anabranch server?")) {
			t.Errorf("page %.40q gives %+v, %v", bad, d, err)
		}
	}
	if _, err := client.DecodeStatuses([]byte(`{"views":3}`)); err == nil {
		t.Error("3 is taken for views")
	}
}

// FuzzDecodeAdmin checks that for any bytes, decoding returns a value or an error, never both, and a decoded value can
// be encoded.
func FuzzDecodeAdmin(f *testing.F) {
	f.Add([]byte(statusText))
	f.Add([]byte(diffText))
	f.Add([]byte(`{"views":[` + statusText + `]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if s, err := client.DecodeStatus(body); err != nil && !cmp.Equal(s, client.Status{}) {
			t.Fatalf("%+v with %v", s, err)
		}
		if s, err := client.DecodeStatuses(body); err != nil && !cmp.Equal(s, client.Statuses{}) {
			t.Fatalf("%+v with %v", s, err)
		}
		d, err := client.DecodeDiff(body)
		if err != nil {
			if !cmp.Equal(d, client.Diff{}) {
				t.Fatalf("%+v with %v", d, err)
			}
			return
		}
		text, err := client.EncodeDiff(d)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := client.DecodeDiff(text); err != nil || again.View != d.View || len(again.Rows) != len(d.Rows) {
			t.Fatalf("%s gives %+v, %v", text, again, err)
		}
	})
}
