package dynamoviews_test

import (
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/viewstore"
)

var seen = viewstore.SeenItem{
	Lane: event.Lane{Layout: 1, Count: 4, N: 2}, Recorded: 1_795_555_503_000, Expires: 1_796_160_300,
	Records: []viewstore.SeenRecord{
		{
			Sequence:   "49546986683135544286507457936321625675700192471156785154",
			Request:    ulid.MustParse("01JD8Z6B1QZ0W6V3T5YJ9K4M2N"),
			Identities: []event.Identity{{Lo: 1}, {Hi: math.MaxUint64, Lo: math.MaxUint64 - 1}},
		},
		{
			Sequence: "49546986683135544286507457936321625675700192471156785154", Line: 200,
			Request: ulid.MustParse("01JD8Z6B1QZ0W6V3T5YJ9K4M2P"),
		},
		{
			Sequence: "49546986683135544286507457936321625675700192471156785410",
			Request:  ulid.MustParse("01JD8Z6B1QZ0W6V3T5YJ9K4M2Q"), Identities: []event.Identity{{Hi: 3, Lo: 2}},
		},
	},
}

// seenRecords are the stored records of seen. Python gives 0x2054b6fffe000000000000001d500054b7009a000000002 for the
// first number.
var seenRecords = strings.Join([]string{
	"02",
	"18", "02054b6fffe000000000000001d500054b7009a000000002", "00", "019351f32c37f8386d8f45f493325055", "02",
	"00000000000000000000000000000001", "fffffffffffffffffffffffffffffffe",
	"00", "c801", "019351f32c37f8386d8f45f493325056", "00",
	"02", "0100", "00", "019351f32c37f8386d8f45f493325057", "01", "00000000000000030000000000000002",
}, "")

// seenStored returns seen as DynamoDB stores it.
func seenStored(t testing.TB) string {
	t.Helper()
	encoded, err := hex.DecodeString(seenRecords)
	if err != nil {
		t.Fatal(err)
	}
	return `{"pk":` + b64("\x001.4.2") +
		`,"sk":` + b64("849546986683135544286507457936321625675700192471156785410849546986683135544286507457936321625675700192471156785154") +
		// 8 is byte 56, the number of digits
		`,"t":{"N":"1795555503000"},"r":` + b64(string(encoded)) + `,"expires":{"N":"1796160300"}}`
}

func TestSeenPutReplaces(t *testing.T) {
	wire, c := client(t, lost, done)
	if err := dynamoviews.NewSeen(c, "items").Put(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	for _, r := range wire.Requests() {
		wantBody(t, r, "PutItem", `{"TableName":"items","Item":`+seenStored(t)+`}`)
	}
}

func TestSeenPutRefuses(t *testing.T) {
	record := func(s event.Sequence) viewstore.SeenRecord { return viewstore.SeenRecord{Sequence: s} }
	for says, records := range map[string][]viewstore.SeenRecord{
		"at least one record": nil, `record ""`: {record("")}, `record "x1"`: {record("x1")}, `record "01"`: {record("01")}, `record "-1"`: {record("-1")},
		`record "7"`: {record("8"), record("7")}, "line -1": {{Sequence: "1", Line: -1}}, "in decimal digits": {record(event.Sequence(strings.Repeat("1", 130)))},
	} {
		_, c := client(t)
		err := dynamoviews.NewSeen(c, "items").Put(t.Context(), viewstore.SeenItem{Lane: seen.Lane, Records: records})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %s", err, says)
		}
	}
	_, c := client(t, awstest.Failure("ValidationException"))
	if err := dynamoviews.NewSeen(c, "items").Put(t.Context(), seen); err == nil {
		t.Error("no error for an item that DynamoDB refuses")
	}
}

