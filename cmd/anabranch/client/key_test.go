package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

const secret = "w0123456789abcdefghijklmnopqrstu"

// TestKeyIsSent checks that the key is in the authorizer's header of every request, and nowhere else.
func TestKeyIsSent(t *testing.T) {
	s := newServer(t, reset, answer(200, "application/json", allTaken), answer(200, "application/json", `{"views":[]}`))
	c, _ := newClient(t, s.URL)
	c.Key = secret
	if _, err := c.PostEvents(t.Context(), []byte("x"), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Views(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range s.calls() {
		asked, body := s.request(i)
		if got := asked.Header.Get("Authorization"); got != "Bearer "+secret {
			t.Errorf("request %d brings %q", i, got)
		}
		if strings.Contains(asked.URL.String()+body, secret) {
			t.Errorf("request %d has the key in its address or body", i)
		}
	}

	c.Key = ""
	if _, err := c.Views(t.Context()); err == nil {
		t.Error("the script is over, and there is an answer")
	}
	if asked, _ := s.request(s.calls() - 1); asked.Header.Get("Authorization") != "" {
		t.Errorf("without a key: %q", asked.Header)
	}
}

// TestKeyIsNotRedirected checks that the client returns a redirect, so the key never goes to another server.
func TestKeyIsNotRedirected(t *testing.T) {
	other := newServer(t)
	s := newServer(t, answer(307, "text/plain", "", "Location", other.URL))
	c, _ := newClient(t, s.URL)
	c.Key = secret
	if _, err := c.Views(t.Context()); err == nil || other.calls() != 0 {
		t.Errorf("error %v after %d requests of another server", err, other.calls())
	}
}

// TestKeyIsHidden checks that no format of a key and no echo of a server shows it.
func TestKeyIsHidden(t *testing.T) {
	key := client.Key(secret)
	for _, verb := range []string{"%v", "%s", "%q", "%+v", "%#v", "%x", "%X"} {
		for _, value := range []any{key, &key, struct{ Key client.Key }{key}, []client.Key{key}} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, secret) ||
				strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T shows it: %s", verb, value, text)
			}
		}
	}
	echo := `you sent Bearer ` + secret
	for name, step := range map[string]http.HandlerFunc{
		"Text":     answer(403, "text/plain", echo),
		"Location": answer(302, "text/plain", "", "Location", "https://x.example/?key="+secret),
		"Document": answer(403, "application/problem+json",
			`{"type":"`+secret+`","title":"`+secret+`","detail":"`+echo+`","instance":"`+secret+
				`","code":"`+secret+`","pointer":"/`+secret+`","headers":{"authorization":"`+secret+`"},"`+secret+`":1}`),
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, step)
			c, _ := newClient(t, s.URL)
			c.Key = secret
			_, err := c.Views(t.Context())
			var problem *client.Problem
			if !errors.As(err, &problem) {
				t.Fatalf("%v, want a Problem", err)
			}
			if text := fmt.Sprintf("%v %+v", err, *problem); strings.Contains(text, secret) || !strings.Contains(text, "(key)") {
				t.Error(strings.ReplaceAll(text, secret, "THE KEY"))
			}
		})
	}
}

func TestKeyCheck(t *testing.T) {
	tests := []struct{ key, server, says string }{
		{"", "http://example.com", ""},
		{secret, "https://example.com", ""},
		{secret, "http://127.0.0.1:8080", ""},
		{secret, "http://127.8.0.1", ""},
		{secret, "http://[::1]:8080/stage", ""},
		{secret, "http://LocalHost:8080", ""},
		{"a.b-c_d~e/f+g==", "https://example.com", ""}, // a token
		{secret, "http://example.com", "the key would travel unencrypted to http://example.com"},
		{secret, "http://user:word@example.com", "unencrypted to http://user:xxxxx@example.com;"},
		{secret, "http://10.0.0.1", "unencrypted"},
		{secret, "http://0.0.0.0:8080", "unencrypted"},
		{secret, "http://localhost.example.com", "unencrypted"},
		{secret, "http://127.0.0.1.example.com", "unencrypted"},
		{secret + "\n", "https://example.com", "invalid character"},
		{" " + secret, "https://example.com", "invalid character"},
		{secret + "\r\nX: y", "https://example.com", "invalid character"},
		{secret + "é", "https://example.com", "invalid character"},
	}
	var got, want []string
	for _, test := range tests {
		u, err := url.Parse(test.server)
		if err != nil {
			t.Fatal(err)
		}
		err = client.Key(test.key).Check(u)
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error shows the key", test.server)
		}
		says := ""
		if err != nil {
			says = "not: " + err.Error()
			if test.says != "" && strings.Contains(err.Error(), test.says) {
				says = test.says
			}
		}
		got, want = append(got, test.server+" "+says), append(want, test.server+" "+test.says)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
