package dynamoviews_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

var applied = viewstore.Applied{
	Lane: event.Lane{Layout: 1, Count: 4, N: 2}, First: "49546", Last: "49547", Recorded: 1_795_555_503_000,
	Expires: 1_796_160_300,
}

// appliedStored is applied as DynamoDB stores it.
var appliedStored = `{"pk":` + b64("\x00\x001.4.2") + `,"sk":` + b64("\x0549547\x0549546") +
	`,"t":{"N":"1795555503000"},"expires":{"N":"1796160300"}}`

func TestPutAppliedReplaces(t *testing.T) {
	wire, c := client(t, lost, done)
	if err := dynamoviews.NewSeen(c, "items").PutApplied(t.Context(), applied); err != nil {
		t.Fatal(err)
	}
	for _, r := range wire.Requests() {
		wantBody(t, r, "PutItem", `{"TableName":"items","Item":`+appliedStored+`}`)
	}
}

func TestPutAppliedRefuses(t *testing.T) {
	for _, wrong := range []event.Sequence{"", "x1", "01", event.Sequence(strings.Repeat("1", 130))} {
		first, last := applied, applied
		first.First, last.Last = wrong, wrong
		for _, a := range []viewstore.Applied{first, last} {
			_, c := client(t)
			err := dynamoviews.NewSeen(c, "items").PutApplied(t.Context(), a)
			if err == nil || !strings.Contains(err.Error(), "must be decimal digits") {
				t.Errorf("%+v: error %v, want one that says what a sequence number is", a, err)
			}
		}
	}
}

func TestNewestApplied(t *testing.T) {
	wire, c := client(t, awstest.JSON(`{"Items":[`+appliedStored+`,`+appliedStored+`]}`))
	var all []viewstore.Applied
	err := dynamoviews.NewSeen(c, "items").NewestApplied(t.Context(), applied.Lane, func(a viewstore.Applied) bool {
		all = append(all, a)
		return false
	})
	if diff := cmp.Diff([]viewstore.Applied{applied}, all); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	wantBody(t, wire.Requests()[0], "Query", `{"TableName":"items","ConsistentRead":true,"ScanIndexForward":false,"Limit":50,
		"KeyConditionExpression":"pk = :partition","ExpressionAttributeValues":{":partition":`+b64("\x00\x001.4.2")+`}}`)
}

func TestNewestAppliedFails(t *testing.T) {
	with := func(order string) string {
		return strings.Replace(appliedStored, b64("\x0549547\x0549546"), b64(order), 1)
	}
	without := func(attribute string) string {
		return strings.Replace(appliedStored, `"`+attribute+`":`, `"other":`, 1)
	}
	for name, stored := range map[string]string{
		"no sort key": without("sk"), "no time": without("t"), "no numbers": with(""), "one number": with("\x0549547"),
		"a number that ends early": with("\x0549547\x0649546"), "more than two": with("\x0549547\x0549546\x01"),
		"no digits": with("\x0549547\x054954x"), "an empty number": with("\x0549547\x00"),
		"no end": strings.Replace(appliedStored, `"expires":{"N"`, `"expires":{"S"`, 1),
	} {
		_, c := client(t, awstest.JSON(`{"Items":[`+stored+`]}`))
		err := dynamoviews.NewSeen(c, "items").NewestApplied(t.Context(), applied.Lane, func(viewstore.Applied) bool {
			return true
		})
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
