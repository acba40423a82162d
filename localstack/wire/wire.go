// Package wire stands between our functions and AWS, or an emulator of AWS. It counts the traffic in the units that AWS
// bills, and it breaks calls in the ways that they break on AWS. Transport does this below an SDK client, as an
// http.RoundTripper. Proxy does it as an HTTP endpoint, for functions that run in another process.
//
// The package knows the protocols of DynamoDB, Kinesis, SQS and S3 as far as errors and prices need it. Of Anabranch it
// knows only the names of the key attributes of the tables. It does not check signatures, and some faults change signed
// requests. Use it only with endpoints that do not check signatures either.
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

// Call identifies what a request does, and to what.
type Call struct {
	// Service is the name in the scope of the signature, for example "dynamodb". "" means that the request is not signed,
	// so it is not for AWS.
	Service string
	// Operation is for example "PutItem". It is the HTTP method if the protocol is not known.
	Operation string
	// Resource is the name of the table, stream, queue or bucket. Commas separate several tables. "" means not known.
	Resource string
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

// Transport counts requests, and breaks those that Break or Script select. It is safe for concurrent use.
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

// New makes a Transport that breaks nothing yet. Only seed and the order of the calls decide which calls a Plan breaks.
func New(next http.RoundTripper, seed uint64) *Transport {
	return &Transport{
		next: next, chance: rand.New(rand.NewPCG(seed, 0x77697265)), counts: Counts{}, fired: map[Fault]int{}, sizes: sizes{},
	}
}

// request is a request whose body has been read.
type request struct {
	*http.Request
	call Call
	body []byte
}

// answer is a response whose body has been read.
type answer struct {
	*http.Response
	body []byte
	end  error // the error that the caller gets half-way through the body; nil means that the caller gets the whole body
}

// RoundTrip implements http.RoundTripper. It reads the whole body of the request and of the response.
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

// Do is RoundTrip. It makes a Transport the HTTP client that the SDK expects.
func (t *Transport) Do(r *http.Request) (*http.Response, error) { return t.RoundTrip(r) }

// pass sends a request to the service, and counts what the service bills for it.
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

// response returns the answer as the caller sees it.
func (a answer) response(r *http.Request) *http.Response {
	out := *a.Response
	out.Request = r
	out.Body = io.NopCloser(bytes.NewReader(a.body))
	if a.end != nil {
		out.Body = io.NopCloser(io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), rest{r.Context(), a.end}))
	}
	return &out
}

// rest is the rest of a body after its connection has broken.
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

// callOf identifies the call of a request.
//
// Source: AWS Signature Version 4, credential scope; the protocols AWS JSON 1.0 and 1.1, AWS query and Smithy RPC v2;
// S3 API Reference.
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

// service reads the service from the scope of the signature: "AWS4-HMAC-SHA256
// Credential=test/20261122/us-east-1/s3/aws4_request, ...".
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

// resource reads the names of the resources that a JSON request addresses.
func resource(body []byte) string {
	var about struct {
		TableName, StreamName, QueueURL string
		RequestItems                    map[string]json.RawMessage
	}
	if json.Unmarshal(body, &about) != nil { // the service refuses a malformed body
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

// object returns the operation and the bucket of a path-style request to S3.
func object(r *http.Request) (operation, bucket string) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	switch {
	case query.Has("list-type"):
		return "ListObjectsV2", bucket
	case r.URL.RawQuery != "" && !query.Has("x-id") || bucket == "":
		return r.Method, bucket // one of the many other operations of S3
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

// action reads the operation from a body of the query protocol.
func action(body []byte, otherwise string) string {
	for pair := range strings.SplitSeq(string(body), "&") {
		if name, ok := strings.CutPrefix(pair, "Action="); ok {
			return name
		}
	}
	return otherwise
}

// Counts returns the counts since New or the last Reset.
func (t *Transport) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts.clone()
}

// Faults returns the faults that happened since New or the last Reset, and how often each happened.
func (t *Transport) Faults() map[Fault]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.fired)
}

// Fired returns how often each kind of fault happened since New or the last Reset.
func (t *Transport) Fired() map[Kind]int {
	sum := map[Kind]int{}
	for fault, n := range t.Faults() {
		sum[fault.Kind] += n
	}
	return sum
}

// Reset sets all counts to zero. It keeps the plans, the script and the known sizes of items.
func (t *Transport) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts, t.fired = Counts{}, map[Fault]int{}
}