func TestSeenAfter(t *testing.T) {
	wire, c := client(t, awstest.JSON(`{"Items":[`+seenStored(t)+`],"LastEvaluatedKey":{"pk":`+b64("\x001.4.2")+`,"sk":`+b64("\x011\x011")+`}}`), awstest.JSON(`{"Items":[]}`))
	items, err := dynamoviews.NewSeen(c, "items").After(t.Context(), seen.Lane, "4954")
	if diff := cmp.Diff([]viewstore.SeenItem{seen}, items, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	wantBody(t, wire.Requests()[0], "Query", `{"TableName":"items","ConsistentRead":true,"ScanIndexForward":true,
		"KeyConditionExpression":"pk = :partition AND sk >= :from",
		"ExpressionAttributeValues":{":partition":`+b64("\x001.4.2")+`,":from":`+b64("\x044954\xff")+`}}`)
}

func TestSeenNewestGoesBackNoFurtherThanItMust(t *testing.T) {
	old := strings.Replace(seenStored(t), "1795555503000", "1795555502999", 1)
	wire, c := client(t, awstest.JSON(`{"Items":[`+seenStored(t)+`,`+seenStored(t)+`,`+old+`,`+seenStored(t)+`],
		"LastEvaluatedKey":{"pk":`+b64("\x001.4.2")+`,"sk":`+b64("\x011\x011")+`}}`))
	var items []viewstore.SeenItem
	err := dynamoviews.NewSeen(c, "items").Newest(t.Context(), seen.Lane, func(item viewstore.SeenItem) bool {
		if item.Recorded < seen.Recorded {
			return false
		}
		items = append(items, item)
		return true
	})
	if diff := cmp.Diff([]viewstore.SeenItem{seen, seen}, items, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	wantBody(t, wire.Requests()[0], "Query", `{"TableName":"items","ConsistentRead":true,"ScanIndexForward":false,"Limit":50,
		"KeyConditionExpression":"pk = :partition","ExpressionAttributeValues":{":partition":`+b64("\x001.4.2")+`}}`)
}

// all wants every item.
func all(viewstore.SeenItem) bool { return true }

func TestSeenReadsFail(t *testing.T) {
	stored := seenStored(t)
	without := func(attribute string) string { return strings.Replace(stored, `"`+attribute+`":`, `"other":`, 1) }
	for says, item := range map[string]string{
		`"pk" is missing`: without("pk"), `"r" is missing`: without("r"), `"t" is missing`: without("t"),
		"not a lane's":           strings.Replace(stored, b64("\x001.4.2"), b64("1.4.2"), 1),
		"must be layout.count.n": strings.Replace(stored, b64("\x001.4.2"), b64("\x00a"), 1),
		"this version reads":     `{"r":` + b64("\x01") + `,` + stored[1:strings.Index(stored, `,"r"`)] + `}`,
		"ends early":             `{"r":` + b64("\x02\x01") + `,` + stored[1:strings.Index(stored, `,"r"`)] + `}`,
		`attribute "expires" is`: strings.Replace(stored, `"expires":{"N"`, `"expires":{"S"`, 1),
	} {
		_, c := client(t, awstest.JSON(`{"Items":[`+item+`]}`), awstest.JSON(`{"Items":[`+item+`]}`))
		s := dynamoviews.NewSeen(c, "items")
		_, after := s.After(t.Context(), seen.Lane, "")
		for _, err := range []error{after, s.Newest(t.Context(), seen.Lane, all)} {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("error %v, want one that says %s", err, says)
			}
		}
	}
	_, c := client(t, awstest.Failure("ResourceNotFoundException"), awstest.Failure("ResourceNotFoundException"))
	s := dynamoviews.NewSeen(c, "items")
	_, after := s.After(t.Context(), seen.Lane, "")
	if newest := s.Newest(t.Context(), seen.Lane, all); after == nil || newest == nil {
		t.Errorf("errors %v and %v, want two", after, newest)
	}
}

// sequences draws a sequence number. Many share digits, as those of one shard do.
func sequences(t *rapid.T, label string) event.Sequence {
	return event.Sequence(rapid.StringMatching(`(4954698668313554428650745793632162567570019247115678)?[1-9][0-9]{0,3}|1[0-9]{128}|0`).Draw(t, label))
}

func seenRecordsOf(t *rapid.T) (all []viewstore.SeenRecord) {
	for range rapid.IntRange(1, 5).Draw(t, "records") {
		var r viewstore.SeenRecord
		r.Sequence = sequences(t, "sequence")
		r.Line = rapid.IntRange(0, 1<<21-1).Draw(t, "line")
		copy(r.Request[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "request"))
		for _, n := range rapid.SliceOfN(rapid.Uint64(), 0, 4).Draw(t, "identities") {
			r.Identities = append(r.Identities, event.Identity{Hi: n, Lo: n * 0x9e3779b97f4a7c15})
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b viewstore.SeenRecord) int { return a.Sequence.Compare(b.Sequence) })
	return all
}

func TestSeenRecordsRoundTripWithinTheirBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := seenRecordsOf(t)
		encoded, err := dynamoviews.EncodeRecords(records)
		if err != nil {
			t.Fatal(err)
		}
		bound := 1
		for _, r := range records {
			bound += r.MaxBytes()
		}
		if len(encoded) > bound {
			t.Errorf("%d bytes, above the bound of %d", len(encoded), bound)
		}
		decoded, err := dynamoviews.DecodeRecords(encoded)
		if diff := cmp.Diff(records, decoded, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	})
}

func FuzzDecodeRecords(f *testing.F) {
	golden, err := hex.DecodeString(seenRecords)
	if err != nil {
		f.Fatal(err)
	}
	for n := range len(golden) + 1 {
		f.Add(golden[:n])
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		records, err := dynamoviews.DecodeRecords(encoded)
		if err != nil {
			if len(records) > 0 || errors.Unwrap(err) == nil {
				t.Errorf("%d records, error %v", len(records), err)
			}
			return
		}
		again, err := dynamoviews.EncodeRecords(records)
		if err != nil || string(again) != string(encoded) {
			t.Errorf("%x decodes, but encodes as %x, error %v", encoded, again, err)
		}
	})
}
