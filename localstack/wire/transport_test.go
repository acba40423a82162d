package wire_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/wire"
)

func TestCallsAreToldApart(t *testing.T) {
	s := newService(t, always(http.StatusOK, "{}"))
	form := object(t, http.MethodPost, s.URL+"/", "Version=2010-05-15&Action=CreateStack&Name=s")
	form.Header.Set("Authorization", scope("cloudformation"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	rpc := object(t, http.MethodPost, s.URL+"/service/GraniteServiceVersion20100801/operation/PutMetricData", "")
	rpc.Header.Set("Authorization", scope("monitoring"))
	unsigned := object(t, http.MethodGet, s.URL+"/path", "")
	unsigned.Header.Del("Authorization")
	odd := object(t, http.MethodPatch, s.URL+"/path", "")
	odd.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test")
	for _, test := range []struct {
		r    *http.Request
		want wire.Call
	}{
		{ask(t, s.URL, "dynamodb", "PutItem", `{"TableName":"t"}`), wire.Call{"dynamodb", "PutItem", "t"}},
		{
			ask(t, s.URL, "dynamodb", "BatchGetItem", `{"RequestItems":{"b":{},"a":{}}}`),
			wire.Call{"dynamodb", "BatchGetItem", "a,b"},
		},
		{ask(t, s.URL, "kinesis", "PutRecords", `{"StreamName":"s"}`), wire.Call{"kinesis", "PutRecords", "s"}},
		{ask(t, s.URL, "sqs", "SendMessage", `{"QueueUrl":"http://h/0/q"}`), wire.Call{"sqs", "SendMessage", "q"}},
		{ask(t, s.URL, "kinesis", "GetRecords", `no JSON`), wire.Call{"kinesis", "GetRecords", ""}},
		{object(t, http.MethodPut, s.URL+"/b/operation/k?x-id=PutObject", ""), wire.Call{"s3", "PutObject", "b"}},
		{object(t, http.MethodPut, s.URL+"/b", ""), wire.Call{"s3", "CreateBucket", "b"}},
		{object(t, http.MethodGet, s.URL+"/b/k", ""), wire.Call{"s3", "GetObject", "b"}},
		{object(t, http.MethodHead, s.URL+"/b", ""), wire.Call{"s3", "HeadBucket", "b"}},
		{object(t, http.MethodDelete, s.URL+"/b/k", ""), wire.Call{"s3", "DeleteObject", "b"}},
		{object(t, http.MethodGet, s.URL+"/b?list-type=2&prefix=p", ""), wire.Call{"s3", "ListObjectsV2", "b"}},
		{object(t, http.MethodPut, s.URL+"/b?policy", ""), wire.Call{"s3", "PUT", "b"}},
		{object(t, http.MethodPost, s.URL+"/b/k", ""), wire.Call{"s3", "POST", "b"}},
		{form, wire.Call{"cloudformation", "CreateStack", ""}},
		{rpc, wire.Call{"monitoring", "PutMetricData", ""}},
		{unsigned, wire.Call{"", "GET", ""}},
		{odd, wire.Call{"", "PATCH", ""}},
	} {
		transport := newTransport(1)
		if _, _, err := do(t, transport, test.r); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]wire.Call{test.want}, transport.Counts().Calls()); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", test.r.Method, test.r.URL, diff)
		}
	}
}

