package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/engine"
)

// catalogOf returns a catalog with one view, which has a generation of each engine version, in the given state.
func catalogOf(t *testing.T, state lifecycle.State, versions ...int) *memory.Catalog {
	t.Helper()
	c := &memory.Catalog{}
	v := lifecycle.View{Name: "v"}
	for i, version := range versions {
		d := view.Definition{
			Engine: version, Name: "v", Window: time.Hour, Aggregates: []view.Aggregate{{Name: "n", Expr: "count()"}},
		}
		if err := c.PutDefinition(t.Context(), d.Hash(), d.Text()); err != nil {
			t.Fatal(err)
		}
		id := lifecycle.GenerationID(fmt.Sprintf("g%d", i))
		v.Generations = append(v.Generations, lifecycle.Generation{ID: id, Definition: d.Hash(), State: state})
	}
	if err := c.PutView(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	return c
}

// Versions that this release does not run. In a Definition, version 0 stands for the current one.
const (
	tooOld = -1
	tooNew = engine.Current + 1
)

func TestCheckViews(t *testing.T) {
	for _, c := range []struct {
		name     string
		state    lifecycle.State
		versions []int
		says     []string // parts of the error; none: no error
	}{
		{"no generation", lifecycle.Serving, nil, nil},
		{"both versions of this release", lifecycle.Serving, []int{engine.Previous, engine.Current}, nil},
		{"an old one that is being dropped", lifecycle.Dropping, []int{tooOld, engine.Current}, nil},
		{"an old one serves", lifecycle.Serving, []int{engine.Current, tooOld},
			[]string{"view v keeps the generation g1, which is serving", "let its views be built anew"}},
		{"an old one is retained", lifecycle.Retained, []int{tooOld},
			[]string{"generation g0, which is retained", "let its views be built anew"}},
		{"a newer one serves", lifecycle.Serving, []int{tooNew},
			[]string{"generation g0, which is serving", "deploy all functions at that release"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := checkViews(t.Context(), catalogOf(t, c.state, c.versions...))
			if refused := len(c.says) > 0; errors.Is(err, view.ErrVersion) != refused || (err != nil) != refused {
				t.Fatalf("error %v; want one: %t", err, refused)
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q; want %q in it", err, part)
				}
			}
		})
	}
}

// serveStack points the SDK at a server that answers for a stack and for a control table with one view of an engine
// version.
func serveStack(t *testing.T, stack string, version int) {
	t.Helper()
	c := catalogOf(t, lifecycle.Serving, version)
	views, err := c.Views(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hash := views[0].Generations[0].Definition
	text, err := c.Definition(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch target := r.Header.Get("X-Amz-Target"); {
		case strings.HasSuffix(target, ".Query"):
			document := fmt.Sprintf(`{"version":5,"generations":[{"id":"g0","definition":%q,"state":"serving"}]}`, hash)
			write(w, fmt.Sprintf(`{"Count":1,"Items":[{"pk":{"S":"view"},"sk":{"S":"v"},"rev":{"N":"1"},"doc":{"S":%q}}]}`, document))
		case strings.HasSuffix(target, ".GetItem"):
			write(w, fmt.Sprintf(`{"Item":{"text":{"B":%q}}}`, base64.StdEncoding.EncodeToString(text)))
		case stack == "":
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>
				<Message>Stack with id anabranch does not exist</Message></Error></ErrorResponse>`)
		default:
			fmt.Fprintf(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>anabranch</StackName>
				<StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-22T21:00:00Z</CreationTime>
				<Outputs>%s</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`, stack)
		}
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
}

// write writes an answer of DynamoDB with the checksum that the SDK verifies.
func write(w http.ResponseWriter, body string) {
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 10))
	io.WriteString(w, body)
}

func TestRun(t *testing.T) {
	const (
		table = `<member><OutputKey>CatalogTable</OutputKey><OutputValue>catalog-1</OutputValue></member>`
		other = `<member><OutputKey>Website</OutputKey><OutputValue>https://web.test</OutputValue></member>`
	)
	for _, c := range []struct {
		name, stack string
		version     int
		prints      string
		fails       string // part of the error; "": none
	}{
		{"no stack yet", "", tooOld, "is its first deployment.\n", ""},
		{"a stack that this release runs", table, engine.Previous, "every generation that stack anabranch keeps.\n", ""},
		{"a stack that is too old", table, tooOld, "",
			"do not deploy this release to stack anabranch: view v keeps the generation g0, which is serving"},
		{"another stack", other, engine.Current, "", "this is not an Anabranch stack"},
	} {
		t.Run(c.name, func(t *testing.T) {
			serveStack(t, c.stack, c.version)
			var out strings.Builder
			err := run(t.Context(), &out, "anabranch")
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("error %v; want %q in it", err, c.fails)
			}
			if !strings.HasSuffix(out.String(), c.prints) || (out.Len() > 0) != (c.prints != "") {
				t.Errorf("printed %q; want %q at its end", &out, c.prints)
			}
		})
	}
}

// TestUnreachable checks that a check that cannot read the stack refuses the deployment.
func TestUnreachable(t *testing.T) {
	serveStack(t, "", engine.Current)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	if err := run(t.Context(), io.Discard, "anabranch"); err == nil {
		t.Error("no error although CloudFormation cannot be reached")
	}
}
