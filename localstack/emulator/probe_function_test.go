//go:build emulator

package emulator_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/anabranch/anabranch/shared/aws/table"
)

// bootstrap returns a zip of testdata/counter, or of a file that is never run.
func (p *prober) bootstrap(run bool) []byte {
	binary := []byte("never run")
	if run {
		path := filepath.Join(p.TempDir(), "bootstrap")
		build := exec.CommandContext(p.ctx, "go", "build", "-tags", "lambda.norpc", "-o", path, "./testdata/counter")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
		if out, err := build.CombinedOutput(); err != nil {
			p.Fatalf("build: %v\n%s", err, out)
		}
		var err error
		binary, err = os.ReadFile(path)
		p.must(err)
	}
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	file, err := archive.CreateHeader(header)
	p.must(err)
	_, err = file.Write(binary)
	p.must(err)
	p.must(archive.Close())
	return packed.Bytes()
}

// functions is the path of Lambda's API. We do not depend on the SDK's client for Lambda.
const functions = "/2015-03-31/functions"

// function creates a function with the given environment.
func (p *prober) function(code []byte, environment map[string]string) (name string) {
	name = p.name()
	architecture := "x86_64"
	if runtime.GOARCH == "arm64" {
		architecture = "arm64"
	}
	p.call("lambda", http.MethodPost, functions, map[string]any{
		"FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 10,
		"Role":          "arn:aws:iam::000000000000:role/any",
		"Code":          map[string]any{"ZipFile": code},
		"Architectures": []string{architecture},
		"Environment":   map[string]any{"Variables": environment},
	}, nil)
	state := eventually(p, "Active", time.Minute, func() string {
		var configuration struct{ State string }
		p.call("lambda", http.MethodGet, functions+"/"+name+"/configuration", nil, &configuration)
		return configuration.State
	})
	if state != "Active" {
		p.Fatalf("function %s is %s", name, state)
	}
	return name
}

// invocation is an answer of Lambda.
type invocation struct{ failure, log, payload string }

func (p *prober) invoke(name, payload string) (invocation, error) {
	response, body, err := p.send(
		"lambda", http.MethodPost, functions+"/"+name+"/invocations", []byte(payload),
		http.Header{"X-Amz-Log-Type": {"Tail"}},
	)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("invoke %s: %s %s", name, response.Status, body)
	}
	if err != nil {
		return invocation{}, err
	}
	log, err := base64.StdEncoding.DecodeString(response.Header.Get("X-Amz-Log-Result"))
	return invocation{response.Header.Get("X-Amz-Function-Error"), string(log), string(body)}, err
}

func (p *prober) mustInvoke(name, payload string) invocation {
	p.Helper()
	result, err := p.invoke(name, payload)
	p.must(err)
	return result
}

// host is an HTTP server that runs a function's invocations in proxy mode.
type host struct {
	server *httptest.Server
	mu     sync.Mutex
	calls  []call
}

type call struct {
	header http.Header
	body   string
}

func (h *host) seen() []call {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

// proxied creates a function whose invocations are answered here.
func (p *prober) proxied(answer func(n int, body string) (status int, text string)) (*host, string) {
	h := &host{}
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the emulator has closed the connection
		}
		h.mu.Lock()
		h.calls = append(h.calls, call{r.Header.Clone(), string(body)})
		n := len(h.calls)
		h.mu.Unlock()
		status, text := answer(n, string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // the emulator would report an error
	}))
	p.Cleanup(h.server.Close)
	return h, p.function(p.bootstrap(false), map[string]string{"MINISTACK_LAMBDA_PROXY_URL": h.server.URL})
}

func always(status int, text string) func(int, string) (int, string) {
	return func(int, string) (int, string) { return status, text }
}