func TestFaultsInProcess(t *testing.T) {
	s := newService(t, always(http.StatusOK, "answer"))
	transport := newTransport(1)
	put := func(kind wire.Kind) (int, string, error) {
		transport.Script(kind)
		return do(t, transport, object(t, http.MethodPut, s.URL+"/b/k", "body"))
	}
	for kind, want := range map[wire.Kind]error{
		wire.TimeoutBefore: nil, wire.TimeoutAfter: nil, wire.Dropped: io.EOF, wire.Reset: syscall.ECONNRESET,
		wire.Truncated: io.ErrUnexpectedEOF,
	} {
		_, text, err := put(kind)
		failed := net.Error(nil)
		if isTimeout := errors.As(err, &failed) && failed.Timeout(); err == nil ||
			isTimeout != (want == nil) || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: error %v", kind, err)
		}
		if half := kind == wire.Reset || kind == wire.Truncated; half != (text == "ans") {
			t.Errorf("%s: %q of the answer came", kind, text)
		}
	}
	for kind, want := range map[wire.Kind]string{
		wire.InternalBefore: "500 InternalError", wire.InternalAfter: "500 InternalError",
		wire.SlowDown:     "503 SlowDown",
		wire.Conflict:     "409 ConditionalRequestConflict",
		wire.Throttling:   "200 answer",
		wire.PartlyFailed: "200 answer",
	} {
		status, text, err := put(kind)
		wantStatus, code, _ := strings.Cut(want, " ")
		if err != nil || fmt.Sprint(status) != wantStatus || !strings.Contains(text, code) {
			t.Errorf("%s: answer %d %q, error %v; want %s", kind, status, text, err, want)
		}
	}
	if fired := transport.Fired(); fired[wire.Throttling] != 0 || fired[wire.PartlyFailed] != 0 || len(fired) != 9 {
		t.Errorf("fired %v; want each of 9 kinds, and none that does not happen to S3", fired)
	}
	if n, want := len(s.saw()), 5+2; n != want {
		t.Errorf("%d requests reached the service, want %d: those broken after the effect, and those not broken", n, want)
	}
}

// TestAnEmptyAnswerIsLostWhole checks an answer without a body, which cannot be cut short.
func TestAnEmptyAnswerIsLostWhole(t *testing.T) {
	s := newService(t, always(http.StatusOK, ""))
	transport := newTransport(1)
	for kind, want := range map[wire.Kind]error{wire.Reset: syscall.ECONNRESET, wire.Truncated: io.EOF} {
		transport.Script(kind)
		if status, _, err := do(t, transport, object(t, http.MethodPut, s.URL+"/b/k", "body")); !errors.Is(err, want) {
			t.Errorf("%s: answer %d, error %v", kind, status, err)
		}
	}
}

// kinesis is a service that puts every record and answers with its data.
func kinesis(t *testing.T) *service {
	return newService(t, func(body string) (int, string) {
		var results []string
		for _, r := range fields(t, body)["Records"].([]any) {
			results = append(results, fmt.Sprintf(`{"SequenceNumber":"1","ShardId":%q}`, r.(map[string]any)["Data"]))
		}
		return http.StatusOK, `{"FailedRecordCount":0,"EncryptionType":"KMS","Records":[` + strings.Join(results, ",") + `]}`
	})
}

