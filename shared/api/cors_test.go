package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/access"
	"github.com/anabranch/anabranch/shared/api"
)

// TestParseOrigins checks that an origin is exactly what a browser sends.
func TestParseOrigins(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		" ":                               "",
		"*":                               "*",
		"https://shop.example":            "https://shop.example",
		" https://shop.example ":          "https://shop.example",
		"HTTPS://Shop.Example":            "https://shop.example",
		"http://localhost:3000":           "http://localhost:3000",
		"http://[::1]:8080":               "http://[::1]:8080",
		"https://a.example,http://b.test": "https://a.example http://b.test",
		"https://a.example,,":             "https://a.example",
	} {
		got, err := api.ParseOrigins(strings.Split(text, ","))
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"shop.example":              "http:// or https:// and a host",
		"null":                      "http:// or https:// and a host",
		"ftp://shop.example":        "http:// or https:// and a host",
		"https://":                  "http:// or https:// and a host",
		"https://:80":               "http:// or https:// and a host",
		"//shop.example":            "http:// or https:// and a host",
		"https://shop.example/":     "must end after the host and port: https://shop.example",
		"https://shop.example/app":  "must end after the host and port: https://shop.example",
		"https://shop.example?a":    "must end after the host and port: https://shop.example",
		"https://shop.example#a":    "must end after the host and port: https://shop.example",
		"https://me@shop.example":   "must end after the host and port: https://shop.example",
		"https://*.example":         "a star stands alone",
		"https://shop.example:443":  "browsers leave out the usual port: write https://shop.example",
		"http://shop.example:80":    "browsers leave out the usual port: write http://shop.example",
		"https://shop.example:port": "http:// or https:// and a host",
	} {
		if got, err := api.ParseOrigins([]string{text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

// TestOriginsHeaders checks that there is no header without origins, and that with some, a cache learns that answers
// differ.
func TestOriginsHeaders(t *testing.T) {
	shop := api.Origins{"https://shop.example"}
	for _, c := range []struct {
		origins   api.Origins
		origin    string
		preflight bool
		want      string // names of the headers
	}{
		{nil, "https://shop.example", true, ""},
		{shop, "", false, "vary"},
		{shop, "https://other.example", true, "vary"},
		{shop, "https://shop.example", false, "access-control-allow-origin access-control-expose-headers vary"},
		{api.Origins{"*"}, "null", false, "access-control-allow-origin access-control-expose-headers vary"},
		{shop, "https://shop.example", true, "access-control-allow-headers access-control-allow-methods " +
			"access-control-allow-origin access-control-expose-headers access-control-max-age vary"},
	} {
		got := c.origins.Headers(c.origin, c.preflight)
		if diff := cmp.Diff(c.want, strings.Join(slices.Sorted(maps.Keys(got)), " ")); diff != "" {
			t.Errorf("%v for %q (-want +got):\n%s", c.origins, c.origin, diff)
		}
		if allowed := got["access-control-allow-origin"]; allowed != "" && allowed != c.origin {
			t.Errorf("%v for %q: allows %q", c.origins, c.origin, allowed)
		}
	}
}

// TestOnlyOperatorsAreClosedToPages checks that pages may send events, query and ask for the health, but never operate.
func TestOnlyOperatorsAreClosedToPages(t *testing.T) {
	for _, r := range api.Routes() {
		if m := api.Resolve(r.Key.Method(), r.Key.Pattern()); m.CORS != (r.Scope != access.Admin) || m.Route != r {
			t.Errorf("%s: %+v", r.Key, m)
		}
	}
}
