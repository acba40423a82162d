package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const secret = "w0123456789abcdefghijklmnopqrstu"

// commands returns a command line for each way to ask a server.
func commands(address string) map[string][]string {
	return map[string][]string{
		"send": {"send", "-", "--url", address}, "query": {"query", "v", "--url", address},
		"views": {"views", "--url", address}, "view": {"views", "v", "--url", address},
	}
}

// keyed starts a server that refuses every request and records the Authorization headers.
func keyed(t testing.TB, code int, kind, body string) (address string, brought func() string) {
	var keys []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Authorization"))
		fixed(code, kind, strings.ReplaceAll(body, "ECHO", r.Header.Get("Authorization")))(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() string { return strings.Join(keys, ", ") }
}

// TestKey checks that every command sends the key, from flag or variable, and never prints it, even if the server
// echoes it.
func TestKey(t *testing.T) {
	const gateway = `{"message":"Forbidden","authorization":"ECHO"}`
	for name := range commands("") {
		for _, way := range []string{"flag", "variable"} {
			t.Run(name+" "+way, func(t *testing.T) {
				address, brought := keyed(t, 403, "application/json", gateway)
				args := commands(address)[name]
				if way == "flag" {
					args = append(args, "--key", secret)
				} else {
					t.Setenv("ANABRANCH_KEY", secret)
				}
				s := newSession()
				s.stdin = strings.NewReader(`{"id":"a"}`)
				code := exitRejected
				if name == "send" {
					code = exitUnreachable
				}
				s.do(t, code, args...)
				if brought() != "Bearer "+secret {
					t.Errorf("brought %q", brought())
				}
				says(t, &s.err, "anabranch: ", "this key does not permit that", "403 Forbidden", "(key)")
				if strings.Contains(s.out.String()+s.err.String(), secret) {
					t.Error("the key is printed")
				}
			})
		}
	}
}

// TestKeyMissing checks that the error of a server that requires a key comes with a hint.
func TestKeyMissing(t *testing.T) {
	for name := range commands("") {
		t.Run(name, func(t *testing.T) {
			address, brought := keyed(t, 401, "application/json", `{"message":"Unauthorized"}`)
			s := newSession()
			s.stdin = strings.NewReader(`{"id":"a"}`)
			code := exitRejected
			if name == "send" {
				code = exitUnreachable
			}
			s.do(t, code, commands(address)[name]...)
			if says(t, &s.err, "this server requires a key: set --key or ANABRANCH_KEY", "401 Unauthorized"); brought() != "" {
				t.Errorf("brought %q", brought())
			}
		})
	}
	t.Run("NotTaken", func(t *testing.T) {
		address, _ := keyed(t, 401, "application/json", `{"message":"Unauthorized"}`)
		s := newSession()
		s.do(t, exitRejected, "views", "--url", address, "--key", secret)
		says(t, &s.err, "this server rejects the key")
	})
	t.Run("ForbiddenWithout", func(t *testing.T) {
		address, _ := keyed(t, 403, "text/plain", "go away")
		s := newSession()
		s.do(t, exitRejected, "views", "--url", address)
		if says(t, &s.err, "anabranch: go away"); strings.Contains(s.err.String(), "key") {
			t.Errorf("speaks of a key: %s", &s.err)
		}
	})
}

// TestKeyRefused checks that a command refuses an invalid key, and a key over plain HTTP, before it sends anything, and
// does not print it.
func TestKeyRefused(t *testing.T) {
	for _, c := range []struct{ url, key, says string }{
		{"http://example.com", secret, "--key: the key would travel unencrypted to http://example.com"},
		{"https://example.com", secret + " x", "--key: invalid character"},
	} {
		for name, args := range commands(c.url) {
			s := newSession()
			s.do(t, exitUsage, append(args, "--key", c.key)...)
			if says(t, &s.err, c.says); strings.Contains(s.err.String(), secret) {
				t.Errorf("%s: the key is printed", name)
			}
		}
	}
}

// TestKeyIsNotPrinted checks that neither help nor an error in the command line prints the key.
func TestKeyIsNotPrinted(t *testing.T) {
	t.Setenv("ANABRANCH_KEY", secret)
	for _, args := range [][]string{
		{"--help"}, {"send", "--help"}, {"query", "--help"}, {"views", "--help"}, {"smoke", "--help"}, {"--version"}, {},
		{"send"}, {"query", "v", "--from=x"}, {"send", "-", "--batch=0"}, {"send", "-",
			"--kye=" + secret}, {"--key=" + secret, "views"}, {"smoke", "--for=0s"},
	} {
		s := newSession()
		s.run(t.Context(), args)
		if strings.Contains(s.out.String()+s.err.String(), secret) {
			t.Errorf("anabranch %s: the key is printed", strings.ReplaceAll(strings.Join(args, " "), secret, "THE KEY"))
		}
	}
}
