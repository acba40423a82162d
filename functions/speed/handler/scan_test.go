package handler

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/shared/stream"
)

// compacted returns the captured event as Lambda sends it: without white space.
func compacted(tb testing.TB) string {
	tb.Helper()
	payload, err := os.ReadFile("testdata/kinesis.json")
	if err != nil {
		tb.Fatal(err)
	}
	return strings.NewReplacer(" ", "", "\n", "").Replace(string(payload))
}

// checkScan checks that whatever scan reads, decode reads alike.
func checkScan(t *testing.T, payload string) (ok bool) {
	t.Helper()
	records, oldest, ok := scan([]byte(payload))
	if !ok {
		return false
	}
	want, wantOldest, err := decode([]byte(payload))
	if err != nil || len(records) != len(want) || !oldest.Equal(wantOldest) {
		t.Fatalf("scan found %d records from %s; decode %d from %s, %v: %s", len(records), oldest, len(want), wantOldest, err,
			payload)
	}
	for i := range want {
		if !equalRecords(records[i], want[i]) {
			t.Fatalf("record %d is %+v; want %+v: %s", i, records[i], want[i], payload)
		}
	}
	return true
}

func equalRecords(a, b stream.Record) bool {
	return a.PartitionKey == b.PartitionKey && a.Sequence == b.Sequence && bytes.Equal(a.Data, b.Data)
}

// TestScan checks which events scan reads itself.
func TestScan(t *testing.T) {
	payload := compacted(t)
	if n := strings.Count(payload, `"partitionKey":"1.4.3"`); n != 3 {
		t.Fatalf("the captured event has %d records of lane 1.4.3, want 3", n)
	}
	edit := func(from, to string) string {
		if !strings.Contains(payload, from) {
			t.Fatalf("the captured event has no %s", from)
		}
		return strings.Replace(payload, from, to, 1)
	}
	for _, c := range []struct {
		name, payload string
		ok            bool
	}{
		{"as captured", payload, true},
		{"with white space", strings.ReplaceAll(payload, ",", "\t, \r\n"), true},
		{"no records", `{"Records":[]}`, true},
		{"encrypted", edit(`"kinesisSchemaVersion":"1.0"`, `"encryptionType":"KMS"`), true},
		{"no data", edit(`"data":`, `"encryptionType":`), true},
		{"seconds without decimals", edit("1767225661.100", "1767225661"), true},
		{"nothing", "", false},
		{"records that are none", `{"Records":{}}`, false},
		{"no end", payload[:len(payload)-1], false},
		{"something after it", payload + "{}", false},
		{"a comma too many", edit(`},{`, `},,{`), false},
		{"an unknown member", edit(`"awsRegion"`, `"region"`), false},
		{"a member twice", edit(`"awsRegion"`, `"eventName"`), false},
		{"a member that is no string", edit(`"eu-central-1"`, `1`), false},
		{"an escape", edit(`eu-central-1`, `eu\u002dcentral-1`), false},
		{"a letter beyond ASCII", edit(`eu-central-1`, `é`), false},
		{"a control character", edit(`eu-central-1`, "\x01"), false},
		{"a number that begins with 0", edit(`"sequenceNumber":"4`, `"sequenceNumber":"04`), false},
		{"no number", edit(`"sequenceNumber":`, `"encryptionType":`), false},
		{"a line end within data", edit(`"data":"KLUv`, "\"data\":\"K\nL\nU\nv\n"), false},
		{"data without its padding", edit(`CJQ=="`, `CJQ"`), false},
		{"data that is no base64", edit(`"data":"KLUv`, `"data":"!KLUv`), false},
		{"a time with an exponent", edit("1767225661.100", "1.767225661e9"), false},
		{"a time with two points", edit("1767225661.100", "1767.225661.100"), false},
		{"a time that ends with its point", edit("1767225661.100", "1767225661."), false},
		{"a time that begins with 0", edit("1767225661.100", "01767225661"), false},
		{"no time", edit("1767225661.100", "null"), false},
	} {
		if ok := checkScan(t, c.payload); ok != c.ok {
			t.Errorf("%s: scan says %t, want %t", c.name, ok, c.ok)
		}
	}
}

// FuzzScan checks that scan and decode agree about any payload that scan reads.
func FuzzScan(f *testing.F) {
	f.Add(compacted(f))
	f.Add(`{"Records":[]}`)
	f.Add(`{"Records":[{"kinesis":{"partitionKey":"1.1.0","sequenceNumber":"1","data":"eA=="},"eventName":"x"}]}`)
	f.Fuzz(func(t *testing.T, payload string) { checkScan(t, payload) })
}
