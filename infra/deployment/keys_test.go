package deployment

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

func TestKeys(t *testing.T) {
	write, read, admin := strings.Repeat("w", 32), strings.Repeat("r", 32), strings.Repeat("a", 32)
	c := newCloud(t).deployed(types.StackStatusCreateComplete, nil, map[string]string{
		"ApiUrl": "https://api.test", "KeysSecretArn": "arn:keys",
	})
	c.secret = `{"about":"three","keys":"` + write + read + admin + `"}`
	var out strings.Builder
	if err := c.account().PrintKeys(t.Context(), &out, "shop"); err != nil {
		t.Fatal(err)
	}
	want := "url    https://api.test\nwrite  " + write + "\nread   " + read + "\nadmin  " + admin + "\n"
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", &out, want)
	}
	out.Reset()
	if err := c.account().PrintVariables(t.Context(), &out, "shop"); err != nil {
		t.Fatal(err)
	}
	if want := "export ANABRANCH_URL='https://api.test' ANABRANCH_KEY='" + admin + "'\n"; out.String() != want {
		t.Errorf("printed\n%swant\n%s", &out, want)
	}
}

func TestNoKeys(t *testing.T) {
	url := map[string]string{"ApiUrl": "https://api.test"}
	both := map[string]string{"ApiUrl": "https://api.test", "KeysSecretArn": "arn:keys"}
	for _, test := range []struct {
		name   string
		c      *cloud
		secret string
		says   string
	}{
		{"no stack", newCloud(t), "", "there is no stack shop in eu-central-1; deploy it first: make deploy STACK=shop"},
		{"no outputs", newCloud(t).deployed(types.StackStatusRollbackComplete, nil, nil), "", "the outputs ApiUrl and"},
		{"no secret", newCloud(t).deployed(types.StackStatusCreateComplete, nil, url), "", "the outputs ApiUrl and"},
		{"a secret without keys", newCloud(t).deployed(types.StackStatusCreateComplete, nil, both), "{}",
			"secret arn:keys: invalid keys in secret"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.c.secret = test.secret
			var out strings.Builder
			err := test.c.account().PrintKeys(t.Context(), &out, "shop")
			if err == nil || !strings.Contains(err.Error(), test.says) || out.Len() > 0 {
				t.Errorf("printed %q, error %v; want %q in it", &out, err, test.says)
			}
		})
	}
}
