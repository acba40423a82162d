package table_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/table"
)

const name = "items"

func open(t *testing.T, answers ...awstest.Answer) (*awstest.Wire, table.Table) {
	t.Helper()
	wire, cfg := awstest.NewWire(t, answers...)
	return wire, table.Table{Client: dynamodb.NewFromConfig(cfg), Name: name}
}

func keyOf(n int) table.Item {
	return table.KeyOf(table.Text("p"), table.Text(fmt.Sprintf("%03d", n)))
}

// keys returns the keys from first to last-1, in their JSON form.
func keys(first, last int) string {
	var all []string
	for n := first; n < last; n++ {
		all = append(all, fmt.Sprintf(`{"pk":{"S":"p"},"sk":{"S":"%03d"}}`, n))
	}
	return strings.Join(all, ",")
}

// batch returns an answer to BatchGetItem: the items of some keys, and the keys left unread.
func batch(items, left string) awstest.Answer {
	unread := ""
	if left != "" {
		unread = fmt.Sprintf(`"%s":{"Keys":[%s],"ConsistentRead":true}`, name, left)
	}
	return awstest.JSON(fmt.Sprintf(`{"Responses":{"%s":[%s]},"UnprocessedKeys":{%s}}`, name, items, unread))
}

// wantAsked checks that every request is a strongly consistent BatchGetItem with the given number of keys.
func wantAsked(t *testing.T, wire *awstest.Wire, want ...int) {
	t.Helper()
	var got []int
	for _, r := range wire.Requests() {
		asked := r.JSON(t)["RequestItems"].(map[string]any)[name].(map[string]any)
		if r.Operation() != "BatchGetItem" || asked["ConsistentRead"] != true {
			t.Errorf("%s with ConsistentRead %v", r.Operation(), asked["ConsistentRead"])
		}
		got = append(got, len(asked["Keys"].([]any)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requested keys (-want +got):\n%s", diff)
	}
}

func load(t *testing.T, items table.Table, n int) ([]table.Item, error) {
	var all []table.Item
	for i := range n {
		all = append(all, keyOf(i))
	}
	return items.Load(t.Context(), all)
}

func TestLoadAsksFor100KeysAtOnce(t *testing.T) {
	for n, want := range map[int][]int{0: nil, 1: {1}, 100: {100}, 101: {100, 1}, 250: {100, 100, 50}} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var answers []awstest.Answer
			for i := range want {
				answers = append(answers, batch(keys(100*i, 100*i+want[i]), ""))
			}
			wire, items := open(t, answers...)
			loaded, err := load(t, items, n)
			if err != nil || len(loaded) != n {
				t.Errorf("%d items, error %v", len(loaded), err)
			}
			wantAsked(t, wire, want...)
		})
	}
}

func TestLoadAsksAgainForTheKeysLeftUnread(t *testing.T) {
	wire, items := open(t,
		batch(keys(0, 40), keys(40, 100)),
		batch("", keys(40, 100)), // no items, twice; a third time would give up
		batch("", keys(40, 100)),
		batch(keys(40, 41), keys(41, 100)),
		batch("", keys(41, 100)),
		batch("", keys(41, 100)),
		batch(keys(41, 98), ""), // two items do not exist
	)
	loaded, err := load(t, items, 100)
	if err != nil {
		t.Fatal(err)
	}
	var want []table.Item
	for i := range 98 {
		want = append(want, keyOf(i))
	}
	if diff := cmp.Diff(want, loaded, cmp.Comparer(sameAttribute)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantAsked(t, wire, 100, 60, 60, 60, 59, 59, 59)
}

func sameAttribute(a, b types.AttributeValue) bool {
	return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b)
}

