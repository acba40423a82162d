package serving_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/serving"
	"github.com/anabranch/anabranch/shared/serving/servingtest"
)

// TestKeyTooLong checks the longest key that a query can name, and that a longer one is refused by name. No view has
// such a key.
func TestKeyTooLong(t *testing.T) {
	s := servingtest.New(t)
	read := func(user string) error {
		_, err := s.Serving.Read(t.Context(), serving.Selection{View: "by_user", Key: map[string]string{"user": user}})
		return err
	}
	if err := read(strings.Repeat("u", 899)); err != nil {
		t.Error(err)
	}
	var refused *serving.ParameterError
	if err := read(strings.Repeat("u", 900)); !errors.As(err, &refused) || refused.Parameter != "user" ||
		refused.Detail != "key field user makes the key longer than 900 bytes: a view skips such events as too large" {
		t.Errorf("error %v", err)
	}
}
