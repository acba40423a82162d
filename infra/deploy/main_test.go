package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/infra/deployment"
)

// TestRefusedWithoutAccount checks that mistakes in the arguments and in the views file are found without AWS
// credentials and before anything is built, and that credentials are what a deployment without mistakes lacks.
func TestRefusedWithoutAccount(t *testing.T) {
	t.Chdir("../..")
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION",
		"AWS_DEFAULT_REGION", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	missing := filepath.Join(t.TempDir(), "missing")
	t.Setenv("AWS_CONFIG_FILE", missing)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", missing)
	t.Setenv("PATH", "") // no make and no sam
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("views:\n  - nam: visits\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, stack, views string
		parameters         []string
		says               string
	}{
		{"a stack's name", "my.shop", "", nil, `invalid stack name "my.shop"`},
		{"a parameter", "shop", "", []string{"Shard=2"}, "unknown parameter Shard: did you mean Shards?"},
		{"no views file", "shop", "nosuch.yaml", nil, "VIEWS=nosuch.yaml: open nosuch.yaml: no such file"},
		{"a broken views file", "shop", broken, nil, broken + ":2:5: "},
		{"no mistake", "shop", "localstack/sample/views.yaml", []string{"Shards=2"}, "no AWS region"},
	} {
		d := deployment.Settings{Out: io.Discard, Stack: test.stack, Views: test.views}
		err := run(t.Context(), d, test.parameters)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v; want %q in it", test.name, err, test.says)
		}
	}
}