func TestLoadGivesUp(t *testing.T) {
	t.Run("after three answers without any item", func(t *testing.T) {
		_, items := open(t, batch("", keys(0, 2)), batch("", keys(0, 2)), batch("", keys(0, 2)))
		if loaded, err := load(t, items, 2); err == nil || !strings.Contains(err.Error(), "2 keys were not read") ||
			loaded != nil {
			t.Errorf("%d items, error %v", len(loaded), err)
		}
	})
	t.Run("when no time is left", func(t *testing.T) {
		wire, cfg := awstest.NewWire(t, batch("", keys(0, 2)))
		cfg.Retryer = sdk.Settings{Attempts: 3, Delay: 2 * time.Hour}.Retryer
		items := table.Table{Client: dynamodb.NewFromConfig(cfg), Name: name}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := items.Load(ctx, []table.Item{keyOf(0), keyOf(1)}); !errors.Is(err, sdk.ErrNoTime) {
			t.Errorf("error %v, want ErrNoTime", err)
		}
		wantAsked(t, wire, 2)
	})
	t.Run("when the context ends", func(t *testing.T) {
		_, cfg := awstest.NewWire(t, batch("", keys(0, 2)))
		ctx, cancel := context.WithCancel(t.Context())
		retryer := sdk.Settings{Attempts: 3}.Retryer().(aws.RetryerV2)
		cfg.Retryer = func() aws.Retryer { return endless{retryer, cancel} }
		items := table.Table{Client: dynamodb.NewFromConfig(cfg), Name: name}
		if _, err := items.Load(ctx, []table.Item{keyOf(0), keyOf(1)}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want a cancelled context", err)
		}
	})
	t.Run("with the error of a request", func(t *testing.T) {
		_, items := open(t, batch(keys(0, 1), keys(1, 2)), awstest.Failure("ResourceNotFoundException"))
		var missing *types.ResourceNotFoundException
		if _, err := load(t, items, 2); !errors.As(err, &missing) {
			t.Errorf("error %v", err)
		}
	})
}

// endless would wait for an hour, but cancels the context instead.
type endless struct {
	aws.RetryerV2
	end func()
}

func (e endless) RetryDelay(int, error) (time.Duration, error) {
	e.end()
	return time.Hour, nil
}

func TestThrottlingIsTriedAgainAndThenAnError(t *testing.T) {
	throttled := awstest.Failure("ProvisionedThroughputExceededException")
	_, items := open(t, throttled, batch(keys(0, 1), ""))
	if loaded, err := load(t, items, 1); err != nil || len(loaded) != 1 {
		t.Errorf("%d items, error %v", len(loaded), err)
	}
	_, items = open(t, throttled, throttled, throttled)
	var exceeded *types.ProvisionedThroughputExceededException
	if _, err := items.Put(t.Context(), keyOf(1), table.Condition{}); !errors.As(err, &exceeded) ||
		errors.Is(err, table.ErrMismatch) {
		t.Errorf("error %v", err)
	}
}

// page returns an answer to Query.
func page(items string, more bool) awstest.Answer {
	last := ""
	if more {
		last = `,"LastEvaluatedKey":` + items[strings.LastIndex(items, `{"pk"`):]
	}
	return awstest.JSON(fmt.Sprintf(`{"Items":[%s]%s}`, items, last))
}

// wantBody checks a request's operation and body.
func wantBody(t *testing.T, r awstest.Request, operation, want string) {
	t.Helper()
	if r.Operation() != operation {
		t.Errorf("operation %s, want %s", r.Operation(), operation)
	}
	wanted := awstest.Request{Request: r.Request, Body: []byte(want)}.JSON(t)
	if diff := cmp.Diff(wanted, r.JSON(t)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", operation, diff)
	}
}

func TestQueryReadsAllPages(t *testing.T) {
	wire, items := open(t, page(keys(0, 2), true), page(keys(2, 3), true), page("", false))
	all, err := items.Query(t.Context(),
		table.Range{Partition: table.Text("p"), From: table.Text("000"), To: table.Text("999")})
	if err != nil || len(all) != 3 {
		t.Fatalf("%d items, error %v", len(all), err)
	}
	for i, start := range []string{"", `"ExclusiveStartKey":{"pk":{"S":"p"},"sk":{"S":"001"}},`, `"ExclusiveStartKey":{"pk":{"S":"p"},"sk":{"S":"002"}},`} {
		wantBody(t, wire.Requests()[i], "Query", `{"TableName":"items","ConsistentRead":true,"ScanIndexForward":true,`+start+`
			"KeyConditionExpression":"pk = :partition AND sk BETWEEN :from AND :to",
			"ExpressionAttributeValues":{":partition":{"S":"p"},":from":{"S":"000"},":to":{"S":"999"}}}`)
	}
}

