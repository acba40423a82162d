package dynamoviews_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

func client(t *testing.T, answers ...awstest.Answer) (*awstest.Wire, *dynamodb.Client) {
	t.Helper()
	wire, cfg := awstest.NewWire(t, answers...)
	return wire, dynamodb.NewFromConfig(cfg)
}

var (
	done     = awstest.JSON(`{}`)
	lost     = awstest.Answer{}
	mismatch = func(stored string) awstest.Answer {
		return awstest.Failure("ConditionalCheckFailedException", `"Item":`+stored)
	}
)

// b64 returns a binary attribute in its JSON form.
func b64(b string) string {
	return fmt.Sprintf(`{"B":"%s"}`, base64.StdEncoding.EncodeToString([]byte(b)))
}

var base = viewstore.BaseItem{
	BaseKey: viewstore.BaseKey{Generation: "01JD8Z6B1QZ0W6V3T5YJ9K4M2N", Key: "\x01/", Page: -2},
	Horizon: 1_795_555_500_000, States: []byte("\x01states"),
}

// The key of base: shard 9 of its generation, and its view key and page.
const (
	baseShard = "\x1a01JD8Z6B1QZ0W6V3T5YJ9K4M2Ni\x09"
	basePage  = "\x01/\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xfe"
)

// baseStored is base as DynamoDB stores it.
var baseStored = `{"pk":` + b64(baseShard) + `,"sk":` + b64(basePage) +
	`,"h":{"N":"1795555500000"},"s":` + b64("\x01states") + `}`

var speed = viewstore.SpeedItem{
	SpeedKey: viewstore.SpeedKey{
		Set: "9f86d081884c7d659a2feaa0c55ad015", Key: "\x01/", Slot: 1_795_555_500_000, Page: 3,
		Lane: event.Lane{Layout: 1, Count: 4, N: 2},
	},
	Applied: "49546986683135544286507457936321625675700192471156785154", States: []byte("\x01states"),
	Expires: 1_796_160_300,
}

var speedStored = `{"pk":` + b64("\x209f86d081884c7d659a2feaa0c55ad015i\x09") +
	`,"sk":` + b64("\x01/\x00\x00\x80\x00\x01\xa2\x0f\x72\x9f\xe0\x80\x00\x00\x00\x00\x00\x00\x031.4.2") +
	`,"f":{"S":"49546986683135544286507457936321625675700192471156785154"},"s":` + b64("\x01states") + `,"expires":{"N":"1796160300"}}`

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

func putBody(item, condition string) string {
	return `{"TableName":"items","Item":` + item + `,"ReturnValuesOnConditionCheckFailure":"ALL_OLD",` + condition + `}`
}

const none = `"ConditionExpression":"attribute_not_exists(pk)"`

func expected(attribute, value string) string {
	return `"ConditionExpression":"#expected = :expected","ExpressionAttributeNames":{"#expected":"` + attribute + `"},
		"ExpressionAttributeValues":{":expected":` + value + `}`
}

func TestBasePut(t *testing.T) {
	wire, c := client(t, done, done)
	b := dynamoviews.NewBase(c, "items")
	if err := errors.Join(b.Put(t.Context(), base, 0), b.Put(t.Context(), base, 1_795_555_200_000)); err != nil {
		t.Fatal(err)
	}
	wantBody(t, wire.Requests()[0], "PutItem", putBody(baseStored, none))
	wantBody(t, wire.Requests()[1], "PutItem", putBody(baseStored, expected("h", `{"N":"1795555200000"}`)))
}

func TestSpeedPut(t *testing.T) {
	wire, c := client(t, done, done, done)
	s := dynamoviews.NewSpeed(c, "items")
	forever := speed
	forever.Expires = 0
	if err := errors.Join(s.Put(t.Context(), speed, ""), s.Put(t.Context(), speed, "4953"),
		s.Put(t.Context(), forever, "")); err != nil {
		t.Fatal(err)
	}
	wantBody(t, wire.Requests()[0], "PutItem", putBody(speedStored, none))
	wantBody(t, wire.Requests()[1], "PutItem", putBody(speedStored, expected("f", `{"S":"4953"}`)))
	wantBody(t, wire.Requests()[2], "PutItem", putBody(strings.Replace(speedStored, `,"expires":{"N":"1796160300"}`, "", 1), none))
}

