package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/sdk"
)

func TestDelaysAreBoundedAndGrow(t *testing.T) {
	const most = 200 * time.Millisecond
	retryer := sdk.Settings{Attempts: 5, Delay: most}.Retryer()
	if n := retryer.MaxAttempts(); n != 5 {
		t.Errorf("%d attempts, want 5", n)
	}
	var longest [8]time.Duration
	for attempt := range longest {
		for range 200 {
			delay, err := retryer.RetryDelay(attempt, errors.New("any"))
			if err != nil || delay < 0 || delay >= most {
				t.Fatalf("delay after attempt %d: %s, error %v; want from 0 to below %s", attempt, delay, err, most)
			}
			longest[attempt] = max(longest[attempt], delay)
		}
	}
	if longest[1] >= 25*time.Millisecond || longest[7] <= 50*time.Millisecond {
		t.Errorf("longest of 200 delays by attempt: %v; want them to begin below 25ms and to grow", longest)
	}
	if delay, err := (sdk.Settings{Attempts: 2}).Retryer().RetryDelay(1<<30, nil); err != nil || delay != 0 {
		t.Errorf("without a delay: %s, error %v", delay, err)
	}
}

func list(ctx context.Context, cfg aws.Config) error {
	_, err := s3.NewFromConfig(cfg).ListBuckets(ctx, &s3.ListBucketsInput{})
	return err
}

func TestAttemptsAreBounded(t *testing.T) {
	slow := awstest.Answer{Status: http.StatusServiceUnavailable}
	_, cfg := awstest.NewWire(t, slow, slow, slow)
	if err := list(t.Context(), cfg); err == nil {
		t.Error("no error after three answers of 503")
	}
}

func TestNoAttemptBeginsThatTheContextWouldEnd(t *testing.T) {
	for _, test := range []struct {
		name    string
		left    time.Duration
		answers int
	}{{"time for another", time.Hour, 2}, {"none", 30 * time.Minute, 1}} {
		t.Run(test.name, func(t *testing.T) {
			answers := []awstest.Answer{{Status: http.StatusServiceUnavailable},
				{Status: http.StatusOK, Body: "<ListAllMyBucketsResult/>"}}
			_, cfg := awstest.NewWire(t, answers[:test.answers]...)
			retryer := sdk.Settings{Attempts: 3, Delay: 45 * time.Minute}.Retryer().(aws.RetryerV2)
			cfg.Retryer = func() aws.Retryer { return immediate{retryer} }
			ctx, cancel := context.WithTimeout(t.Context(), test.left)
			defer cancel()
			err := list(ctx, cfg)
			if test.answers == 2 && err != nil {
				t.Errorf("error %v", err)
			}
			var answer smithy.APIError
			if test.answers == 1 && (!errors.Is(err, sdk.ErrNoTime) || !errors.As(err, &answer)) {
				t.Errorf("error %v; want ErrNoTime with the service's own", err)
			}
		})
	}
}

// An answer whose body is cut short is requested again.
func TestAnAnswerCutShortIsTriedAgain(t *testing.T) {
	var seen atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		const body = `{"Item":{"a":{"S":"b"}}}`
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		sent := body
		if seen.Add(1) == 1 {
			sent = body[:10]
		}
		_, _ = io.WriteString(w, sent) // the client would report an error
	}))
	defer server.Close()
	client := dynamodb.NewFromConfig(awstest.Config(server.URL))
	out, err := client.GetItem(t.Context(),
		&dynamodb.GetItemInput{TableName: aws.String("t"),
			Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}}})
	if err != nil || len(out.Item) != 1 || seen.Load() != 2 {
		t.Errorf("%d requests, %+v, error %v; want the item by the second", seen.Load(), out, err)
	}
}

// immediate never waits, whatever the maximum wait.
type immediate struct{ aws.RetryerV2 }

func (immediate) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

func TestConfigReadsTheEnvironment(t *testing.T) {
	var seen atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/s3/") {
			t.Errorf("signed as %q, want region eu-central-1", r.Header.Get("Authorization"))
		}
		_, _ = io.WriteString(w, "<ListAllMyBucketsResult/>") // the client would report an error
	}))
	defer server.Close()
	environment(t, "eu-central-1")
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	cfg, err := sdk.Config(t.Context(), sdk.Settings{Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := list(t.Context(), cfg); err != nil || seen.Load() != 1 {
		t.Errorf("%d requests, error %v", seen.Load(), err)
	}
}

func environment(t *testing.T, region string) {
	for name, value := range map[string]string{
		"AWS_REGION": region, "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "/nowhere",
		"AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
		"AWS_ACCESS_KEY_ID":           "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
}

func TestConfigRefuses(t *testing.T) {
	environment(t, "")
	for want, s := range map[string]sdk.Settings{
		"at least 1 attempt": {}, "no negative time": {Attempts: 1, Delay: -1}, "negative": {Attempts: 1, Attempt: -1},
		"AWS_REGION": {Attempts: 1},
	} {
		if _, err := sdk.Config(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one that says %q", s, err, want)
		}
	}
}

// TestAnAttemptThatHangsIsGivenUpAndMadeAgain counts the attempts by the SDK's error: on a busy machine, an attempt may
// end before the server sees it. The context ends the call only if no attempt is given up.
func TestAnAttemptThatHangsIsGivenUpAndMadeAgain(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	environment(t, "us-east-1")
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	cfg, err := sdk.Config(t.Context(), sdk.Settings{Attempts: 2, Attempt: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var (
		attempts *retry.MaxAttemptsError
		timeout  net.Error
	)
	if err := list(ctx, cfg); !errors.As(err, &attempts) || attempts.Attempt != 2 ||
		!errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error %v, want a time-out after 2 attempts", err)
	}
}

// closed is a body as the SDK leaves it once the answer has begun: all of it was read, and WriteTo, unlike Read, treats
// the end as an error.
type closed struct{ io.Reader }

func (closed) Close() error                     { return nil }
func (closed) WriteTo(io.Writer) (int64, error) { return 0, io.EOF }

func TestABodyThatIsClosedBeforeItsEndWasReadLosesNoAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body) // the client would report an error
	}))
	defer server.Close()
	request := func() *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, closed{strings.NewReader("body")})
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = 4
		return r
	}
	response, err := (sdk.Settings{Attempts: 1}).HTTPClient().Do(request())
	if err != nil {
		t.Fatalf("put: %v", err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "body" {
		t.Errorf("answer %q, error %v", body, err)
	}
}
