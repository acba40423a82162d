package dynamoviews_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// TestDropGoesOn checks that Drop reads shard after shard, and that the next call begins at the cursor of the call
// before.
func TestDropGoesOn(t *testing.T) {
	const key = `{"pk":{"B":"AWdpAA=="},"sk":{"B":"gAAAAAAAAAA="}}` // in shard 0 of generation "g"
	answers := []awstest.Answer{
		awstest.JSON(`{"Items":[` + key + `],"LastEvaluatedKey":` + key + `}`), awstest.JSON(`{"UnprocessedItems":{}}`),
	}
	for range viewstore.Shards {
		answers = append(answers, awstest.JSON(`{"Items":[]}`))
	}
	wire, cfg := awstest.NewWire(t, answers...)
	base := dynamoviews.NewBase(dynamodb.NewFromConfig(cfg), "base")
	cursors := 0
	for next := ""; cursors == 0 || next != ""; cursors++ {
		var err error
		if next, err = base.Drop(t.Context(), "g", next); err != nil {
			t.Fatal(err)
		}
	}
	if cursors != 1+viewstore.Shards {
		t.Errorf("%d calls, want 1 for the first part of shard 0, and 1 for the rest of each shard", cursors)
	}
	var operations []string
	for _, r := range wire.Requests() {
		operations = append(operations, r.Operation())
	}
	if got := strings.Join(operations[:4], " "); got != "Query BatchWriteItem Query Query" {
		t.Errorf("requests begin with: %s", got)
	}
	start, ok := wire.Requests()[2].JSON(t)["ExclusiveStartKey"].(map[string]any)
	if !ok || start["sk"].(map[string]any)["B"] != "gAAAAAAAAAA=" {
		t.Errorf("the second read begins after %v", start)
	}
	values := wire.Requests()[3].JSON(t)["ExpressionAttributeValues"].(map[string]any)
	if got := values[":partition"].(map[string]any)["B"]; got != "AWdpAQ==" {
		t.Errorf("the third read is of %v, want shard 1", got)
	}
}

func TestDropRefusesACursor(t *testing.T) {
	_, cfg := awstest.NewWire(t)
	base := dynamoviews.NewBase(dynamodb.NewFromConfig(cfg), "base")
	for _, cursor := range []string{"!", "gA", "EA"} {
		if _, err := base.Drop(t.Context(), "g", cursor); err == nil ||
			!strings.Contains(err.Error(), "invalid cursor: must be one that Scan or Drop returned") {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}
