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

// TestScan checks Scan, which works as Keys does but returns whole items.
func TestScan(t *testing.T) {
	wire, items := open(t, awstest.JSON(`{"Items":[`+keys(1, 3)+`],"LastEvaluatedKey":`+keys(7, 8)+`}`))
	found, next, err := items.Scan(t.Context(), table.Text("p"), nil)
	if err != nil || len(found) != 2 || next == nil {
		t.Fatalf("found %v, next %v, %v", found, next, err)
	}
	want := map[string]any{
		"TableName": name, "ConsistentRead": true, "FilterExpression": "begins_with(#pk, :prefix)",
		"ExpressionAttributeNames":  map[string]any{"#pk": "pk"},
		"ExpressionAttributeValues": map[string]any{":prefix": map[string]any{"S": "p"}},
	}
	if diff := cmp.Diff(want, wire.Requests()[0].JSON(t)); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestKeys(t *testing.T) {
	wire, items := open(t, awstest.JSON(`{"Items":[`+keys(1, 3)+`],"LastEvaluatedKey":`+keys(7, 8)+`}`), awstest.JSON(`{"Items":[]}`))
	found, next, err := items.Keys(t.Context(), table.Text("p"), nil)
	if err != nil || len(found) != 2 {
		t.Fatalf("found %v, %v", found, err)
	}
	if sk, err := table.TextOf(next, table.SortKey); err != nil || sk != "007" {
		t.Errorf("next starts after %q, %v", sk, err)
	}
	if found, next, err = items.Keys(t.Context(), table.Text("p"), next); err != nil || len(found) != 0 || next != nil {
		t.Errorf("at the end: %v, next %v, %v", found, next, err)
	}
	want := map[string]any{
		"TableName": name, "ConsistentRead": true, "ProjectionExpression": "#pk, #sk",
		"FilterExpression":          "begins_with(#pk, :prefix)",
		"ExpressionAttributeNames":  map[string]any{"#pk": "pk", "#sk": "sk"},
		"ExpressionAttributeValues": map[string]any{":prefix": map[string]any{"S": "p"}},
	}
	for i, r := range wire.Requests() {
		if i == 1 {
			want["ExclusiveStartKey"] = map[string]any{"pk": map[string]any{"S": "p"}, "sk": map[string]any{"S": "007"}}
		}
		if diff := cmp.Diff(want, r.JSON(t)); diff != "" || r.Operation() != "Scan" {
			t.Errorf("request %d, %s (-want +got):\n%s", i, r.Operation(), diff)
		}
	}
}

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
