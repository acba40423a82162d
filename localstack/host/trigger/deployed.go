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

// proxyVariable is a variable of a function. MiniStack sends the function's calls to the URL in it.
const proxyVariable = "MINISTACK_LAMBDA_PROXY_URL"

// Deployed reads a function's variables, time-out, memory and log format from the emulator that cfg names. Its code is
// the given bootstrap, not the uploaded one. Concurrency stays 0, because MiniStack does not keep it.
func Deployed(ctx context.Context, cfg aws.Config, name, bootstrap string) (host.Function, error) {
	c, err := configuration(ctx, cfg, name)
	if err != nil {
		return host.Function{}, err
	}
	delete(c.Environment.Variables, proxyVariable)
	f := host.Function{
		Name: name, Bootstrap: bootstrap, Handler: c.Handler, Timeout: time.Duration(c.Timeout) * time.Second,
		Memory:    c.MemorySize,
		LogFormat: c.LoggingConfig.LogFormat, Env: c.Environment.Variables,
	}
	if f.LogFormat == "JSON" {
		f.LogLevel = c.LoggingConfig.ApplicationLogLevel
	}
	return f, nil
}

// Bind makes the emulator that cfg names send the calls of a function to a Proxy at target, for example
// "http://127.0.0.1:34567". It publishes a version that is bound, and moves the function's aliases to it, since calls
// through an alias use the variables of its version. It does not change the deployed template.
func Bind(ctx context.Context, cfg aws.Config, name, target string) error {
	c, err := configuration(ctx, cfg, name)
	if err != nil {
		return err
	}
	if c.Environment.Variables == nil {
		c.Environment.Variables = map[string]string{}
	}
	c.Environment.Variables[proxyVariable] = target
	// The request must hold all variables: it replaces them.
	body, err := json.Marshal(map[string]any{"Environment": c.Environment})
	if err == nil {
		_, err = lambdaAPI(ctx, cfg, http.MethodPut, functionPath(name, "configuration"), body)
	}
	if err == nil {
		err = moveAliases(ctx, cfg, name)
	}
	if err != nil {
		return fmt.Errorf("bind function %s to %s: %w", name, target, err)
	}
	return nil
}

// deployed is the part of a function's configuration that the host needs.
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
	err = read(ctx, cfg, http.MethodGet, functionPath(name, "configuration"), nil, &c)
	if err != nil {
		return c, fmt.Errorf("read the configuration of function %s: %w", name, err)
	}
	return c, nil
}

func functionPath(name, of string) string { return "functions/" + url.PathEscape(name) + "/" + of }

// moveAliases publishes a version of a function and moves all of its aliases to it. It does nothing without an alias.
//
// Source: AWS Lambda API Reference, ListAliases, PublishVersion, UpdateAlias.
func moveAliases(ctx context.Context, cfg aws.Config, name string) error {
	var listed struct{ Aliases []struct{ Name string } }
	if err := read(ctx, cfg, http.MethodGet, functionPath(name, "aliases"), nil, &listed); err != nil {
		return err
	}
	if len(listed.Aliases) == 0 {
		return nil
	}
	var published struct{ Version string }
	if err := read(ctx, cfg, http.MethodPost, functionPath(name, "versions"), []byte("{}"), &published); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"FunctionVersion": published.Version})
	if err != nil {
		return err
	}
	for _, alias := range listed.Aliases {
		path := functionPath(name, "aliases/"+url.PathEscape(alias.Name))
		if _, err := lambdaAPI(ctx, cfg, http.MethodPut, path, body); err != nil {
			return err
		}
	}
	return nil
}

// read makes one request to Lambda's API and decodes the answer.
func read(ctx context.Context, cfg aws.Config, method, path string, body []byte, into any) error {
	answer, err := lambdaAPI(ctx, cfg, method, path, body)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// DeployedMapping reads the event source mapping of a stream from the emulator that cfg names.
//
// Errors: the stream has no mapping, or more than one; AWS would refuse the settings. Do not retry.
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
			return s, fmt.Errorf("mapping of stream %s: invalid ParallelizationFactor: %w", streamARN, err)
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

// deployedMapping is the part of a mapping that Kinesis needs. ParallelizationFactor may be text: MiniStack returns it
// as the template has it, and the value of a template parameter is text.
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
	var listed struct{ EventSourceMappings []deployedMapping }
	if err := read(ctx, cfg, http.MethodGet, "event-source-mappings/", nil, &listed); err != nil {
		return m, err
	}
	ours := slices.DeleteFunc(
		listed.EventSourceMappings, func(m deployedMapping) bool { return m.EventSourceArn != streamARN },
	)
	if len(ours) != 1 {
		return m, fmt.Errorf("the stream has %d mappings: must have exactly one", len(ours))
	}
	return ours[0], nil
}

// lambdaAPI makes one request to Lambda's API. The SDK's client for Lambda would be the largest package that this
// repository links, and it would serve only a few requests. lambdaAPI refuses to reach AWS itself: a function on AWS
// must never be bound to this machine.
func lambdaAPI(ctx context.Context, cfg aws.Config, method, path string, body []byte) ([]byte, error) {
	if cfg.BaseEndpoint == nil || cfg.Credentials == nil {
		return nil, errors.New("missing BaseEndpoint or Credentials in the configuration: must be those of an emulator")
	}
	request, err := http.NewRequestWithContext(ctx, method, *cfg.BaseEndpoint+"/2015-03-31/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	// The emulator does not check the signature, but it reads account and region from it.
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(
		ctx, credentials, request, hex.EncodeToString(hash[:]), "lambda", cfg.Region, time.Now(),
	); err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%s: %.300s", response.Status, answer)
	}
	return answer, err
}
