package wire_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/localstack/wire"
)

func listen(t *testing.T, target string) *wire.Proxy {
	t.Helper()
	p, err := wire.Listen(target, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

// client keeps no connections, so none is left when a test ends.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

func TestAProxyHandsEverythingOnUntouched(t *testing.T) {
	s := newService(t, always(http.StatusTeapot, "short and stout"))
	p := listen(t, s.URL)
	r := object(t, http.MethodPut, p.URL+"/bucket/a%2Fb%20c/d?x-id=PutObject&odd=%zz;&empty", "body")
	r.Host = "events.s3.test"
	r.Header.Set("If-None-Match", "*")
	r.Header.Set("User-Agent", "sdk")
	r.Header["X-Amz-Meta-Two"] = []string{"1", "2"}
	status, text, err := do(t, client, r)
	if status != http.StatusTeapot || text != "short and stout" || err != nil {
		t.Errorf("answer %d %q, error %v", status, text, err)
	}
	if diff := cmp.Diff([]string{"body"}, s.saw()); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
	got := s.last
	if got.Method != http.MethodPut ||
		got.RequestURI != "/bucket/a%2Fb%20c/d?x-id=PutObject&odd=%zz;&empty" || got.Host != "events.s3.test" {
		t.Errorf("the service saw %s %s of host %s", got.Method, got.RequestURI, got.Host)
	}
	want := http.Header{
		"Authorization": {scope("s3")}, "If-None-Match": {"*"}, "User-Agent": {"sdk"}, "X-Amz-Meta-Two": {"1", "2"},
		"Content-Length": {"4"},
	}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestAProxyIsBrokenAndHealedWhileItRuns(t *testing.T) {
	s := newService(t, always(http.StatusOK, `{"a":1}`))
	p := listen(t, s.URL)
	get := func() (int, string, error) {
		return do(t, client, ask(t, p.URL, "dynamodb", "GetItem", `{"TableName":"t"}`))
	}
	for _, test := range []struct {
		kind    wire.Kind
		status  int // 0: no answer
		text    string
		reaches bool
		err     error
	}{
		{"", http.StatusOK, `{"a":1}`, true, nil},
		{wire.TimeoutBefore, 0, "", false, io.EOF},
		{wire.TimeoutAfter, 0, "", true, io.EOF},
		{wire.Dropped, 0, "", true, io.EOF},
		{wire.Reset, http.StatusOK, `{"a`, true, syscall.ECONNRESET},
		{wire.Truncated, http.StatusOK, `{"a`, true, io.ErrUnexpectedEOF},
		{wire.InternalBefore, http.StatusInternalServerError, "InternalServerError", false, nil},
		{wire.InternalAfter, http.StatusInternalServerError, "InternalServerError", true, nil},
		{wire.Throughput, http.StatusBadRequest, "ProvisionedThroughputExceededException", false, nil},
		{wire.Throttling, http.StatusBadRequest, "ThrottlingException", false, nil},
		{"", http.StatusOK, `{"a":1}`, true, nil},
	} {
		p.Heal()
		if test.kind != "" {
			if err := p.Break(wire.Evenly(1, test.kind)); err != nil {
				t.Fatal(err)
			}
		}
		before := len(s.saw())
		status, text, err := get()
		if status != test.status || !strings.Contains(text, test.text) ||
			(test.err == nil) != (err == nil) || !errors.Is(err, test.err) {
			t.Errorf("%s: answer %d %q, error %v", test.kind, status, text, err)
		}
		if reached := len(s.saw()) > before; reached != test.reaches {
			t.Errorf("%s: the request reached the service: %t", test.kind, reached)
		}
	}
	if got := p.Fired(); len(got) != 9 || got[wire.Reset] != 1 {
		t.Errorf("fired %v, want each of 9 kinds once", got)
	}
	call := wire.Call{Service: "dynamodb", Operation: "GetItem", Resource: "t"}
	if got, want := p.Counts()[call].Statuses, (map[int]int64{0: 3, 200: 4, 400: 2, 500: 2}); !cmp.Equal(got, want) {
		t.Errorf("answers by status %v, want %v", got, want)
	}
	p.Reset()
	if len(p.Counts()) != 0 || len(p.Fired()) != 0 {
		t.Errorf("after Reset there are %v and %v", p.Counts(), p.Fired())
	}
}

func TestATimeoutHoldsUntilTheCallerGoes(t *testing.T) {
	s := newService(t, always(http.StatusOK, "{}"))
	p := listen(t, s.URL)
	plan := wire.Evenly(1, wire.TimeoutBefore)
	plan.Hold = time.Hour // longer than the caller waits
	if err := p.Break(plan); err != nil {
		t.Fatal(err)
	}
	r := ask(t, p.URL, "sqs", "SendMessage", "{}")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := do(t, client, r.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that the caller's time was up", err)
	}
	if n := len(s.saw()); n > 0 {
		t.Errorf("%d requests reached the service", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newService(t, always(http.StatusOK, "{}"))
	p := listen(t, s.URL)
	if err := p.Break(wire.Evenly(0.1, wire.Dropped, wire.Throttling)); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 25 {
				response, err := client.Do(ask(t, p.URL, "kinesis", "DescribeStream", "{}"))
				if err != nil {
					continue
				}
				_, _ = io.Copy(io.Discard, response.Body) // the proxy counts the bytes
				response.Body.Close()
			}
		})
	}
	group.Wait()
	fired := p.Fired()
	if fired[wire.Dropped] == 0 || fired[wire.Throttling] == 0 || len(fired) != 2 {
		t.Errorf("fired %v", fired)
	}
	sum := p.Counts().Sum(nil)
	if sum.Requests != 200 || sum.Statuses[0] != int64(fired[wire.Dropped]) ||
		sum.Statuses[400] != int64(fired[wire.Throttling]) {
		t.Errorf("counted %+v for %v", sum, fired)
	}
	if n := int(sum.Requests) - fired[wire.Throttling]; len(s.saw()) != n {
		t.Errorf("%d requests reached the service, want %d", len(s.saw()), n)
	}
}

func TestATargetThatIsNoURLIsRefused(t *testing.T) {
	for _, target := range []string{"", "127.0.0.1:4566", "http://", "://", "/path"} {
		if p, err := wire.Listen(target, 1); err == nil {
			t.Errorf("%q was taken", target)
			_ = p.Close() // the test has failed in any case
		}
	}
}

func TestATargetThatIsAwayGivesNoAnswer(t *testing.T) {
	s := newService(t, always(http.StatusOK, "{}"))
	p := listen(t, s.URL)
	s.Close()
	if status, _, err := do(t, client, ask(t, p.URL, "dynamodb", "GetItem", "{}")); err == nil {
		t.Errorf("answer %d", status)
	}
}