func TestPutConflicts(t *testing.T) {
	puts := func(c *dynamodb.Client) map[string]func() error {
		return map[string]func() error{
			"base":  func() error { return dynamoviews.NewBase(c, "items").Put(t.Context(), base, 7) },
			"speed": func() error { return dynamoviews.NewSpeed(c, "items").Put(t.Context(), speed, "7") },
		}
	}
	for name, test := range map[string]struct {
		answers  []awstest.Answer
		conflict bool
		says     string
	}{
		"another item is stored": {[]awstest.Answer{mismatch(baseStored[:len(baseStored)-1] + `,"f":{"S":"1795555500000"}}`)}, true, `is "1795555500000", not`},
		"none is stored": {[]awstest.Answer{awstest.Failure("ConditionalCheckFailedException")}, true,
			"is nothing, not"},
		"the stored item is malformed":         {[]awstest.Answer{mismatch(`{}`)}, true, "is missing"},
		"our own write, whose answer was lost": {[]awstest.Answer{lost, mismatch(baseStored)}, true, ""},
		"every answer is lost":                 {[]awstest.Answer{lost, lost, lost}, false, ""},
		"the item is too large for the store": {[]awstest.Answer{awstest.Failure("ValidationException")}, false,
			"ValidationException"},
		"another transaction won": {[]awstest.Answer{awstest.Failure("TransactionConflictException")}, false,
			""},
	} {
		for kind := range puts(nil) {
			t.Run(name+"/"+kind, func(t *testing.T) {
				_, c := client(t, test.answers...)
				err := puts(c)[kind]()
				if err == nil || errors.Is(err, viewstore.ErrConflict) != test.conflict ||
					!strings.Contains(err.Error(), test.says) {
					t.Errorf("error %v; want a conflict: %t, and %q", err, test.conflict, test.says)
				}
			})
		}
	}
}

