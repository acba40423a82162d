// Package wire stands between our functions and AWS, or an emulator of it: it counts what goes over the wire, in the units that AWS bills, and
// breaks calls in the ways that AWS does. Transport is that as an http.RoundTripper, below an SDK client; Proxy is the same as a process's
// endpoint, for functions that run elsewhere.
//
// It knows the protocols of DynamoDB, Kinesis, SQS and S3 as far as their errors and prices go, and nothing of Anabranch but the names of its
// tables' key attributes. It does not check signatures, and it changes signed requests where a fault asks for it: it is for endpoints that do not
// check them either.
package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
)

// Call says what a request asks for.
type Call struct {
	Service   string // as in the signature's scope, for example "dynamodb"; "": the request is not signed, and not one to AWS
	Operation string // for example "PutItem"; the method where the protocol is not known
	Resource  string // the table, stream, queue or bucket, by name; several tables with commas between; "": not known
}

func (c Call) String() string {
	return strings.TrimSpace(strings.TrimSpace(c.Service+" "+c.Operation) + " " + c.Resource)
}

// Compare orders calls by service, operation and resource.
func (c Call) Compare(d Call) int {
	for _, pair := range [][2]string{{c.Service, d.Service}, {c.Operation, d.Operation}, {c.Resource, d.Resource}} {
		if n := strings.Compare(pair[0], pair[1]); n != 0 {
			return n
		}
	}
	return 0
}

// Transport counts the requests that it hands on, and breaks those that it is told to. Safe for concurrent use.
type Transport struct {
	next http.RoundTripper

	mu     sync.Mutex
	chance *rand.Rand
	plans  []Plan
	script []Kind
	counts Counts
	fired  map[Fault]int
	sizes  sizes
}

var _ http.RoundTripper = (*Transport)(nil)

// New makes a Transport that breaks nothing yet. What it breaks follows from seed and the order of the calls alone.
func New(next http.RoundTripper, seed uint64) *Transport {
	return &Transport{
		next: next, chance: rand.New(rand.NewPCG(seed, 0x77697265)), counts: Counts{}, fired: map[Fault]int{}, sizes: sizes{},
	}
}

// request is a request with its body in hand.
type request struct {
	*http.Request
	call Call
	body []byte
}

// answer is an answer with its body in hand.
type answer struct {
	*http.Response
	body []byte
	end  error // in the middle of the body; nil: it comes whole
}

// RoundTrip implements http.RoundTripper. It reads bodies whole, both ways.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readAll(r.Body)
	if err != nil {
		return nil, err
	}
	asked := request{Request: r, call: callOf(r, body), body: body}
	b := t.decide(asked.call)
	got, err := b.carryOut(asked)
	t.count(asked, got, err)
	if err != nil {
		return nil, err
	}
	return got.response(r), nil
}

// Do makes a Transport an HTTP client, as the SDK takes one.
func (t *Transport) Do(r *http.Request) (*http.Response, error) { return t.RoundTrip(r) }

// pass hands a request on, and counts what the service bills for it.
func (t *Transport) pass(r request, body []byte) (answer, error) {
	out := r.Clone(r.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if len(body) == 0 {
		out.Body = http.NoBody
	}
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	response, err := t.next.RoundTrip(out)
	if err != nil {
		return answer{}, err
	}
	received, err := readAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	got := answer{Response: response, body: received}
	t.bill(r.call, body, got)
	return got, nil
}

func readAll(body io.ReadCloser) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	all, err := io.ReadAll(body)
	if closed := body.Close(); err == nil {
		err = closed
	}
	return all, err
}

// response is the answer as the caller reads it.
func (a answer) response(r *http.Request) *http.Response {
	out := *a.Response
	out.Request = r
	out.Body = io.NopCloser(bytes.NewReader(a.body))
	if a.end != nil {
		out.Body = io.NopCloser(io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), rest{r.Context(), a.end}))
	}
	return &out
}

// rest is the rest of a body whose connection is gone.
type rest struct {
	ctx context.Context
	end error
}

func (r rest) Read([]byte) (int, error) {
	if r.end == errReset {
		reset(r.ctx)
	}
	return 0, r.end
}

// callOf reads what a request asks for.
//
// Source: AWS Signature Version 4, credential scope; the protocols AWS JSON 1.0 and 1.1, AWS query and Smithy RPC v2; S3 API Reference.
func callOf(r *http.Request, body []byte) Call {
	c := Call{Service: service(r.Header.Get("Authorization")), Operation: r.Method}
	target := r.Header.Get("X-Amz-Target")
	switch {
	case target != "":
		c.Operation = target[strings.LastIndexByte(target, '.')+1:]
		c.Resource = resource(body)
	case c.Service == "s3":
		c.Operation, c.Resource = object(r)
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		c.Operation = action(body, r.Method)
	}
	if _, operation, ok := strings.Cut(r.URL.Path, "/operation/"); ok && target == "" && c.Service != "s3" {
		c.Operation = operation
	}
	return c
}

// service is the service of the signature's scope: "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/s3/aws4_request, ...".
func service(authorization string) string {
	_, scope, ok := strings.Cut(authorization, "Credential=")
	if !ok {
		return ""
	}
	scope, _, _ = strings.Cut(scope, ",")
	parts := strings.Split(scope, "/")
	if len(parts) < 5 {
		return ""
	}
	return parts[len(parts)-2]
}

// resource is what a JSON request is about.
func resource(body []byte) string {
	var about struct {
		TableName, StreamName, QueueURL string
		RequestItems                    map[string]json.RawMessage
	}
	if json.Unmarshal(body, &about) != nil { // a body that says nothing is about nothing: the service judges it
		return ""
	}
	switch {
	case about.TableName != "":
		return about.TableName
	case about.StreamName != "":
		return about.StreamName
	case about.QueueURL != "":
		return about.QueueURL[strings.LastIndexByte(about.QueueURL, '/')+1:]
	}
	return strings.Join(sorted(about.RequestItems), ",")
}

// object is the operation and the bucket of a request to S3 that addresses it by path.
func object(r *http.Request) (operation, bucket string) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	switch {
	case query.Has("list-type"):
		return "ListObjectsV2", bucket
	case r.URL.RawQuery != "" && !query.Has("x-id") || bucket == "":
		return r.Method, bucket // of its many others
	}
	kind := "Bucket"
	if key != "" {
		kind = "Object"
	}
	switch r.Method {
	case http.MethodPut:
		if key == "" {
			return "CreateBucket", bucket
		}
		return "PutObject", bucket
	case http.MethodGet:
		return "Get" + kind, bucket
	case http.MethodHead:
		return "Head" + kind, bucket
	case http.MethodDelete:
		return "Delete" + kind, bucket
	}
	return r.Method, bucket
}

// action is the operation of the query protocol.
func action(body []byte, otherwise string) string {
	for pair := range strings.SplitSeq(string(body), "&") {
		if name, ok := strings.CutPrefix(pair, "Action="); ok {
			return name
		}
	}
	return otherwise
}

// Counts returns what was counted since the beginning, or Reset.
func (t *Transport) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts.clone()
}

// Faults returns which call met which fault, and how often, since the beginning, or Reset.
func (t *Transport) Faults() map[Fault]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.fired)
}

// Fired is Faults by kind.
func (t *Transport) Fired() map[Kind]int {
	sum := map[Kind]int{}
	for fault, n := range t.Faults() {
		sum[fault.Kind] += n
	}
	return sum
}

// Reset forgets what was counted and what fired. What is to be broken stays, and so do the sizes of the items that were written.
func (t *Transport) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts, t.fired = Counts{}, map[Fault]int{}
}