func TestQueryConditions(t *testing.T) {
	for want, r := range map[string]table.Range{
		`"KeyConditionExpression":"pk = :partition","ExpressionAttributeValues":{":partition":{"S":"p"}}`:                                      {},
		`"KeyConditionExpression":"pk = :partition AND sk >= :from","ExpressionAttributeValues":{":partition":{"S":"p"},":from":{"B":"AA=="}}`: {From: table.Binary([]byte{0})},
		`"KeyConditionExpression":"pk = :partition AND sk <= :to","ExpressionAttributeValues":{":partition":{"S":"p"},":to":{"N":"-7"}}`:       {To: table.Number(int64(-7))},
		`"ProjectionExpression":"pk, sk","KeyConditionExpression":"pk = :partition","ExpressionAttributeValues":{":partition":{"S":"p"}}`: {
			KeysOnly: true,
		},
	} {
		wire, items := open(t, page("", false))
		r.Partition = table.Text("p")
		if all, err := items.Query(t.Context(), r); err != nil || len(all) != 0 {
			t.Errorf("%d items, error %v", len(all), err)
		}
		wantBody(t, wire.Requests()[0], "Query", `{"TableName":"items","ConsistentRead":true,"ScanIndexForward":true,`+want+`}`)
	}
}

func TestQueryFails(t *testing.T) {
	_, items := open(t, page(keys(0, 2), true), awstest.Failure("ResourceNotFoundException"))
	if all, err := items.Query(t.Context(), table.Range{Partition: table.Text("p")}); err == nil || all != nil {
		t.Errorf("%d items, error %v: want no items of a range that was not read completely", len(all), err)
	}
}

func TestEachStopsAsking(t *testing.T) {
	wire, items := open(t, page(keys(0, 2), true))
	n := 0
	for _, err := range items.Each(t.Context(), table.Range{Partition: table.Text("p"), Down: true, Limit: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			break
		}
	}
	wantBody(t, wire.Requests()[0], "Query", `{"TableName":"items","ConsistentRead":true,"ScanIndexForward":false,"Limit":2,
		"KeyConditionExpression":"pk = :partition","ExpressionAttributeValues":{":partition":{"S":"p"}}}`)
}

func TestLastAsksForOneItem(t *testing.T) {
	wire, items := open(t, page(keys(7, 8), true), page("", false))
	last, err := items.Last(t.Context(), table.Text("p"))
	if diff := cmp.Diff(keyOf(7), last, cmp.Comparer(sameAttribute)); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if none, err := items.Last(t.Context(), table.Text("q")); none != nil || err != nil {
		t.Errorf("last of nothing: %v, error %v", none, err)
	}
	wantBody(t, wire.Requests()[0], "Query", `{"TableName":"items","ConsistentRead":true,"ScanIndexForward":false,"Limit":1,
		"KeyConditionExpression":"pk = :partition","ExpressionAttributeValues":{":partition":{"S":"p"}}}`)
}

func TestGet(t *testing.T) {
	wire, items := open(t, awstest.JSON(`{"Item":`+keys(1, 2)+`}`), awstest.JSON(`{}`))
	if item, err := items.Get(t.Context(), keyOf(1)); err != nil || len(item) != 2 {
		t.Errorf("%v, error %v", item, err)
	}
	if item, err := items.Get(t.Context(), keyOf(1)); err != nil || item != nil {
		t.Errorf("%v, error %v", item, err)
	}
	wantBody(t, wire.Requests()[0], "GetItem", `{"TableName":"items","ConsistentRead":true,"Key":`+keys(1, 2)+`}`)
}

func TestPut(t *testing.T) {
	for want, when := range map[string]table.Condition{
		`"ConditionExpression":"attribute_not_exists(pk)"`: {},
		`"ConditionExpression":"#expected = :expected","ExpressionAttributeNames":{"#expected":"h"},
			"ExpressionAttributeValues":{":expected":{"N":"7"}}`: {Attribute: "h", Value: table.Number(int64(7))},
		`"ConditionExpression":"attribute_not_exists(pk) OR #expected = :expected","ExpressionAttributeNames":{"#expected":"h"},
			"ExpressionAttributeValues":{":expected":{"S":"7"}}`: {Attribute: "h", Value: table.Text("7"), OrNone: true},
	} {
		wire, items := open(t, awstest.JSON(`{}`))
		if stored, err := items.Put(t.Context(), keyOf(1), when); err != nil || stored != nil {
			t.Errorf("stored %v, error %v", stored, err)
		}
		wantBody(t, wire.Requests()[0], "PutItem",
			`{"TableName":"items","Item":`+keys(1, 2)+`,"ReturnValuesOnConditionCheckFailure":"ALL_OLD",`+want+`}`)
	}
}

