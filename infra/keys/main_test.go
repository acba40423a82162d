package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// cloud starts a server that answers for a stack and its secret.
func cloud(t *testing.T, outputs, secret string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetSecretValue") {
			fmt.Fprintf(w, `{"ARN":"arn:keys","SecretString":%q}`, secret)
			return
		}
		fmt.Fprintf(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>anabranch</StackName>
			<StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-22T21:00:00Z</CreationTime>
			<Outputs>%s</Outputs></member></Stacks>
			</DescribeStacksResult></DescribeStacksResponse>`, outputs)
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
}

const (
	url    = `<member><OutputKey>ApiUrl</OutputKey><OutputValue>https://api.test</OutputValue></member>`
	secret = `<member><OutputKey>KeysSecretArn</OutputKey><OutputValue>arn:keys</OutputValue></member>`
)

func TestKeys(t *testing.T) {
	write, read, admin := strings.Repeat("w", 32), strings.Repeat("r", 32), strings.Repeat("a", 32)
	cloud(t, url+secret, `{"about":"three","keys":"`+write+read+admin+`"}`)
	var out strings.Builder
	if err := run(t.Context(), &out, "anabranch"); err != nil {
		t.Fatal(err)
	}
	want := "url    https://api.test\nwrite  " + write + "\nread   " + read + "\nadmin  " + admin + "\n"
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", &out, want)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ name, outputs, secret, part string }{
		{"no outputs", "", "", "stack anabranch: the outputs ApiUrl and"},
		{"no secret", url, "", "stack anabranch: the outputs ApiUrl and"},
		{"a secret without keys", url + secret, "{}", "secret arn:keys: invalid keys in secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud(t, c.outputs, c.secret)
			var out strings.Builder
			err := run(t.Context(), &out, "anabranch")
			if err == nil || !strings.Contains(err.Error(), c.part) || out.Len() > 0 {
				t.Errorf("printed %q, error %v; want %q in it", &out, err, c.part)
			}
		})
	}
}
