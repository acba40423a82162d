// Package launchtest stands in for AWS while a test starts a function. It has an archive that stores objects,
// create-once like S3. To each other operation it gives the answer that the test sets. It uses no SDK and is no
// emulator: it only shows that main wires everything.
package launchtest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Answer is the answer of a service: JSON and a status; status 0 means 200.
type Answer struct {
	Status int
	Body   string
}

// Cloud is AWS for one test.
type Cloud struct {
	// Answers are keyed by operation, for example "PutRecords". An operation without an answer gets {}.
	Answers map[string]func(request []byte) Answer

	t          testing.TB
	mu         sync.Mutex
	objects    map[string][]byte
	operations []string
}

// New starts a Cloud and points the SDK at it, for the rest of the test.
func New(t testing.TB) *Cloud {
	t.Helper()
	c := &Cloud{t: t, objects: map[string][]byte{}, Answers: map[string]func([]byte) Answer{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test",
		"AWS_SECRET_ACCESS_KEY": "test",
		// Ignore the configuration of the developer who runs the test.
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "",
		"AWS_SESSION_TOKEN":         "",
		"AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	return c
}

// Keys returns the keys of objects below a prefix, sorted, each after the name of its bucket:
// "bucket/events/_layouts/1.json".
func (c *Cloud) Keys(prefix string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var keys []string
	for key := range c.objects {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Operations returns the requested operations, each once, sorted: "PutObject", "PutRecords".
func (c *Cloud) Operations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.operations)
	slices.Sort(all)
	return slices.Compact(all)
}

// ServeHTTP implements http.Handler.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Errorf("read request: %v", err)
		return
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		c.answer(w, target[strings.LastIndexByte(target, '.')+1:], body)
		return
	}
	c.object(w, r, body)
}

func (c *Cloud) answer(w http.ResponseWriter, operation string, body []byte) {
	c.saw(operation)
	answer := Answer{Body: "{}"}
	if give, ok := c.Answers[operation]; ok {
		answer = give(body)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if answer.Status != 0 {
		w.WriteHeader(answer.Status)
	}
	c.write(w, answer.Body)
}

// object answers like S3, as far as an archive needs it. Go's server sets the Date header to the present time.
func (c *Cloud) object(w http.ResponseWriter, r *http.Request, body []byte) {
	key := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("list-type") == "2":
		c.saw("ListObjectsV2")
		c.write(w, `<?xml version="1.0"?><ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>`)
	case r.Method == http.MethodGet:
		c.saw("GetObject")
		c.get(w, key)
	case r.Method == http.MethodPut:
		c.saw("PutObject")
		if r.Header.Get("If-None-Match") != "*" {
			c.t.Errorf("put of %s does not ask to create once", key)
		}
		if !c.put(key, body) {
			w.WriteHeader(http.StatusPreconditionFailed)
			c.write(w, `<Error><Code>PreconditionFailed</Code></Error>`)
		}
	default:
		c.t.Errorf("%s %s was not expected", r.Method, r.URL)
		w.WriteHeader(http.StatusNotImplemented)
	}
}

func (c *Cloud) get(w http.ResponseWriter, key string) {
	c.mu.Lock()
	object, ok := c.objects[key]
	c.mu.Unlock()
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		c.write(w, `<Error><Code>NoSuchKey</Code></Error>`)
		return
	}
	c.write(w, string(object))
}

// put stores an object unless it exists, and reports whether it did.
func (c *Cloud) put(key string, body []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.objects[key]; ok {
		return false
	}
	c.objects[key] = bytes.Clone(body)
	return true
}

func (c *Cloud) saw(operation string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.operations = append(c.operations, operation)
}

func (c *Cloud) write(w io.Writer, body string) {
	if _, err := io.WriteString(w, body); err != nil {
		c.t.Logf("client is gone: %v", err)
	}
}
