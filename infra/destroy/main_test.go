package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// cloud is a CloudFormation that has one stack until a request deletes it.
type cloud struct {
	outputs string
	asked   []string
	gone    bool
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	action := r.FormValue("Action")
	c.asked = append(c.asked, action+" "+r.FormValue("StackName"))
	status := "CREATE_COMPLETE"
	switch {
	case action == "DeleteStack":
		c.gone = true
	case c.gone:
		status = "DELETE_COMPLETE"
	}
	fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult><Stacks><member>
		<StackName>anabranch</StackName><StackStatus>%s</StackStatus>
		<CreationTime>2026-11-22T21:00:00Z</CreationTime><Outputs>%s</Outputs>
		</member></Stacks></%[1]sResult></%[1]sResponse>`, action, status, c.outputs)
}

const outputs = `<member><OutputKey>ApiUrl</OutputKey><OutputValue>https://api.test</OutputValue></member>
	<member><OutputKey>BaseTable</OutputKey><OutputValue>base-1</OutputValue></member>
	<member><OutputKey>ArchiveBucket</OutputKey><OutputValue>archive-1</OutputValue></member>`

// begin points the SDK at a cloud.
func begin(t *testing.T, outputs string) *cloud {
	t.Helper()
	c := &cloud{outputs: outputs}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	return c
}

func TestDestroy(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		yes, deletes bool
	}{
		{"yes", "", true, true},
		{"its name", "anabranch\n", false, true},
		{"its name, and no more lines", "anabranch", false, true},
		{"another name", "production\n", false, false},
		{"y", "y\n", false, false},
		{"nothing", "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud := begin(t, outputs)
			var out strings.Builder
			err := run(t.Context(), strings.NewReader(c.answer), &out, "anabranch", c.yes)
			if c.deletes != (err == nil) || !c.deletes && !errors.Is(err, errOtherwise) {
				t.Errorf("error is %v", err)
			}
			if deleted := slices.Contains(cloud.asked, "DeleteStack anabranch"); deleted != c.deletes {
				t.Errorf("deleted: %v, want %v", deleted, c.deletes)
			}
			if !strings.Contains(out.String(), "  ArchiveBucket  archive-1\n  BaseTable      base-1\n") ||
				strings.Contains(out.String(), "api.test") {
				t.Errorf("said\n%s", &out)
			}
		})
	}
}

// TestNotOurs checks that destroy refuses a stack without retained resources: it is not a stack of Anabranch.
func TestNotOurs(t *testing.T) {
	cloud := begin(t, "")
	err := run(t.Context(), strings.NewReader(""), io.Discard, "anabranch", true)
	if err == nil || slices.Contains(cloud.asked, "DeleteStack anabranch") {
		t.Errorf("asked for %v, error %v", cloud.asked, err)
	}
}
