package main

import (
	"net/http"
	"strings"
	"testing"
)

// keysAnd answers a request for keys with one handler, and a query with another.
func keysAnd(keys, query http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/keys") {
			keys(w, r)
			return
		}
		query(w, r)
	}
}

// TestQueryWithoutRows checks that an answer without rows says why, and counts what the view could not use.
func TestQueryWithoutRows(t *testing.T) {
	const listed, unlisted = `{"view":"traffic","keys":[{"path":"/"}],"next":null,"warnings":[]}`,
		`{"view":"traffic","keys":[],"next":null,"warnings":[]}`
	address, last := asked(t, keysAnd(ok(unlisted), ok(emptyAnswer)))
	s := newSession()
	s.do(t, exitOK, "query", "traffic", "path=/", "method=GET", "--url", address)
	golden(t, "query_empty.golden", s.out.String())
	if want := "GET /v1/views/traffic/keys?key.method=GET&key.path=%2F&limit=1"; last() != want {
		t.Errorf("asked %s, want %s", last(), want)
	}
	lacking := strings.Replace(emptyAnswer, whereSkips, whereSkips+`,{"place":"aggregates.size","reason":"missing",`+
		`"events":5000},{"place":"key.path","reason":"missing","events":34}`, 1)
	address, _ = asked(t, keysAnd(ok(unlisted), ok(lacking)))
	s = newSession()
	s.do(t, exitOK, "query", "traffic", "path=/", "--url", address)
	says(t, &s.out, "The view could not use 1234 events of the windows, which are in no row of any key;")
	bounded := strings.Replace(emptyAnswer, `"key":{}`, `"key":{},"from":"2015-05-17T00:00:00Z","to":"2015-05-18T00:00:00Z"`, 1)
	const in = "no rows: no window from 2015-05-17T00:00:00Z to 2015-05-18T00:00:00Z has data"
	for name, c := range map[string]struct {
		keys http.HandlerFunc
		args []string
		want string
	}{
		"the key is listed":   {ok(listed), []string{"path=/"}, in + " of this key\n"},
		"a page without keys": {ok(`{"keys":[],"next":"c","warnings":[]}`), []string{"path=/"}, in + " of this key\n"},
		"no key is given":     {nil, nil, in + "\n"},
		"no keys are known":   {problemOf(404, "unknown_view", "there is none"), []string{"path=/"}, in + " of this key\n"},
	} {
		address, _ := asked(t, keysAnd(c.keys, ok(bounded)))
		s := newSession()
		s.do(t, exitOK, append([]string{"query", "traffic", "--url", address}, c.args...)...)
		if !strings.Contains(s.out.String(), c.want) {
			t.Errorf("%s: %s", name, &s.out)
		}
		if warns := strings.Contains(s.err.String(), "warning: whether the view has this key is unknown: "); warns !=
			(name == "no keys are known") {
			t.Errorf("%s: stderr: %s", name, &s.err)
		}
	}
}

// TestQueryForms checks that a query for a key which the view has in another normal form of Unicode says so.
func TestQueryForms(t *testing.T) {
	const composed, decomposed = "path=/caf\u00e9", "path=/cafe\u0301"
	for _, c := range []struct {
		stored, given, want string
	}{
		{
			decomposed, composed,
			"the view has no key with " + composed + " in composed letters (NFC), as you gave it; " +
				"it has one that looks alike, in decomposed letters (NFD): path=/cafe\\u0301\n",
		},
		{
			composed, decomposed,
			"the view has no key with " + decomposed + " in decomposed letters (NFD), as you gave it; " +
				"it has one that looks alike, in composed letters (NFC): path=/caf\\u00e9\n",
		},
		{
			"path=/", decomposed,
			"as you gave it, and none in composed letters (NFC); \"anabranch keys traffic\" lists its keys\n",
		},
		{
			"path=/", composed,
			"the view has no key with " + composed + "; \"anabranch keys traffic\" lists its keys\n",
		},
	} {
		keys := func(w http.ResponseWriter, r *http.Request) {
			body := `{"view":"traffic","keys":[],"next":null,"warnings":[]}`
			if "path="+r.URL.Query().Get("key.path") == c.stored {
				body = `{"view":"traffic","keys":[{"path":"/"}],"next":null,"warnings":[]}`
			}
			ok(body)(w, r)
		}
		address, _ := asked(t, keysAnd(keys, ok(emptyAnswer)))
		s := newSession()
		s.do(t, exitOK, "query", "traffic", c.given, "--url", address)
		says(t, &s.out, c.want)
	}
}
