package main

import (
	"net/http"
	"strings"
	"testing"
)

// runKeys runs a command line.
func runKeys(args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = run(args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// keysOf answers with two pages of keys.
func keysOf(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("cursor") == "" {
		ok(`{"view":"v","keys":[{"path":"=a","status":"200"},{"path":"b,\"","status":"404"}],"next":"c",`+
			`"warnings":["late"]}`)(w, r)
		return
	}
	ok(`{"view":"v","keys":[{"path":"ü","status":"200"}],"next":null,"warnings":["late"]}`)(w, r)
}

func TestKeysCommand(t *testing.T) {
	for _, c := range []struct {
		args      []string
		want, ask string
	}{
		{[]string{}, "path  status\n=a    200\nb,\"   404\nü     200\n", "GET /v1/views/v/keys?cursor=c&limit=1000"},
		{
			[]string{"-o", "csv"}, "key.path,key.status\n'=a,200\n\"b,\"\"\",404\nü,200\n",
			"GET /v1/views/v/keys?cursor=c&limit=1000",
		},
		{
			[]string{"-o", "json", "status=200", "status=404", "--prefix", "a", "--reverse", "--limit", "1"},
			"[{\"path\":\"=a\",\"status\":\"200\"}]\n",
			"GET /v1/views/v/keys?key.status=200&key.status=404&limit=1&order=-key&prefix=a",
		},
	} {
		address, last := asked(t, keysOf)
		code, stdout, stderr := runKeys(append([]string{"keys", "v", "--url", address}, c.args...)...)
		if code != 0 || stdout != c.want || stderr != "warning: late\n" || last() != c.ask {
			t.Errorf("%v: exit code %d, asked %s\n%s%s", c.args, code, last(), stdout, stderr)
		}
	}
	for want, args := range map[string][]string{
		`"status" is not field=value`:   {"status"},
		`--limit -1: must be 0 or more`: {"--limit=-1"},
	} {
		code, _, stderr := runKeys(append([]string{"keys", "v"}, args...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}