func lambdaQuirks() []quirk {
	// The function that the emulator's own executor runs, and the table in which it counts.
	var counter string
	run := func(p *prober, printed int) (result invocation, count func() string) {
		if counter == "" {
			counter = p.function(p.bootstrap(true), nil)
		}
		c, counts := p.table()
		result = p.mustInvoke(counter, fmt.Sprintf(`{"table":%q,"print":%d}`, *counts, printed))
		return result, func() string {
			p.together(99, func() error { _, err := p.invoke(counter, fmt.Sprintf(`{"table":%q}`, *counts)); return err })
			item, err := table.Table{Client: c, Name: *counts}.Get(
				p.ctx, table.KeyOf(table.Binary([]byte("p")), table.Binary([]byte("s"))),
			)
			p.must(err)
			return item["n"].(*types.AttributeValueMemberN).Value
		}
	}
	errorOf := func(p *prober, i invocation) string {
		var failure struct{ ErrorType string }
		p.must(json.Unmarshal([]byte(i.payload), &failure))
		return i.failure + ": " + failure.ErrorType
	}
	return []quirk{
		{"Lambda", "what its own executor tells a function", `"true AWS_Lambda_provided.al2023"`, `"true "`,
			func(p *prober) string {
				result, _ := run(p, 0)
				return result.payload
			}},
		{"Lambda", "its own executor keeps processes warm", "below 100 ms", "", func(p *prober) string {
			shortest := time.Hour
			for range 6 {
				begin := time.Now()
				run(p, 0)
				shortest = min(shortest, time.Since(begin))
			}
			if shortest < 100*time.Millisecond {
				return "below 100 ms"
			}
			return "above 100 ms"
		}},
		// On a slow machine the SDK may repeat a call or an increment that took long.
		{"Lambda", "100 calls, 8 at once, of its own executor", "none is lost", "", func(p *prober) string {
			_, count := run(p, 0)
			if n, err := strconv.Atoi(count()); err != nil || n < 100 {
				return fmt.Sprintf("%d increments, %v", n, err)
			}
			return "none is lost"
		}},
		{"Lambda", "LogResult of its own executor", "holds what the function printed", "", func(p *prober) string {
			if result, _ := run(p, 0); strings.Contains(result.log, "hello") {
				return "holds what the function printed"
			}
			return "does not"
		}},
		{"Lambda", "200 KB printed in one call of its own executor", "OK", "", func(p *prober) string {
			result, _ := run(p, 200_000)
			if result.failure != "" {
				return result.failure
			}
			return "OK"
		}},
		{"Lambda", "proxy mode: headers", noAWS, "arn deadline-ms name request-id version", func(p *prober) string {
			h, name := p.proxied(always(http.StatusOK, `{}`))
			p.mustInvoke(name, `{"a":1}`)
			var names []string
			for header := range h.seen()[0].header {
				if short, ok := strings.CutPrefix(strings.ToLower(header), "x-amzn-lambda-"); ok {
					names = append(names, strings.TrimPrefix(short, "function-"))
				}
			}
			slices.Sort(names)
			return strings.Join(names, " ")
		}},
		{"Lambda", "proxy mode: event and result", noAWS, `{"a":1} gives "result"`, func(p *prober) string {
			h, name := p.proxied(always(http.StatusOK, `"result"`))
			result := p.mustInvoke(name, `{"a":1}`)
			return strings.ReplaceAll(h.seen()[0].body, " ", "") + " gives " + result.payload
		}},
		{"Lambda", "proxy mode: status 500", noAWS, "Unhandled: Runtime.HandlerError", func(p *prober) string {
			_, name := p.proxied(always(http.StatusInternalServerError, `{"errorType":"mine","errorMessage":"of my own"}`))
			return errorOf(p, p.mustInvoke(name, `{}`))
		}},
		{"Lambda", "proxy mode: 200 calls, 8 at once", noAWS, "200 calls", func(p *prober) string {
			h, name := p.proxied(always(http.StatusOK, `{}`))
			p.together(200, func() error { _, err := p.invoke(name, `{}`); return err })
			return fmt.Sprintf("%d calls", len(h.seen()))
		}},
		{"Lambda", "proxy mode: an answer after the function's time-out of 1 s", noAWS, "Unhandled: Sandbox.Timedout",
			func(p *prober) string {
				release := make(chan struct{})
				defer close(release)
				_, name := p.proxied(func(int, string) (int, string) { <-release; return http.StatusOK, `{}` })
				p.call("lambda", http.MethodPut, functions+"/"+name+"/configuration", map[string]any{"Timeout": 1}, nil)
				return errorOf(p, p.mustInvoke(name, `{}`))
			}},
		{"Lambda", "an async call that fails", "is made 3 times, over minutes", "3 calls", func(p *prober) string {
			h, name := p.proxied(always(http.StatusInternalServerError, `{}`))
			_, _, err := p.send(
				"lambda", http.MethodPost, functions+"/"+name+"/invocations", []byte(`{}`),
				http.Header{"X-Amz-Invocation-Type": {"Event"}},
			)
			p.must(err)
			return eventually(p, "3 calls", 15*time.Second, func() string { return fmt.Sprintf("%d calls", len(h.seen())) })
		}},
	}
}

// kinesisEvent is the part of a mapping's event that the probes read.
type kinesisEvent struct {
	Records []struct {
		Kinesis struct {
			SequenceNumber string `json:"sequenceNumber"`
			Data           []byte `json:"data"`
		} `json:"kinesis"`
	}
}