func TestLoadAsksForEachKeyOnceAndStronglyConsistent(t *testing.T) {
	wire, c := client(t, awstest.JSON(`{"Responses":{"items":[`+baseStored+`]}}`), awstest.JSON(`{"Responses":{"items":[`+speedStored+`]}}`))
	bases, err := dynamoviews.NewBase(c, "items").Load(t.Context(), []viewstore.BaseKey{base.BaseKey, base.BaseKey})
	if diff := cmp.Diff([]viewstore.BaseItem{base}, bases); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	speeds, err := dynamoviews.NewSpeed(c, "items").Load(t.Context(), []viewstore.SpeedKey{speed.SpeedKey, speed.SpeedKey})
	if diff := cmp.Diff([]viewstore.SpeedItem{speed}, speeds); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	for i, stored := range []string{baseStored, speedStored} {
		all := awstest.Request{Body: []byte(stored)}.JSON(t)
		got := wire.Requests()[i].JSON(t)
		want := map[string]any{"RequestItems": map[string]any{"items": map[string]any{
			"ConsistentRead": true, "Keys": []any{map[string]any{"pk": all["pk"], "sk": all["sk"]}},
		}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
	}
}

func TestReadsOfNothingMakeNoRequest(t *testing.T) {
	_, c := client(t)
	if items, err := dynamoviews.NewBase(c, "items").Load(t.Context(), nil); err != nil || len(items) > 0 {
		t.Errorf("%v, error %v", items, err)
	}
	items, _, err := dynamoviews.NewBase(c, "items").Pages(t.Context(), "g", "k", 2, 1, "")
	if err != nil || len(items) > 0 {
		t.Errorf("%v, error %v", items, err)
	}
}

func TestRanges(t *testing.T) {
	last := `,"LastEvaluatedKey":{"pk":` + b64("p") + `,"sk":` + b64("last\x00") + `}}`
	wire, c := client(t, awstest.JSON(`{"Items":[`+baseStored+`]`+last), awstest.JSON(`{"Items":[]`+last),
		awstest.JSON(`{"Items":[`+speedStored+`]}`))
	bases, next, err := dynamoviews.NewBase(c, "items").Pages(t.Context(), base.Generation, base.Key, view.FirstPage, 1,
		"")
	if diff := cmp.Diff([]viewstore.BaseItem{base}, bases); diff != "" || err != nil || next != "last\x00" {
		t.Errorf("next %q, error %v (-want +got):\n%s", next, err, diff)
	}
	speeds, next, err := dynamoviews.NewSpeed(c, "items").Slots(t.Context(), speed.Set, speed.Key, speed.Slot, "a")
	if diff := cmp.Diff([]viewstore.SpeedItem{speed}, speeds); diff != "" || err != nil || next != "" {
		t.Errorf("next %q, error %v (-want +got):\n%s", next, err, diff)
	}
	wantBody(t, wire.Requests()[0], "Query", `{"TableName":"items","ConsistentRead":true,"ScanIndexForward":true,
		"KeyConditionExpression":"pk = :partition AND sk BETWEEN :from AND :to","ExpressionAttributeValues":{
		":partition":`+b64(baseShard)+`,
		":from":`+b64("\x01/\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")+`,
		":to":`+b64("\x01/\x00\x00\x80\x00\x00\x00\x00\x00\x00\x01")+`}}`)
	// An answer without items is no last one when DynamoDB says where to go on.
	for i, start := range []string{b64("\x209f86d081884c7d659a2feaa0c55ad015i\x09") + `,"sk":` + b64("a"),
		b64("p") + `,"sk":` + b64("last\x00")} {
		wantBody(t, wire.Requests()[1+i], "Query", `{"TableName":"items","ConsistentRead":true,"ScanIndexForward":true,
		"ExclusiveStartKey":{"pk":`+start+`},
		"KeyConditionExpression":"pk = :partition AND sk BETWEEN :from AND :to","ExpressionAttributeValues":{
		":partition":`+b64("\x209f86d081884c7d659a2feaa0c55ad015i\x09")+`,
		":from":`+b64("\x01/\x00\x00\x80\x00\x01\xa2\x0f\x72\x9f\xe0")+`,":to":`+b64("\x01/\x00\x01")+`}}`)
	}
}

// TestStoredItemsThatAreNone checks items that this program never writes. Each must be an error that names the problem.
func TestStoredItemsThatAreNone(t *testing.T) {
	without := func(stored, attribute string) string {
		return strings.Replace(stored, `"`+attribute+`":`, `"other":`, 1)
	}
	for says, stored := range map[string]string{
		`"pk" is missing`: without(baseStored, "pk"), `"sk" is missing`: without(baseStored, "sk"), `"h" is missing`: without(baseStored, "h"),
		`"s" is missing`: without(baseStored, "s"), `"h" is a`: strings.Replace(baseStored, `"N"`, `"S"`, 1),
		"is not the length of its set":      strings.Replace(baseStored, b64(baseShard), b64("\x05ab"), 1),
		"is not that of a shard of items":   strings.Replace(baseStored, b64(baseShard), b64("\x01al\x09"), 1),
		"5 bytes is not that of a shard":    strings.Replace(baseStored, b64(baseShard), b64("\x81\x00ai\x09"), 1),
		"in shard 8; must be in 9":          strings.Replace(baseStored, b64(baseShard), b64("\x01ai\x08"), 1),
		"no whole view key":                 strings.Replace(baseStored, b64(basePage), b64("\x01/\x00\x02\x00\x00"), 1),
		"of 7 bytes":                        strings.Replace(baseStored, b64(basePage), b64(basePage[:len(basePage)-1]), 1),
		"1 unexpected bytes after the page": strings.Replace(baseStored, b64(basePage), b64(basePage+"!"), 1),
	} {
		_, c := client(t, awstest.JSON(`{"Items":[`+stored+`]}`))
		if items, _, err := dynamoviews.NewBase(c, "items").Pages(t.Context(), "g", "k", 0, 1, ""); err == nil ||
			!strings.Contains(err.Error(), says) || items != nil {
			t.Errorf("base: %v, error %v, want one that says %s", items, err, says)
		}
	}
	for says, stored := range map[string]string{
		`"pk" is missing`: without(speedStored, "pk"), `"f" is missing`: without(speedStored, "f"), `"s" is missing`: without(speedStored, "s"),
		`"expires" is a`: strings.Replace(speedStored, `"N"`, `"S"`, 1), "must be layout.count.n": strings.Replace(speedStored, "\"expires\"", `"sk":`+b64("\x01/\x00\x00"+strings.Repeat("a", 20))+`,"expires"`, 1),
		"of 3 bytes": strings.Replace(speedStored, "\"expires\"", `"sk":`+b64("\x01/\x00\x00"+strings.Repeat("a", 11))+`,"expires"`, 1),
	} {
		_, c := client(t, awstest.JSON(`{"Items":[`+stored+`]}`))
		if items, _, err := dynamoviews.NewSpeed(c, "items").Slots(t.Context(), "d", "k", 0, ""); err == nil ||
			!strings.Contains(err.Error(), says) || items != nil {
			t.Errorf("speed: %v, error %v, want one that says %s", items, err, says)
		}
	}
}

// TestKeys checks the requests that list keys. After each answer, the list goes on behind the last key; where keys have
// many items, it reads one item of each.
func TestKeys(t *testing.T) {
	const shard = "\x01gi\x04" // that of a\x00
	page := func(key string, n byte) string {
		return `{"pk":` + b64(shard) + `,"sk":` + b64(key+"\x00\x00\x80\x00\x00\x00\x00\x00\x00"+string([]byte{n})) + `}`
	}
	answer := func(last string, items ...string) awstest.Answer {
		text := `{"Items":[` + strings.Join(items, ",") + `]`
		if last != "" {
			text += `,"LastEvaluatedKey":` + last
		}
		return awstest.JSON(text + `}`)
	}
	const a = "a\x00\xff"
	var many []string
	for n := range byte(9) {
		many = append(many, page(a, n))
	}
	wire, dynamo := client(t, answer(page(a, 8), many...), answer(""))
	in := viewstore.KeyRange{From: "a", To: "b", Limit: 7}
	keys, err := dynamoviews.NewBase(dynamo, "items").Keys(t.Context(), "g", 4, in)
	if err != nil || len(keys) != 1 || keys[0] != "a\x00" {
		t.Errorf("keys %q, %v", keys, err)
	}
	for i, want := range []string{`"Limit":7,"ExpressionAttributeValues":{":from":` + b64("a"),
		`"Limit":1,"ExpressionAttributeValues":{":from":` + b64(a+"\x00\x01")} {
		wantBody(t, wire.Requests()[i], "Query", `{"TableName":"items","ConsistentRead":true,"ScanIndexForward":true,
			"ProjectionExpression":"pk, sk","KeyConditionExpression":"pk = :partition AND sk BETWEEN :from AND :to",`+want+`,
			":partition":`+b64(shard)+`,":to":`+b64("b\x00\x00")+`}}`)
	}
	wire, dynamo = client(t, answer(page(a, 2), page(a, 3), page(a, 2)), answer(""))
	_, err = dynamoviews.NewBase(dynamo, "items").Keys(t.Context(), "g", 4, viewstore.KeyRange{Down: true, Limit: 2})
	if err != nil {
		t.Error(err)
	}
	for i, want := range []string{
		`"KeyConditionExpression":"pk = :partition","Limit":2,"ExpressionAttributeValues":{`,
		`"KeyConditionExpression":"pk = :partition AND sk <= :to","Limit":1,"ExpressionAttributeValues":{":to":` + b64(a) + `,`,
	} {
		wantBody(t, wire.Requests()[i], "Query", `{"TableName":"items","ConsistentRead":true,"ScanIndexForward":false,
			"ProjectionExpression":"pk, sk",`+want+`":partition":`+b64(shard)+`}}`)
	}
}

// TestKeysReadOneItemEach checks that a list, once it has met a key with many items, reads one item of each further
// key,
// and that it ends at the empty key, below which DynamoDB takes no bound.
func TestKeysReadOneItemEach(t *testing.T) {
	items := func(key view.Key, n int) string {
		var all []string
		for page := range n {
			item := dynamoviews.EncodeBaseKey(viewstore.BaseKey{Generation: "g", Key: key, Page: view.Page(page)})
			all = append(all, `{"pk":`+b64(string(bytesOf(item, "pk")))+`,"sk":`+b64(string(bytesOf(item, "sk")))+`}`)
		}
		return strings.Join(all, ",")
	}
	answer := func(key view.Key, n int) awstest.Answer {
		return awstest.JSON(`{"Items":[` + items(key, n) + `],"LastEvaluatedKey":` + items(key, 1) + `}`)
	}
	var same []view.Key // of one shard
	for n := 0; len(same) < 3; n++ {
		if key := view.Key(fmt.Sprintf("%04d", n)); viewstore.ShardOf(key) == viewstore.ShardOf("") {
			same = append(same, key)
		}
	}
	wire, dynamo := client(t, answer(same[2], 9), answer(same[1], 1), answer(same[0], 1), answer("", 1))
	in := viewstore.KeyRange{Down: true, Limit: 7}
	keys, err := dynamoviews.NewBase(dynamo, "items").Keys(t.Context(), "g", viewstore.ShardOf(""), in)
	if err != nil || len(keys) != 4 {
		t.Fatalf("keys %q, %v", keys, err)
	}
	var limits []any
	for _, r := range wire.Requests() {
		limits = append(limits, r.JSON(t)["Limit"])
	}
	if got := fmt.Sprint(limits...); got != "7 1 1 1" {
		t.Errorf("the requests ask for %s items", got)
	}
}

// TestLiveKeys checks the bytes of live keys: their slot and name as sort key, in the shard of the name.
func TestLiveKeys(t *testing.T) {
	wire, dynamo := client(t, done)
	item := viewstore.LiveKeys{Set: "s", Slot: 1, Keys: []view.Key{"a\x00"}, Expires: 5}
	name := item.Name()
	if err := dynamoviews.NewSpeed(dynamo, "items").PutLive(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	wantBody(t, wire.Requests()[0], "PutItem", `{"TableName":"items","Item":{
		"pk":`+b64("\x01sl"+string([]byte{byte(name.Shard())}))+`,
		"sk":`+b64("\x80\x00\x00\x00\x00\x00\x00\x01"+string(name[:]))+`,
		"k":`+b64("\x01\x02a\x00")+`,"expires":{"N":"5"}}}`)
}
