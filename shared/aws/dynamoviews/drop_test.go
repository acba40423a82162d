package dynamoviews_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
)

// TestDropGoesOn checks that the next call begins at the cursor of the call before.
func TestDropGoesOn(t *testing.T) {
	const key = `{"pk":{"B":"AWdr"},"sk":{"B":"gAAAAAAAAAA="}}` // a key of generation "g"
	wire, cfg := awstest.NewWire(t,
		awstest.JSON(`{"Items":[`+key+`],"LastEvaluatedKey":`+key+`}`), awstest.JSON(`{"UnprocessedItems":{}}`),
		awstest.JSON(`{"Items":[]}`),
	)
	base := dynamoviews.NewBase(dynamodb.NewFromConfig(cfg), "base")
	next, err := base.Drop(t.Context(), "g", "")
	if err != nil || next == "" {
		t.Fatalf("next %q, %v", next, err)
	}
	if next, err = base.Drop(t.Context(), "g", next); err != nil || next != "" {
		t.Fatalf("next %q, %v; want the end", next, err)
	}
	var operations []string
	for _, r := range wire.Requests() {
		operations = append(operations, r.Operation())
	}
	if got := strings.Join(operations, " "); got != "Scan BatchWriteItem Scan" {
		t.Errorf("requests: %s", got)
	}
	start, ok := wire.Requests()[2].JSON(t)["ExclusiveStartKey"].(map[string]any)
	if !ok || start["pk"].(map[string]any)["B"] != "AWdr" {
		t.Errorf("the second scan begins after %v", start)
	}
}

func TestDropRefusesACursor(t *testing.T) {
	_, cfg := awstest.NewWire(t)
	base := dynamoviews.NewBase(dynamodb.NewFromConfig(cfg), "base")
	for _, cursor := range []string{"!", "gA", "BQ"} {
		if _, err := base.Drop(t.Context(), "g", cursor); err == nil ||
			!strings.Contains(err.Error(), "invalid cursor: must be one that Scan or Drop returned") {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}