func records(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"Data":%q,"PartitionKey":"k"}`, base64.StdEncoding.EncodeToString([]byte{byte(i)})))
	}
	return `{"StreamName":"s","Records":[` + strings.Join(all, ",") + `]}`
}

func TestSomeRecordsFailAndOthersArePut(t *testing.T) {
	codes := map[any]int{}
	for seed := range uint64(20) {
		for n := 1; n <= 5; n++ {
			s := kinesis(t)
			transport := newTransport(seed)
			transport.Script(wire.PartlyFailed)
			status, text, err := do(t, transport, ask(t, s.URL, "kinesis", "PutRecords", records(n)))
			if status != http.StatusOK || err != nil {
				t.Fatalf("answer %d, error %v", status, err)
			}
			answer := fields(t, text)
			failed := 0
			results := answer["Records"].([]any)
			for i, result := range results {
				r := result.(map[string]any)
				if code := r["ErrorCode"]; code != nil {
					codes[code]++
					failed++
				} else if want := base64.StdEncoding.EncodeToString([]byte{byte(i)}); r["ShardId"] != want {
					t.Errorf("result %d is that of %v, want %s", i, r["ShardId"], want)
				}
			}
			put := int(transport.Counts()[wire.Call{"kinesis", "PutRecords", "s"}].Records)
			if len(results) != n || failed == 0 || n > 1 && failed == n ||
				answer["FailedRecordCount"] != float64(failed) || put != n-failed {
				t.Errorf("seed %d: %d of %d records failed, %d were put: %s", seed, failed, n, put, text)
			}
		}
	}
	if len(codes) != 2 {
		t.Errorf("codes %v, want both", codes)
	}
}

// dynamo is a service that reads every key and answers with the keys.
func dynamo(t *testing.T) *service {
	return newService(t, func(body string) (int, string) {
		var keys []string
		for _, k := range fields(t, body)["RequestItems"].(map[string]any)["t"].(map[string]any)["Keys"].([]any) {
			keys = append(keys, fmt.Sprintf(`{"pk":{"S":%q}}`, k.(map[string]any)["pk"].(map[string]any)["S"]))
		}
		return http.StatusOK, `{"Responses":{"t":[` + strings.Join(keys, ",") + `]},"UnprocessedKeys":{}}`
	})
}

func TestSomeKeysAreLeftAndOthersRead(t *testing.T) {
	for n := 1; n <= 5; n++ {
		s := dynamo(t)
		transport := newTransport(uint64(n))
		transport.Script(wire.Unprocessed)
		var keys []string
		for i := range n {
			keys = append(keys, fmt.Sprintf(`{"pk":{"S":"%d"}}`, i))
		}
		body := `{"RequestItems":{"t":{"ConsistentRead":true,"Keys":[` + strings.Join(keys, ",") + `]}}}`
		status, text, err := do(t, transport, ask(t, s.URL, "dynamodb", "BatchGetItem", body))
		if status != http.StatusOK || err != nil {
			t.Fatalf("answer %d, error %v", status, err)
		}
		answer := fields(t, text)
		left := answer["UnprocessedKeys"].(map[string]any)["t"].(map[string]any)
		read, _ := answer["Responses"].(map[string]any)["t"].([]any)
		unread := left["Keys"].([]any)
		got := map[string]bool{}
		for _, item := range append(read, unread...) {
			got[item.(map[string]any)["pk"].(map[string]any)["S"].(string)] = true
		}
		if len(got) != n || len(unread) == 0 || n > 1 && len(read) == 0 || left["ConsistentRead"] != true {
			t.Errorf("of %d keys %d were read and %d left: %s", n, len(read), len(unread), text)
		}
		if units := transport.Counts().Sum(nil).ReadUnits; units != float64(len(read)) {
			t.Errorf("%v read units for %d keys read", units, len(read))
		}
	}
}

func TestSomeWritesAreLeftAndOthersDone(t *testing.T) {
	s := newService(t, always(http.StatusOK, `{"UnprocessedItems":{}}`))
	transport := newTransport(1)
	transport.Script(wire.Unprocessed)
	const (
		put = `{"PutRequest":{"Item":{"pk":{"S":"a"},"sk":{"S":"a"}}}}`
		del = `{"DeleteRequest":{"Key":{"pk":{"S":"b"},"sk":{"S":"b"}}}}`
	)
	_, text, err := do(
		t, transport, ask(t, s.URL, "dynamodb", "BatchWriteItem", `{"RequestItems":{"t":[`+put+`,`+del+`]}}`),
	)
	if err != nil {
		t.Fatal(err)
	}
	left := fields(t, text)["UnprocessedItems"].(map[string]any)["t"].([]any)
	done := fields(t, s.saw()[0])["RequestItems"].(map[string]any)["t"].([]any)
	if len(left) != 1 || len(done) != 1 || cmp.Equal(left[0], done[0]) || transport.Counts().Sum(nil).WriteUnits != 1 {
		t.Errorf("left %v, done %v", left, done)
	}
}

func TestTheSameSeedBreaksTheSameCalls(t *testing.T) {
	s := newService(t, always(http.StatusOK, "{}"))
	story := func(seed uint64) string {
		transport := newTransport(seed)
		if err := transport.Break(wire.Evenly(0.05, wire.Kinds()...)); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for range 100 {
			status, text, err := do(t, transport, ask(t, s.URL, "dynamodb", "GetItem", "{}"))
			fmt.Fprintln(&b, status, text, err)
		}
		return b.String()
	}
	if diff := cmp.Diff(story(7), story(7)); diff != "" {
		t.Errorf("seed 7 twice:\n%s", diff)
	}
	if story(7) == story(8) {
		t.Error("seeds 7 and 8 break the same calls in the same ways")
	}
}

func TestAPlanBreaksOnlyWhatItCovers(t *testing.T) {
	s := newService(t, always(http.StatusOK, "{}"))
	transport := newTransport(1)
	first := wire.Evenly(1, wire.InternalBefore)
	first.Services = []string{"dynamodb"}
	first.Operations = []string{"PutItem", "Query"}
	first.Resources = []string{"speed"}
	second := wire.Evenly(1, wire.Throttling)
	second.Services = []string{"dynamodb"}
	if err := transport.Break(first, second); err != nil {
		t.Fatal(err)
	}
	unsigned := ask(t, s.URL, "dynamodb", "PutItem", "{}")
	unsigned.Header.Del("Authorization")
	for _, test := range []struct {
		r    *http.Request
		want int
	}{
		{ask(t, s.URL, "dynamodb", "PutItem", `{"TableName":"speed"}`), http.StatusInternalServerError},
		{ask(t, s.URL, "dynamodb", "Query", `{"TableName":"speed"}`), http.StatusInternalServerError},
		{ask(t, s.URL, "dynamodb", "PutItem", `{"TableName":"base"}`), http.StatusBadRequest},
		{ask(t, s.URL, "dynamodb", "GetItem", `{"TableName":"speed"}`), http.StatusBadRequest},
		{ask(t, s.URL, "kinesis", "PutRecords", `{"StreamName":"speed"}`), http.StatusOK},
		{unsigned, http.StatusOK},
	} {
		if status, _, err := do(t, transport, test.r); status != test.want || err != nil {
			t.Errorf("%s: answer %d, error %v; want %d", test.r.Header.Get("X-Amz-Target"), status, err, test.want)
		}
	}
}

func TestAPlanThatIsNoneIsRefused(t *testing.T) {
	transport := newTransport(1)
	for _, plan := range []wire.Plan{
		wire.Evenly(0.1, "flood"), wire.Evenly(-0.1, wire.Reset), wire.Evenly(1.1, wire.Reset),
		wire.Evenly(0.6, wire.Reset, wire.Dropped),
	} {
		if err := transport.Break(plan); err == nil {
			t.Errorf("%v was taken", plan.Rates)
		}
	}
}

// TestEveryKindHappens also checks that the list of kinds is complete.
func TestEveryKindHappens(t *testing.T) {
	calls := []wire.Call{
		{"s3", "PutObject", ""}, {"kinesis", "PutRecords", ""}, {"dynamodb", "BatchGetItem", ""}, {"sqs", "SendMessage", ""},
	}
	want := map[string]int{"s3": 9, "kinesis": 10, "dynamodb": 10, "sqs": 8}
	for _, c := range calls {
		n := 0
		for _, k := range wire.Kinds() {
			if k.Happens(c) {
				n++
			}
		}
		if n != want[c.Service] {
			t.Errorf("%d kinds happen to %s, want %d", n, c, want[c.Service])
		}
	}
	for _, k := range append(wire.Kinds(), "", "flood") {
		if k.Happens(wire.Call{Operation: "GET"}) {
			t.Errorf("%q happens to a request that is not to AWS", k)
		}
	}
}

func TestABodyThatCannotBeReadIsAnError(t *testing.T) {
	r := object(t, http.MethodPut, "http://aws.test/b/k", "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("half"), failing{}))
	if _, err := newTransport(1).RoundTrip(r); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }
