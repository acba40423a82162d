// Package stack is Anabranch as it is deployed, on this machine: the real template deployed by sam to MiniStack, the built bootstraps run by the local
// Lambda host, and the stream read by the rules of Lambda's mapping. It is for `make local` and the end-to-end tests; no Docker, no account.
//
// Its place is above localstack/emulator and localstack/host, which know nothing of Anabranch. HTTP API, authorizer, schedule and queue are MiniStack's,
// and call the host through its proxy mode; only the stream is read by a poller of ours, since MiniStack does not read it as Lambda does.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/anabranch/anabranch/infra/venv"
	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/localstack/host"
	"github.com/anabranch/anabranch/localstack/host/trigger"
	"github.com/anabranch/anabranch/shared/access"
	"github.com/anabranch/anabranch/shared/aws/sdk"
)

// name of the CloudFormation stack, and so the beginning of the functions' names.
const name = "anabranch"

// The functions, as template.yaml names them: a test of infra/ holds it to the folders below functions/.
const (
	Ingest     = name + "-ingest"
	Speed      = name + "-speed"
	Batch      = name + "-batch"
	Query      = name + "-query"
	Republish  = name + "-republish"
	Replay     = name + "-replay"
	Audit      = name + "-audit"
	Admin      = name + "-admin"
	Authorizer = name + "-authorizer"
)

// Settings of a stack. The zero Settings do.
type Settings struct {
	Port       int               // of the emulator; 0: any that is free
	Parameters map[string]string // of the template, beside those that a stack on this machine needs
	Log        io.Writer         // what is done meanwhile, for people; nil: nobody reads it
	Logs       string            // a folder below build/logs for the functions' logs, for stacks that run at once; "": build/logs itself

	// Wire, if there is one, is given the emulator's URL and returns the one that the functions are to call instead: a proxy's.
	Wire func(endpoint string) (string, error)
	// Kinesis, if it is not "", is another emulator's URL: the stream is made there, and the functions and the poller use it.
	Kinesis string
	// Shards is how many the stream has on that emulator.
	Shards int
}

// Stack is a running stack.
type Stack struct {
	URL     string            // of the HTTP API
	Keys    access.Keys       // that open it
	Outputs map[string]string // of the template
	Host    *host.Host        // runs the functions
	Stream  *trigger.Kinesis  // reads the stream
	Config  aws.Config        // for clients of the emulator
	Kinesis *kinesis.Client   // of the emulator that has the stream
	LogDir  string            // the functions' logs

	emulator *emulator.Emulator
	proxy    *http.Server
	stop     context.CancelFunc // of the poller
	polled   chan error
}

// Start deploys and starts a stack. ctx bounds the start only: Stop ends the stack.
//
// It needs the functions in build/, for this machine (`make functions ARCH=...`), and python3; the first time, the network.
func Start(ctx context.Context, s Settings) (*Stack, error) {
	root, err := venv.Root()
	if err != nil {
		return nil, err
	}
	if s.Log == nil {
		s.Log = io.Discard
	}
	st := &Stack{LogDir: filepath.Join(root, "build", "logs", s.Logs)}
	if err := st.start(ctx, root, s); err != nil {
		return nil, errors.Join(err, st.Stop())
	}
	return st, nil
}

func (st *Stack) start(ctx context.Context, root string, s Settings) (err error) {
	if st.emulator, err = emulator.Launch(ctx, emulator.Settings{Root: root, Port: s.Port}); err != nil {
		return err
	}
	st.Config = config(st.emulator.Endpoint)
	fmt.Fprintf(s.Log, "emulator   %s\n", st.emulator.Endpoint)
	began := time.Now()
	if err := deploy(ctx, root, st.emulator.Endpoint, s); err != nil {
		return err
	}
	fmt.Fprintf(s.Log, "deployed   template.yaml, by sam, in %.0f s\n", time.Since(began).Seconds())
	if err := st.describe(ctx); err != nil {
		return fmt.Errorf("stack %s: %w", name, err)
	}
	if err := st.runFunctions(ctx, root, s); err != nil {
		return err
	}
	if err := st.readStream(ctx, s); err != nil {
		return err
	}
	fmt.Fprintf(s.Log, "logs       %s\nAPI        %s\n", st.LogDir, st.URL)
	return nil
}

// config is for clients of the emulator, from this process. It reads no environment.
func config(endpoint string) aws.Config {
	calls := sdk.Settings{Attempts: 5, Attempt: 30 * time.Second, Delay: time.Second}
	credentials := func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: emulator.AccessKey, SecretAccessKey: emulator.SecretKey}, nil
	}
	return aws.Config{
		Region: emulator.Region, BaseEndpoint: &endpoint, Credentials: aws.CredentialsProviderFunc(credentials),
		HTTPClient: calls.HTTPClient(), Retryer: calls.Retryer,
	}
}

// describe reads what was deployed: outputs and keys.
func (st *Stack) describe(ctx context.Context) error {
	described, err := cloudformation.NewFromConfig(st.Config).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(name)})
	if err != nil {
		return err
	}
	st.Outputs = map[string]string{}
	for _, o := range described.Stacks[0].Outputs {
		st.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	// The API's URL has a host name of its own, which not every resolver takes to this machine: this is its other form.
	api, err := url.Parse(st.Outputs["ApiUrl"])
	if err != nil {
		return fmt.Errorf("output ApiUrl: %w", err)
	}
	id, _, _ := strings.Cut(api.Hostname(), ".")
	st.URL = st.emulator.Endpoint + "/_aws/execute-api/" + id + "/$default"
	secret, err := secretsmanager.NewFromConfig(st.Config).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(st.Outputs["KeysSecretArn"])})
	if err != nil {
		return fmt.Errorf("the keys: %w", err)
	}
	st.Keys, err = access.ParseKeys(aws.ToString(secret.SecretString))
	return err
}

// runFunctions runs the bootstraps with what they were deployed with, and has the emulator call them.
func (st *Stack) runFunctions(ctx context.Context, root string, s Settings) error {
	endpoint := st.emulator.Endpoint
	if s.Wire != nil {
		var err error
		if endpoint, err = s.Wire(endpoint); err != nil {
			return err
		}
	}
	var err error
	st.Host, err = host.New(host.Settings{Region: emulator.Region, Endpoint: endpoint, LogDir: st.LogDir})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	st.proxy = &http.Server{Handler: trigger.Proxy(st.Host), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = st.proxy.Serve(l) }() // until Stop
	for _, output := range sorted(st.Outputs) {
		folder, ok := strings.CutSuffix(output, "Function") // the template's outputs "IngestFunction" ... hold the functions' names
		if !ok {
			continue
		}
		function := st.Outputs[output]
		f, err := trigger.Deployed(ctx, st.Config, function, filepath.Join(root, "build", strings.ToLower(folder), "bootstrap"))
		if err != nil {
			return err
		}
		if s.Kinesis != "" {
			f.Env["AWS_ENDPOINT_URL_KINESIS"] = s.Kinesis
		}
		if err := st.Host.Add(f); err != nil {
			return fmt.Errorf("%w: is it built? make functions ARCH=%s", err, runtime.GOARCH)
		}
		if err := trigger.Bind(ctx, st.Config, function, "http://"+l.Addr().String()); err != nil {
			return err
		}
	}
	return nil
}

// Replace replaces a function by another bootstrap, with the variables it was deployed with: what deploying changed code or views does. Calls under way
// are finished by the old one.
func (st *Stack) Replace(ctx context.Context, function, bootstrap string) error {
	f, err := trigger.Deployed(ctx, st.Config, function, bootstrap)
	if err != nil {
		return err
	}
	return st.Host.Add(f)
}

// readStream begins to read the stream, as the template's mapping would.
func (st *Stack) readStream(ctx context.Context, s Settings) error {
	var api trigger.KinesisAPI
	st.Kinesis = kinesis.NewFromConfig(st.Config)
	api = trigger.MiniStack{KinesisAPI: st.Kinesis}
	if s.Kinesis != "" {
		st.Kinesis = kinesis.NewFromConfig(st.Config, func(o *kinesis.Options) { o.BaseEndpoint = &s.Kinesis })
		api = st.Kinesis
		if err := createStream(ctx, st.Kinesis, st.Outputs["StreamName"], max(s.Shards, 1)); err != nil {
			return err
		}
	}
	mapping, err := trigger.DeployedMapping(ctx, st.Config, st.Outputs["StreamArn"])
	if err != nil {
		return err
	}
	st.Stream = &trigger.Kinesis{
		API: api, Stream: st.Outputs["StreamName"], Mapping: mapping, Invoke: trigger.Function(st.Host, Speed),
		Every: 200 * time.Millisecond, List: time.Second, Log: slog.New(slog.DiscardHandler),
	}
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	st.stop, st.polled = cancel, make(chan error, 1)
	go func() { st.polled <- st.Stream.Run(reading) }()
	return nil
}

func createStream(ctx context.Context, client *kinesis.Client, stream string, shards int) error {
	if _, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &stream, ShardCount: aws.Int32(int32(shards))}); err != nil {
		return fmt.Errorf("create stream %s: %w", stream, err)
	}
	waiter := kinesis.NewStreamExistsWaiter(client, func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second })
	return waiter.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &stream}, time.Minute)
}

// Stop ends everything that Start has started, and forgets what it held. It returns what has gone wrong meanwhile.
func (st *Stack) Stop() error {
	var errs []error
	if st.stop != nil {
		st.stop()
		errs = append(errs, <-st.polled)
	}
	if st.proxy != nil {
		errs = append(errs, st.proxy.Close())
	}
	if st.Host != nil {
		errs = append(errs, st.Host.Close())
	}
	if st.emulator != nil {
		errs = append(errs, st.emulator.Stop())
	}
	return errors.Join(errs...)
}

func sorted(m map[string]string) []string {
	return slices.Sorted(maps.Keys(m))
}