// mapped puts 10 records into a stream with one shard and maps the stream to a function. The function gets the numbers
// of its records.
func (p *prober) mapped(
	settings map[string]any, answer func(numbers []int, e kinesisEvent) (int, string),
) func() [][]int {
	var (
		mu        sync.Mutex
		delivered [][]int
	)
	_, function := p.proxied(func(_ int, body string) (int, string) {
		var e kinesisEvent
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			return http.StatusInternalServerError, err.Error()
		}
		var numbers []int
		for _, r := range e.Records {
			numbers = append(numbers, int(r.Kinesis.Data[0]))
		}
		mu.Lock()
		delivered = append(delivered, numbers)
		mu.Unlock()
		return answer(numbers, e)
	})
	stream, name := p.stream(1)
	for n := range 10 {
		_, err := stream.PutRecord(p.ctx, putRecord(name, byte(n)))
		p.must(err)
	}
	const mappings = "/2015-03-31/event-source-mappings/"
	in := map[string]any{
		"FunctionName": function, "EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/" + *name,
		"StartingPosition": "TRIM_HORIZON", "BatchSize": 10,
	}
	maps.Copy(in, settings)
	var out struct{ UUID string }
	p.call("lambda", http.MethodPost, mappings, in, &out)
	p.cleanups = append(p.cleanups, func() { p.call("lambda", http.MethodDelete, mappings+out.UUID, nil, nil) })
	return func() [][]int {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(delivered)
	}
}

func mappingQuirks() []quirk {
	return []quirk{
		{"mapping", "10 records, a function that succeeds", "[0 1 2 3 4 5 6 7 8 9]", "", func(p *prober) string {
			delivered := p.mapped(nil, func([]int, kinesisEvent) (int, string) { return http.StatusOK, `{}` })
			return eventually(
				p, "[0 1 2 3 4 5 6 7 8 9]", 20*time.Second, func() string { return fmt.Sprint(slices.Concat(delivered()...)) },
			)
		}},
		{"mapping", "ReportBatchItemFailures names record 3", "records 3 to 9 come again", "they are lost",
			func(p *prober) string {
				delivered := p.mapped(map[string]any{
					"FunctionResponseTypes": []string{"ReportBatchItemFailures"},
				}, func(numbers []int, e kinesisEvent) (int, string) {
					if numbers[0] == 0 {
						return http.StatusOK, `{"batchItemFailures":[{"itemIdentifier":"` + e.Records[3].Kinesis.SequenceNumber + `"}]}`
					}
					return http.StatusOK, `{}`
				})
				again := eventually(p, true, 8*time.Second, func() bool {
					all := delivered()
					return len(all) > 1 && slices.Equal(all[len(all)-1], []int{3, 4, 5, 6, 7, 8, 9})
				})
				if again {
					return "records 3 to 9 come again"
				}
				return "they are lost"
			}},
		{"mapping", "MaximumRetryAttempts 1, a function that always fails", "2 calls", "more than 2 calls",
			func(p *prober) string {
				delivered := p.mapped(
					map[string]any{"MaximumRetryAttempts": 1},
					func([]int, kinesisEvent) (int, string) { return http.StatusInternalServerError, `{}` },
				)
				if eventually(p, true, 10*time.Second, func() bool { return len(delivered()) > 2 }) {
					return "more than 2 calls"
				}
				return fmt.Sprintf("%d calls", len(delivered()))
			}},
		{"mapping", "bisect, a function that fails on record 3", "halves until record 3 is alone", "always all 10",
			func(p *prober) string {
				delivered := p.mapped(map[string]any{"BisectBatchOnFunctionError": true},
					func(numbers []int, _ kinesisEvent) (int, string) {
						if slices.Contains(numbers, 3) {
							return http.StatusInternalServerError, `{}`
						}
						return http.StatusOK, `{}`
					})
				if eventually(p, true, 10*time.Second, func() bool {
					return slices.ContainsFunc(delivered(), func(numbers []int) bool { return slices.Equal(numbers, []int{3}) })
				}) {
					return "halves until record 3 is alone"
				}
				for _, numbers := range delivered() {
					if len(numbers) != 10 {
						return fmt.Sprint(delivered())
					}
				}
				return "always all 10"
			}},
		{"mapping", "a disabled mapping", "no call", "", func(p *prober) string {
			delivered := p.mapped(map[string]any{"Enabled": false},
				func([]int, kinesisEvent) (int, string) { return http.StatusOK, `{}` })
			if eventually(p, true, 4*time.Second, func() bool { return len(delivered()) > 0 }) {
				return "it is called"
			}
			return "no call"
		}},
	}
}
