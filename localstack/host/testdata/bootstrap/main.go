// Command bootstrap is the function that the tests of the local Lambda host run. It does what the fields of its event
// say, in their order.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// event tells the function what to do. The function ignores an event that is not a JSON object.
type event struct {
	Print  string `json:"print"`  // text to print to stdout
	Stderr string `json:"stderr"` // text to print to stderr
	Fill   int    `json:"fill"`   // number of bytes to print to stdout, in one line
	Hang   bool   `json:"hang"`   // whether to run past the deadline
	Post   string `json:"post"`   // a URL to post the event to; the answer's body is the response if Return is "posted"
	Return string `json:"return"` // "" (the reply), or a case of the switch in handle
	Text   string `json:"text"`   // the response if Return is "text"
	Code   int    `json:"code"`   // the exit code if Return is "exit"
	Size   int    `json:"size"`   // the size of the response in bytes if Return is "large"
}

// reply holds what the function knows of its call.
type reply struct {
	PID      int    `json:"pid"`
	N        int    `json:"n"` // number of calls of this process so far
	Request  string `json:"request"`
	ARN      string `json:"arn"`
	Deadline int64  `json:"deadline"` // Unix milliseconds
	Trace    string `json:"trace"`
	Dir      string `json:"dir"`
}

var calls int

type customError struct{ message string }

func (e *customError) Error() string { return e.message }

func handle(ctx context.Context, payload json.RawMessage) (any, error) {
	calls++
	var e event
	if len(payload) > 0 && payload[0] == '{' {
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
	}
	fmt.Print(e.Print)
	fmt.Fprint(os.Stderr, e.Stderr)
	if e.Fill > 0 {
		fmt.Println(strings.Repeat("x", e.Fill))
	}
	var posted []byte
	if e.Hang {
		ctx = context.WithoutCancel(ctx)
	}
	if url := first(e.Post, os.Getenv("POST")); url != "" {
		var err error
		if posted, err = post(ctx, url, payload); err != nil {
			return nil, err
		}
	}
	switch first(e.Return, os.Getenv("RETURN")) {
	case "posted":
		return json.RawMessage(posted), nil
	case "event":
		return payload, nil
	case "env":
		return os.Environ(), nil
	case "error":
		return nil, &customError{"as asked"}
	case "panic":
		panic("as asked")
	case "exit":
		os.Exit(e.Code)
	case "stream":
		return io.MultiReader(strings.NewReader("begun"), failing{}), nil
	case "large":
		return strings.Repeat("x", e.Size), nil
	case "text":
		return strings.NewReader(e.Text), nil
	}
	return see(ctx)
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func post(ctx context.Context, url string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Pid", fmt.Sprint(os.Getpid()))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

func see(ctx context.Context) (reply, error) {
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return reply{}, errors.New("no Lambda context")
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return reply{}, errors.New("no deadline")
	}
	dir, err := os.Getwd()
	if err != nil {
		return reply{}, err
	}
	return reply{
		PID: os.Getpid(), N: calls, Request: lc.AwsRequestID, ARN: lc.InvokedFunctionArn, Deadline: deadline.UnixMilli(),
		Trace: os.Getenv("_X_AMZN_TRACE_ID"), Dir: dir,
	}, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, &customError{"broke off"} }

func main() {
	switch os.Getenv("START") {
	case "exit":
		fmt.Println("cannot start")
		os.Exit(3)
	case "hang":
		for {
			time.Sleep(time.Hour)
		}
	case "error":
		url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
		response, err := http.Post(
			url, "application/json", strings.NewReader(`{"errorType":"Setup.Missing","errorMessage":"BUCKET is not set"}`),
		)
		if err == nil {
			err = response.Body.Close()
		}
		fmt.Println(err)
		os.Exit(1)
	}
	lambda.Start(handle)
}
