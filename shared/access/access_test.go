package access_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/access"
)

const (
	writeKey = "W0123456789abcdefghijklmnopqrstu"
	readKey  = "R0123456789abcdefghijklmnopqrstu"
	adminKey = "A0123456789abcdefghijklmnopqrstu"
)

func TestParseKeys(t *testing.T) {
	want := access.Keys{Write: writeKey, Read: readKey, Admin: adminKey}
	for _, c := range []struct{ name, secret string }{
		{"generated", `{"about":"three keys","keys":"` + writeKey + readKey + adminKey + `"}`},
		{"chosen", `{"write":"` + writeKey + `","read":"` + readKey + `","admin":"` + adminKey + `"}`},
	} {
		got, err := access.ParseKeys(c.secret)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
}

func TestErrKeys(t *testing.T) {
	for _, c := range []struct{ name, secret string }{
		{"nothing", ""},
		{"no JSON", writeKey},
		{"no object", `["` + writeKey + `"]`},
		{"a number", `{"keys":96}`},
		{"no keys", `{}`},
		{"empty keys", `{"keys":""}`},
		{"a third is missing", `{"keys":"` + writeKey + readKey + `"}`},
		{"one too many", `{"keys":"` + writeKey + readKey + adminKey + `x"}`},
		{"one is missing", `{"write":"` + writeKey + `","read":"` + readKey + `"}`},
		{"one is short", `{"write":"` + writeKey + `","read":"` + readKey + `","admin":"` + adminKey[:19] + `"}`},
		{"two are alike", `{"write":"` + writeKey + `","read":"` + writeKey + `","admin":"` + adminKey + `"}`},
		{"all are alike", `{"keys":"` + strings.Repeat(writeKey, 3) + `"}`},
		{"both forms", `{"keys":"` + writeKey + readKey + adminKey + `","admin":"` + adminKey + `"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := access.ParseKeys(c.secret)
			if !errors.Is(err, access.ErrKeys) || got != (access.Keys{}) {
				t.Errorf("got %+v, %v; want ErrKeys", got, err)
			}
			if err != nil && (strings.Contains(err.Error(), writeKey[:8]) || strings.Contains(err.Error(), adminKey[:8])) {
				t.Errorf("error %q shows a key", err)
			}
		})
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add(`{"keys":"` + writeKey + readKey + adminKey + `"}`)
	f.Add(`{"write":"` + writeKey + `","read":"` + readKey + `","admin":"` + adminKey + `"}`)
	f.Add(`{"WRITE":null,"keys":[]}`)
	f.Fuzz(func(t *testing.T, secret string) {
		keys, err := access.ParseKeys(secret)
		if err != nil {
			if !errors.Is(err, access.ErrKeys) {
				t.Errorf("error is %v, want ErrKeys", err)
			}
			return
		}
		if len(keys.Write) < 20 || len(keys.Read) < 20 || len(keys.Admin) < 20 || keys.Write == keys.Read ||
			keys.Read == keys.Admin ||
			keys.Admin == keys.Write {
			t.Errorf("keys that could be guessed or mistaken: %+v", keys)
		}
	})
}

// TestOpens checks that the scope admin opens everything, every other scope only itself, and no scope nothing.
func TestOpens(t *testing.T) {
	for _, c := range []struct {
		scope access.Scope
		opens []access.Scope
	}{
		{access.Write, []access.Scope{access.Write}},
		{access.Read, []access.Scope{access.Read}},
		{access.Admin, []access.Scope{access.Write, access.Read, access.Admin}},
		{"", nil},
		{"other", nil},
	} {
		for _, needed := range []access.Scope{access.Write, access.Read, access.Admin} {
			if got, want := c.scope.Opens(needed), slices.Contains(c.opens, needed); got != want {
				t.Errorf("scope %q opens %q: %t, want %t", c.scope, needed, got, want)
			}
		}
	}
}
