package table_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/table"
)

// written returns an answer to BatchWriteItem that leaves the deletion of some keys undone.
func written(from, to int) awstest.Answer {
	var left []string
	for n := from; n < to; n++ {
		left = append(left, `{"DeleteRequest":{"Key":`+keys(n, n+1)+`}}`)
	}
	if len(left) == 0 {
		return awstest.JSON(`{"UnprocessedItems":{}}`)
	}
	return awstest.JSON(fmt.Sprintf(`{"UnprocessedItems":{"%s":[%s]}}`, name, strings.Join(left, ",")))
}

func several(n int) (all []table.Item) {
	for i := range n {
		all = append(all, keyOf(i))
	}
	return all
}

func TestDelete(t *testing.T) {
	wire, items := open(t, written(20, 25), written(0, 0), written(0, 0))
	if err := items.Delete(t.Context(), several(30)); err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, r := range wire.Requests() {
		got = append(got, len(r.JSON(t)["RequestItems"].(map[string]any)[name].([]any)))
	}
	if diff := cmp.Diff([]int{25, 5, 5}, got); diff != "" {
		t.Errorf("requested deletions (-want +got):\n%s", diff)
	}
}

func TestDeleteGivesUp(t *testing.T) {
	_, items := open(t, written(0, 2), written(0, 2), written(0, 2))
	if err := items.Delete(t.Context(), several(2)); err == nil ||
		!strings.Contains(err.Error(), "2 items were not written") {
		t.Errorf("error %v", err)
	}
	_, items = open(t, awstest.Failure("ValidationException"))
	if err := items.Delete(t.Context(), several(2)); err == nil || errors.Is(err, table.ErrMismatch) {
		t.Errorf("error %v", err)
	}
}
