package wire_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/wire"
)

// item returns an item with a key of 4 bytes and enough states to have size bytes altogether.
func item(key string, size int) string {
	states := base64.StdEncoding.EncodeToString(make([]byte, size-len("pk")-len("sk")-len(key)-1-len("s")))
	return fmt.Sprintf(`{"pk":{"S":%q},"sk":{"S":"1"},"s":{"B":%q}}`, key, states)
}

func TestWriteUnits(t *testing.T) {
	status, text := http.StatusOK, "{}"
	s := newService(t, func(string) (int, string) { return status, text })
	transport := newTransport(1)
	step := func(name, operation, body string, want wire.Count) {
		t.Helper()
		transport.Reset()
		if _, _, err := do(t, transport, ask(t, s.URL, "dynamodb", operation, body)); err != nil {
			t.Fatal(err)
		}
		got := transport.Counts().Sum(nil)
		if got.WriteUnits != want.WriteUnits || got.ReadUnits != want.ReadUnits || got.Unsized != want.Unsized {
			t.Errorf(
				"%s: %d write units, %v read units, %d unsized; want %+v", name, got.WriteUnits, got.ReadUnits, got.Unsized, want,
			)
		}
	}
	put := func(key string, size int) string { return `{"TableName":"t","Item":` + item(key, size) + `}` }
	step("an item of 1 KB", "PutItem", put("a", 1024), wire.Count{WriteUnits: 1})
	step("one byte more", "PutItem", put("a", 1025), wire.Count{WriteUnits: 2})
	step("a smaller item over a larger one", "PutItem", put("a", 100), wire.Count{WriteUnits: 2})
	step("and again", "PutItem", put("a", 100), wire.Count{WriteUnits: 1})
	step("another item", "PutItem", put("b", 5000), wire.Count{WriteUnits: 5})
	step(
		"the same key in another table", "PutItem", `{"TableName":"u","Item":`+item("b", 10)+`}`, wire.Count{WriteUnits: 1},
	)
	status, text = http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}`
	step("a condition that fails", "PutItem", put("b", 10), wire.Count{WriteUnits: 5})
	text = `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}`
	step("a refusal", "PutItem", put("b", 10), wire.Count{})
	status, text = http.StatusOK, "{}"
	step("a delete", "DeleteItem", `{"TableName":"t","Key":{"pk":{"S":"b"},"sk":{"S":"1"}}}`, wire.Count{WriteUnits: 5})
	step(
		"of what is not there", "DeleteItem", `{"TableName":"t","Key":{"pk":{"S":"b"},"sk":{"S":"1"}}}`,
		wire.Count{WriteUnits: 1},
	)
	step("an update", "UpdateItem", `{"TableName":"t"}`, wire.Count{Unsized: 1})
	step("a transaction", "TransactWriteItems", `{"TransactItems":[{"Put":`+put("c", 1500)+`},`+
		`{"Delete":{"TableName":"t","Key":{"pk":{"S":"c"},"sk":{"S":"1"}}}},{"Update":{}}]}`,
		wire.Count{WriteUnits: 2*2 + 2*2, Unsized: 1})
	step("a batch", "BatchWriteItem", `{"RequestItems":{"t":[{"PutRequest":{"Item":`+item("d", 3000)+`}},`+
		`{"PutRequest":{"Item":`+item("e", 10)+`}}]}}`,
		wire.Count{WriteUnits: 4})

	step("a read of no item", "GetItem", `{"TableName":"t","ConsistentRead":true}`, wire.Count{ReadUnits: 1})
	step("an eventually consistent read of no item", "GetItem", `{"TableName":"t"}`, wire.Count{ReadUnits: 0.5})
	text = `{"Item":` + item("a", 4097) + `}`
	step("a read of more than 4 KB", "GetItem", `{"TableName":"t","ConsistentRead":true}`, wire.Count{ReadUnits: 2})
	text = `{"Items":[` + item("a", 2048) + "," + item("b", 2048) + `]}`
	step("a query counts the sum of its items", "Query", `{"TableName":"t","ConsistentRead":true}`, wire.Count{ReadUnits: 1})
	text = `{"Responses":{"t":[` + item("a", 10) + "," + item("b", 5000) + `]}}`
	step(
		"a batch's are not", "BatchGetItem", `{"RequestItems":{"t":{"ConsistentRead":true,"Keys":[{},{},{}]}}}`,
		wire.Count{ReadUnits: 1 + 2 + 1},
	)
	step("a call that is neither", "DescribeTable", `{"TableName":"t"}`, wire.Count{})
}

// TestItemSizes checks the documented size of each type. It puts an item that just fits into a unit, and one with one
// byte more.
func TestItemSizes(t *testing.T) {
	s := newService(t, always(http.StatusOK, "{}"))
	for value, size := range map[string]int{
		`{"S":""}`: 0, `{"S":"ä"}`: 2, `{"B":""}`: 0, `{"B":"AA=="}`: 1, `{"B":"AAA="}`: 2, `{"B":"AAAA"}`: 3,
		`{"BOOL":true}`: 1, `{"NULL":true}`: 1,
		`{"N":"0"}`: 1, `{"N":"7"}`: 2, `{"N":"-7"}`: 3, `{"N":"1795555500000"}`: 1 + 4, `{"N":"12.5"}`: 3,
		`{"N":"0.0012"}`: 2, `{"N":"1E+20"}`: 2,
		`{"SS":["a","bc"]}`: 3, `{"NS":["1","200"]}`: 4, `{"BS":["AA=="]}`: 1,
		`{"L":[]}`: 3, `{"L":[{"S":"ab"},{"BOOL":false}]}`: 3 + 1 + 2 + 1 + 1, `{"M":{"k":{"S":"v"}}}`: 3 + 1 + 1 + 1,
	} {
		for more, want := range []int64{1, 2} {
			filling := strings.Repeat("x", 1024-len("pk1sk1vf")-size+more)
			body := fmt.Sprintf(`{"TableName":"t","Item":{"pk":{"S":"1"},"sk":{"S":"1"},"v":%s,"f":{"S":%q}}}`, value, filling)
			transport := newTransport(1)
			if _, _, err := do(t, transport, ask(t, s.URL, "dynamodb", "PutItem", body)); err != nil {
				t.Fatal(err)
			}
			if got := transport.Counts().Sum(nil).WriteUnits; got != want {
				t.Errorf("%s, %d more than 1 KB: %d units, want %d", value, more, got, want)
			}
		}
	}
}

func TestPayloadUnits(t *testing.T) {
	data := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	body := fmt.Sprintf(`{"StreamName":"s","Records":[{"Data":%q,"PartitionKey":"k"},`+
		`{"Data":%q,"PartitionKey":"k"},{"Data":%q,"PartitionKey":"k"}]}`,
		data(25<<10-1), data(25<<10), data(10))
	const answer = `{"Records":[{"SequenceNumber":"1"},{"SequenceNumber":"2"},{"ErrorCode":"InternalFailure"}]}`
	for _, test := range []struct {
		status int
		want   wire.Count
	}{
		{http.StatusOK, wire.Count{Records: 2, PayloadUnits: 3, Ingested: (25 + 26) << 10}},
		{http.StatusBadRequest, wire.Count{}},
	} {
		s := newService(t, always(test.status, answer))
		transport := newTransport(1)
		if _, _, err := do(t, transport, ask(t, s.URL, "kinesis", "PutRecords", body)); err != nil {
			t.Fatal(err)
		}
		test.want.Requests, test.want.Sent, test.want.Received = 1, int64(len(body)), int64(len(answer))
		test.want.Statuses = map[int]int64{test.status: 1}
		if diff := cmp.Diff(test.want, transport.Counts()[wire.Call{"kinesis", "PutRecords", "s"}]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
