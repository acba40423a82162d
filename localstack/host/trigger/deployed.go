package trigger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/anabranch/anabranch/localstack/host"
	"github.com/anabranch/anabranch/shared/eventsource"
)

// proxyVariable, as a variable of a function, has MiniStack send its calls to the URL that it holds.
const proxyVariable = "MINISTACK_LAMBDA_PROXY_URL"

// Deployed is a function as it was deployed to the emulator that cfg names: its variables, time-out, memory and log format. Its code is the given
// bootstrap, not the one that was uploaded. How many calls it may have at once is not part of it: MiniStack drops that.
func Deployed(ctx context.Context, cfg aws.Config, name, bootstrap string) (host.Function, error) {
	c, err := configuration(ctx, cfg, name)
	if err != nil {
		return host.Function{}, err
	}
	delete(c.Environment.Variables, proxyVariable)
	f := host.Function{
		Name: name, Bootstrap: bootstrap, Handler: c.Handler, Timeout: time.Duration(c.Timeout) * time.Second, Memory: c.MemorySize,
		LogFormat: c.LoggingConfig.LogFormat, Env: c.Environment.Variables,
	}
	if f.LogFormat == "JSON" {
		f.LogLevel = c.LoggingConfig.ApplicationLogLevel
	}
	return f, nil
}

// Bind has the emulator that cfg names send the calls of a function to a Proxy at target, "http://127.0.0.1:34567". The template that was deployed
// stays as it is.
func Bind(ctx context.Context, cfg aws.Config, name, target string) error {
	c, err := configuration(ctx, cfg, name)
	if err != nil {
		return err
	}
	if c.Environment.Variables == nil {
		c.Environment.Variables = map[string]string{}
	}
	c.Environment.Variables[proxyVariable] = target
	// All variables, or the others would be gone.
	body, err := json.Marshal(map[string]any{"Environment": c.Environment})
	if err == nil {
		_, err = lambdaAPI(ctx, cfg, http.MethodPut, functionPath(name), body)
	}
	if err != nil {
		return fmt.Errorf("bind function %s to %s: %w", name, target, err)
	}
	return nil
}

// deployed is what matters here of a function's configuration.
//
// Source: AWS Lambda API Reference, GetFunctionConfiguration.
type deployed struct {
	Handler       string
	Timeout       int // seconds
	MemorySize    int // MB
	Environment   struct{ Variables map[string]string }
	LoggingConfig struct{ LogFormat, ApplicationLogLevel string }
}

func configuration(ctx context.Context, cfg aws.Config, name string) (c deployed, err error) {
	body, err := lambdaAPI(ctx, cfg, http.MethodGet, functionPath(name), nil)
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	if err != nil {
		return c, fmt.Errorf("read the configuration of function %s: %w", name, err)
	}
	return c, nil
}

func functionPath(name string) string { return "functions/" + url.PathEscape(name) + "/configuration" }

// DeployedMapping is the event source mapping of a stream as it was deployed to the emulator that cfg names.
//
// Errors: there is none, or more than one; settings that AWS would not take.
func DeployedMapping(ctx context.Context, cfg aws.Config, streamARN string) (eventsource.Settings, error) {
	m, err := mapping(ctx, cfg, streamARN)
	if err != nil {
		return eventsource.Settings{}, fmt.Errorf("read the mapping of stream %s: %w", streamARN, err)
	}
	s := eventsource.Defaults()
	s.Source.StreamARN = streamARN
	s.BatchSize = m.BatchSize
	s.MaximumBatchingWindow = time.Duration(m.MaximumBatchingWindowInSeconds) * time.Second
	if m.ParallelizationFactor != "" {
		if s.ParallelizationFactor, err = strconv.Atoi(string(m.ParallelizationFactor)); err != nil {
			return s, fmt.Errorf("mapping of stream %s: ParallelizationFactor: %w", streamARN, err)
		}
	}
	s.BisectBatchOnFunctionError = m.BisectBatchOnFunctionError
	if m.MaximumRetryAttempts != nil && *m.MaximumRetryAttempts >= 0 { // -1: no limit
		s.MaximumRetryAttempts = *m.MaximumRetryAttempts
	}
	if m.MaximumRecordAgeInSeconds != nil && *m.MaximumRecordAgeInSeconds >= 0 {
		s.MaximumRecordAge = time.Duration(*m.MaximumRecordAgeInSeconds) * time.Second
	}
	s.ReportBatchItemFailures = slices.Contains(m.FunctionResponseTypes, "ReportBatchItemFailures")
	s.StartingPosition = eventsource.From(m.StartingPosition)
	return s, nil
}

// deployedMapping is what matters here of a mapping. MiniStack gives back a ParallelizationFactor as it stood in the template: a parameter is text.
//
// Source: AWS Lambda API Reference, ListEventSourceMappings.
type deployedMapping struct {
	EventSourceArn                                  string
	BatchSize, MaximumBatchingWindowInSeconds       int
	ParallelizationFactor                           json.Number
	BisectBatchOnFunctionError                      bool
	MaximumRetryAttempts, MaximumRecordAgeInSeconds *int
	FunctionResponseTypes                           []string
	StartingPosition                                string
}

func mapping(ctx context.Context, cfg aws.Config, streamARN string) (m deployedMapping, err error) {
	body, err := lambdaAPI(ctx, cfg, http.MethodGet, "event-source-mappings/", nil)
	if err != nil {
		return m, err
	}
	var listed struct{ EventSourceMappings []deployedMapping }
	if err := json.Unmarshal(body, &listed); err != nil {
		return m, err
	}
	ours := slices.DeleteFunc(listed.EventSourceMappings, func(m deployedMapping) bool { return m.EventSourceArn != streamARN })
	if len(ours) != 1 {
		return m, fmt.Errorf("%d mappings, want one", len(ours))
	}
	return ours[0], nil
}

// lambdaAPI makes one request of Lambda's API. The SDK's client for it would be the largest of all that this
// repository links, for these few requests. It goes to an emulator only: a function on AWS must never be bound to this machine.
func lambdaAPI(ctx context.Context, cfg aws.Config, method, path string, body []byte) ([]byte, error) {
	if cfg.BaseEndpoint == nil || cfg.Credentials == nil {
		return nil, errors.New("the configuration has no BaseEndpoint or no Credentials, want those of an emulator")
	}
	request, err := http.NewRequestWithContext(ctx, method, *cfg.BaseEndpoint+"/2015-03-31/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	// The emulator looks at no signature, but takes account and region from it.
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), "lambda", cfg.Region, time.Now()); err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300s", response.Status, answer)
	}
	return answer, err
}
