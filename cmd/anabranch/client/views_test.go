package client_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

const answerText = `{"view":"page_views","key":{"path":"/a b","method":"GET"},"window":"PT1H",
"from":"2015-05-17T00:00:00Z","to":null,
"definition":"0123456789abcdef","generation":"g-1","horizon":null,"lag":{"batch_seconds":12.30,"speed":null},
"data":[{"start":"2015-05-17T10:00:00Z","end":"2015-05-17T11:00:00Z","values":{"views":2,
"bytes":340282366920938463463374607431768211455.000000000000000001,"a_mean":null},
"exact":true,"skipped":{"bytes":1},"parts":{"batch":{"views":2},"speed":null}},{"start":"x","end":"y","values":{},
"exact":false}],
"total":{"values":{"views":2},"exact":false},"warnings":["late",{"code":1}],"member_of_a_later_version":[1]}`

func TestDecodeAnswer(t *testing.T) {
	got, err := client.DecodeAnswer([]byte(answerText))
	if err != nil {
		t.Fatal(err)
	}
	want := client.Answer{
		View:       "page_views",
		Key:        object("path", `"/a b"`, "method", `"GET"`),
		Window:     "PT1H",
		From:       "2015-05-17T00:00:00Z",
		Definition: "0123456789abcdef",
		Generation: "g-1",
		Lag:        object("batch_seconds", "12.30", "speed", "null"),
		Data: []client.Row{
			{Start: "2015-05-17T10:00:00Z", End: "2015-05-17T11:00:00Z", Exact: true, Skipped: object("bytes", "1"),
				Values: object(
					"views",
					"2",
					"bytes",
					"340282366920938463463374607431768211455.000000000000000001",
					"a_mean",
					"null",
				),
				Parts: client.Parts{Batch: object("views", "2")}},
			{Start: "x", End: "y", Values: client.Object{}},
		},
		Total:    &client.Row{Values: object("views", "2")},
		Warnings: nil,
	}
	warnings := got.Warnings
	got.Warnings = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(warnings) != 2 || (client.Member{Value: warnings[0]}).Text() != "late" ||
		(client.Member{Value: warnings[1]}).Text() != `{"code":1}` {
		t.Errorf("warnings %s", warnings)
	}
}

func object(pairs ...string) client.Object {
	o := client.Object{}
	for i := 0; i < len(pairs); i += 2 {
		o = append(o, client.Member{Name: pairs[i], Value: []byte(pairs[i+1])})
	}
	return o
}

func TestDecodeRefuses(t *testing.T) {
	for _, bad := range []string{"", "[]", `{"data":{}}`, `{"view":1}`, `{"data":[{"values":[1]}]}`,
		`{"data":[{"values":{"a":1,"a":2}}]}`, `{"lag":3}`,
		`{"view":"` + "\xff" + `"}`, answerText + "x", answerText[:len(answerText)-1]} {
		if got, err := client.DecodeAnswer([]byte(bad)); err == nil || !cmp.Equal(got, client.Answer{}) {
			t.Errorf("%.40q gives %+v, %v", bad, got, err)
		} else if !strings.Contains(err.Error(), "is this an Anabranch server?") {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

const viewText = `{"name":"page_views","description":"Requests","definition":"ab","generation":"g",
"where":"data.status < 400",
"key":[{"field":"path","expr":"data.path"}],"window":"PT1H","aggregates":[{"name":"views","expr":"count()",
"exact":true,"number":true}],"horizon":null,"architecture":"lambda"}`

var wantView = client.View{
	Name:         "page_views",
	Description:  "Requests",
	Definition:   "ab",
	Generation:   "g",
	Where:        "data.status < 400",
	Key:          []client.KeyField{{Field: "path", Expr: "data.path"}},
	Window:       "PT1H",
	Aggregates:   []client.Aggregate{{Name: "views", Expr: "count()", Exact: true, Number: true}},
	Architecture: "lambda",
}

func TestViews(t *testing.T) {
	s := newServer(
		t,
		answer(200, "application/json", `{"views":[`+viewText+`]}`),
		answer(200, "application/json", viewText),
		answer(200, "application/json", answerText),
	)
	c, _ := newClient(t, s.URL+"/stage")

	body, err := c.Views(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	views, err := client.DecodeViews(body)
	if diff := cmp.Diff([]client.View{wantView}, views); diff != "" || err != nil {
		t.Error(err, diff)
	}

	body, err = c.View(t.Context(), "a/b ?")
	if err != nil {
		t.Fatal(err)
	}
	view, err := client.DecodeView(body)
	if diff := cmp.Diff(wantView, view); diff != "" || err != nil {
		t.Error(err, diff)
	}

	parameters := url.Values{"path": {"/a b&c"}, "from": {"2015-05-17T00:00:00+02:00"}}
	body, _, err = c.Query(t.Context(), "page_views", parameters)
	if err != nil || string(body) != answerText {
		t.Errorf("%v, or not the server's bytes: %s", err, body)
	}

	var asked []string
	for i := range s.calls() {
		r, _ := s.request(i)
		asked = append(asked, r.RequestURI)
	}
	want := []string{"/stage/v1/views", "/stage/v1/views/a%2Fb%20%3F",
		"/stage/v1/views/page_views/query?from=2015-05-17T00%3A00%3A00%2B02%3A00&path=%2Fa+b%26c"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

// FuzzDecode checks that for any bytes, decoding returns a value or an error, never both.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(answerText))
	f.Add([]byte(viewText))
	f.Add([]byte(`{"views":[` + viewText + `]}`))
	f.Add([]byte(`{"lag":null,"total":null,"data":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if answer, err := client.DecodeAnswer(body); err != nil && !cmp.Equal(answer, client.Answer{}) {
			t.Fatalf("%+v with %v", answer, err)
		}
		if view, err := client.DecodeView(body); err != nil && !cmp.Equal(view, client.View{}) {
			t.Fatalf("%+v with %v", view, err)
		}
		if views, err := client.DecodeViews(body); err != nil && views != nil {
			t.Fatalf("%+v with %v", views, err)
		}
	})
}