func TestPutMismatch(t *testing.T) {
	_, items := open(t, awstest.Failure("ConditionalCheckFailedException", `"Item":`+keys(1, 2)), awstest.Failure("ConditionalCheckFailedException"))
	stored, err := items.Put(t.Context(), keyOf(1), table.Condition{})
	if diff := cmp.Diff(keyOf(1), stored, cmp.Comparer(sameAttribute)); diff != "" || !errors.Is(err, table.ErrMismatch) {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if stored, err := items.Put(t.Context(), keyOf(1),
		table.Condition{Attribute: "h", Value: table.Text("7")}); stored != nil || !errors.Is(err, table.ErrMismatch) {
		t.Errorf("nothing stored: %v, error %v", stored, err)
	}
}

func TestPutAppliedWithItsAnswerLost(t *testing.T) {
	for name, lost := range map[string]awstest.Answer{"reset": {}, "500": {Status: 500, Body: `{"__type":"InternalServerError"}`}} {
		t.Run(name, func(t *testing.T) {
			wire, items := open(t, lost, awstest.Failure("ConditionalCheckFailedException", `"Item":`+keys(1, 2)))
			if _, err := items.Put(t.Context(), keyOf(1), table.Condition{}); !errors.Is(err, table.ErrMismatch) {
				t.Errorf("error %v, want ErrMismatch, since the SDK found its own write", err)
			}
			if a, b := wire.Requests()[0], wire.Requests()[1]; string(a.Body) != string(b.Body) {
				t.Errorf("the second attempt differs:\n%s\n%s", a.Body, b.Body)
			}
		})
	}
	t.Run("every time", func(t *testing.T) {
		_, items := open(t, awstest.Answer{}, awstest.Answer{}, awstest.Answer{})
		if _, err := items.Put(t.Context(), keyOf(1), table.Condition{}); err == nil || errors.Is(err, table.ErrMismatch) {
			t.Errorf("error %v, but the item may have been written", err)
		}
	})
}

func TestReplace(t *testing.T) {
	wire, items := open(t, awstest.JSON(`{}`))
	if err := items.Replace(t.Context(), keyOf(1)); err != nil {
		t.Error(err)
	}
	wantBody(t, wire.Requests()[0], "PutItem", `{"TableName":"items","Item":`+keys(1, 2)+`}`)
}

func TestAttributes(t *testing.T) {
	item := table.Item{"b": table.Binary(nil), "s": table.Text(""), "n": table.Number(int64(-1 << 63)),
		"big": &types.AttributeValueMemberN{Value: "9223372036854775808"}}
	b, err := table.BinaryOf(item, "b")
	if err != nil || b == nil || len(b) > 0 {
		t.Errorf("%v, error %v", b, err)
	}
	if s, err := table.TextOf(item, "s"); err != nil || s != "" {
		t.Errorf("%q, error %v", s, err)
	}
	if n, err := table.NumberOf[int64](item, "n"); err != nil || n != -1<<63 {
		t.Errorf("%d, error %v", n, err)
	}
	for want, read := range map[string]func() error{
		`"none" is missing; must be binary`:                       func() error { _, err := table.BinaryOf(item, "none"); return err },
		`"s" is a *types.AttributeValueMemberS; must be binary`:   func() error { _, err := table.BinaryOf(item, "s"); return err },
		`"b" is a *types.AttributeValueMemberB; must be a string`: func() error { _, err := table.TextOf(item, "b"); return err },
		`"s" is a *types.AttributeValueMemberS; must be a number`: func() error { _, err := table.NumberOf[int64](item, "s"); return err },
		`"big" is not a 64-bit integer`:                           func() error { _, err := table.NumberOf[int64](item, "big"); return err },
	} {
		if err := read(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %s", err, want)
		}
	}
}
