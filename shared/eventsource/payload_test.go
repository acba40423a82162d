package eventsource_test

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/anabranch/anabranch/shared/eventsource"
	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var source = eventsource.Source{
	StreamARN: "arn:aws:kinesis:us-east-1:123456789012:stream/events",
	Region:    "us-east-1",
	RoleARN:   "arn:aws:iam::123456789012:role/speed",
}

func TestAppendEventGolden(t *testing.T) {
	records := []eventsource.Record{
		{PartitionKey: "1.4.3", Sequence: "49590338271490256608559692538361571095921575989136588898", Data: []byte("Hello"),
			Arrival: time.UnixMilli(1545084650987)},
		{PartitionKey: "a\"\\\n\x01é", Sequence: "49590338271490256608559692538361571095921575989136588899",
			Arrival: time.Unix(1545084651, 0)},
	}
	const want = `{"Records":[` +
		`{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"1.4.3",` +
		`"sequenceNumber":"49590338271490256608559692538361571095921575989136588898","data":"SGVsbG8=",` +
		`"approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis","eventVersion":"1.0",` +
		`"eventID":"shardId-000000000006:49590338271490256608559692538361571095921575989136588898",` +
		`"eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/speed",` +
		`"awsRegion":"us-east-1","eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/events"},` +
		`{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"a\"\\\n\u0001é",` +
		`"sequenceNumber":"49590338271490256608559692538361571095921575989136588899","data":"",` +
		`"approximateArrivalTimestamp":1545084651.000},"eventSource":"aws:kinesis","eventVersion":"1.0",` +
		`"eventID":"shardId-000000000006:49590338271490256608559692538361571095921575989136588899",` +
		`"eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/speed",` +
		`"awsRegion":"us-east-1","eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/events"}]}`
	got := string(eventsource.AppendEvent([]byte("kept"), source, "shardId-000000000006", records))
	if diff := cmp.Diff("kept"+want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if got := string(eventsource.AppendEvent(nil, source, "s", nil)); got != `{"Records":[]}` {
		t.Errorf("event without records is %s", got)
	}
}

// TestAppendEventDecodes checks that Lambda's own Go type decodes every payload, whatever its strings, and that
// EventSize is right.
func TestAppendEventDecodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(),
			rapid.StringOf(rapid.RuneFrom([]rune("a\"\\/\b\f\n\r\t\x00\x1f\x7f<>&\u2028é😀\ufffd"))))
		from := eventsource.Source{StreamARN: text.Draw(t, "arn"), Region: text.Draw(t, "region"),
			RoleARN: text.Draw(t, "role")}
		shard := eventsource.ShardID(text.Draw(t, "shard"))
		records := rapid.SliceOf(rapid.Custom(func(t *rapid.T) eventsource.Record {
			return eventsource.Record{
				PartitionKey: text.Draw(t, "key"),
				Sequence:     eventsource.Sequence(rapid.StringMatching(`0|[1-9][0-9]{0,128}`).Draw(t, "sequence")),
				Data:         rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
				Arrival:      time.UnixMilli(rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, "arrival")).UTC(),
			}
		})).Draw(t, "records")

		payload := eventsource.AppendEvent(nil, from, shard, records)
		if size := eventsource.EventSize(from, shard, records); size != len(payload) {
			t.Fatalf("EventSize is %d, the event has %d bytes", size, len(payload))
		}
		var event events.KinesisEvent
		if err := json.Unmarshal(payload, &event); err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		if len(event.Records) != len(records) {
			t.Fatalf("%d records, want %d", len(event.Records), len(records))
		}
		for i, r := range records {
			want := events.KinesisEventRecord{
				AwsRegion: from.Region, EventID: string(shard) + ":" + string(r.Sequence), EventName: "aws:kinesis:record",
				EventSource: "aws:kinesis", EventSourceArn: from.StreamARN, EventVersion: "1.0", InvokeIdentityArn: from.RoleARN,
				Kinesis: events.KinesisRecord{Data: r.Data, PartitionKey: r.PartitionKey, SequenceNumber: string(r.Sequence),
					KinesisSchemaVersion: "1.0"},
			}
			got := event.Records[i]
			// Lambda's type goes through float64, which is exact to the millisecond only after rounding.
			if at := got.Kinesis.ApproximateArrivalTimestamp.Round(time.Millisecond); !at.Equal(r.Arrival) {
				t.Fatalf("arrival %v, want %v", at, r.Arrival)
			}
			got.Kinesis.ApproximateArrivalTimestamp = events.SecondsEpochTime{}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("record %d (-want +got):\n%s", i, diff)
			}
		}
	})
}

// FuzzAppendEvent checks that bytes which are not UTF-8 become U+FFFD in valid JSON, and that EventSize is right.
func FuzzAppendEvent(f *testing.F) {
	f.Add("plain", []byte("data"), int64(1545084650987))
	f.Add("\xff\xc3(\xed\xa0\x80", []byte{0xff}, int64(-1))
	f.Add("\u2028\x00\"", []byte(nil), int64(0))
	f.Fuzz(func(t *testing.T, key string, data []byte, ms int64) {
		arrival := time.UnixMilli(ms % 253402300799999)
		records := []eventsource.Record{{PartitionKey: key, Sequence: eventsource.Sequence(key), Data: data,
			Arrival: arrival}}
		payload := eventsource.AppendEvent(nil, source, eventsource.ShardID(key), records)
		if size := eventsource.EventSize(source, eventsource.ShardID(key), records); size != len(payload) {
			t.Fatalf("EventSize is %d, the event has %d bytes", size, len(payload))
		}
		if !utf8.Valid(payload) {
			t.Fatalf("%q is not UTF-8", payload)
		}
		var event struct {
			Records []struct{ Kinesis struct{ PartitionKey string } }
		}
		if err := json.Unmarshal(payload, &event); err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		if got := event.Records[0].Kinesis.PartitionKey; got != string([]rune(key)) {
			t.Fatalf("partition key %q, want %q", got, string([]rune(key)))
		}
	})
}
