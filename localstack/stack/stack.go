// Package stack runs Anabranch on this machine as it is deployed: sam deploys the real template to MiniStack, the local
// Lambda host runs the built bootstraps, and a poller reads the stream by the rules of Lambda's mapping. `make local`
// and the end-to-end tests use it. It needs neither Docker nor an account.
//
// It builds on localstack/emulator and localstack/host, which know nothing of Anabranch. MiniStack provides HTTP API,
// authorizer, schedule and queue, and calls the host through its proxy mode. Our own poller reads the stream, since
// MiniStack does not read it as Lambda does.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// Name is the name of the CloudFormation stack. The names of the functions begin with it.
const Name = "anabranch"

// The names of the functions in template.yaml. A test in infra/ compares them with the folders below functions/.
const (
	Ingest     = Name + "-ingest"
	Speed      = Name + "-speed"
	Batch      = Name + "-batch"
	Query      = Name + "-query"
	Prometheus = Name + "-prometheus"
	MCP        = Name + "-mcp"
	Republish  = Name + "-republish"
	Replay     = Name + "-replay"
	Audit      = Name + "-audit"
	Admin      = Name + "-admin"
	Authorizer = Name + "-authorizer"
)

// Settings of a stack. The zero value works.
type Settings struct {
	Port       int               // port of the emulator; 0 for any free port
	Parameters map[string]string // parameters of the template, besides those that a local stack needs
	Log        io.Writer         // receives progress messages; nil for none
	Logs       string            // folder below build/logs for the functions' logs; "" for build/logs itself

	// Wire receives the URL of an emulator and returns the URL that the functions call instead, for example a proxy's. It
	// is called once for each URL. nil: the functions call the emulators.
	Wire func(endpoint string) (string, error)
	// Elsewhere holds the URLs of other emulators, by the service that they serve instead of MiniStack, for example
	// "kinesis" (Services). Start creates the stack's resources there, with new names. Stop leaves them there.
	Elsewhere map[string]string
}

// shards is the number of shards of the stream.
const shards = 2

// Stack is a running stack.
type Stack struct {
	URL     string            // URL of the HTTP API
	Keys    access.Keys       // keys of the HTTP API
	Outputs map[string]string // outputs of the template, by name
	Host    *host.Host        // runs the functions
	Stream  *trigger.Kinesis  // reads the stream
	Config  aws.Config        // configuration for clients of MiniStack
	Kinesis *kinesis.Client   // client of the emulator that holds the stream
	LogDir  string            // directory of the functions' logs

	emulator  *emulator.Emulator
	elsewhere map[string]string // URLs of other emulators, by service
	wired     map[string]string // what functions call instead of an emulator, by its URL
	renamed   map[string]string // values of deployed variables and what replaces them
	proxy     *http.Server
	readers   []func() error // stop the readers of stream and queue, and return their errors
	reading   func() error   // stops the reader of the stream; nil when it does not run
}

// Start deploys and starts a stack. ctx bounds only the start; Stop ends the stack.
//
// It needs the functions in build/, built for this machine (`make functions ARCH=...`), and python3. It needs the
// network the first time.
func Start(ctx context.Context, s Settings) (*Stack, error) {
	root, err := venv.Root()
	if err != nil {
		return nil, err
	}
	if s.Log == nil {
		s.Log = io.Discard
	}
	st := &Stack{
		LogDir: filepath.Join(root, "build", "logs", s.Logs), elsewhere: s.Elsewhere,
		wired: map[string]string{}, renamed: map[string]string{},
	}
	if err := st.start(ctx, root, s); err != nil {
		return nil, errors.Join(err, st.Stop())
	}
	return st, nil
}

func (st *Stack) start(ctx context.Context, root string, s Settings) (err error) {
	fmt.Fprintln(s.Log, "starting   the emulator; the first time, this installs it below build/ (a minute or two)")
	if st.emulator, err = emulator.Launch(ctx, emulator.Settings{Root: root, Port: s.Port}); err != nil {
		return err
	}
	st.Config = Config(st.emulator.Endpoint)
	fmt.Fprintf(s.Log, "emulator   %s\n", st.emulator.Endpoint)
	fmt.Fprintln(s.Log, "deploying  template.yaml with sam, which takes about a minute")
	began := time.Now()
	if err := Deploy(ctx, root, st.emulator.Endpoint, io.Discard, s.Parameters); err != nil {
		return err
	}
	fmt.Fprintf(s.Log, "deployed   template.yaml with sam in %.0f s\n", time.Since(began).Seconds())
	return st.run(ctx, root, s)
}

// run runs the functions of the deployed stack, and reads its stream and queue.
func (st *Stack) run(ctx context.Context, root string, s Settings) error {
	if err := st.describe(ctx); err != nil {
		return fmt.Errorf("stack %s: %w", Name, err)
	}
	if err := st.moveResources(ctx); err != nil {
		return err
	}
	if err := st.wireEmulators(s); err != nil {
		return err
	}
	if err := st.runFunctions(ctx, root); err != nil {
		return err
	}
	if err := st.readStream(ctx); err != nil {
		return err
	}
	st.readQueue(ctx)
	fmt.Fprintf(s.Log, "logs       %s\nAPI        %s\n", st.LogDir, st.URL)
	return nil
}

// Config returns the configuration for clients of an emulator in this process. It ignores the environment.
func Config(endpoint string) aws.Config {
	calls := sdk.Settings{Attempts: 5, Attempt: 30 * time.Second, Delay: time.Second}
	credentials := func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: emulator.AccessKey, SecretAccessKey: emulator.SecretKey}, nil
	}
	return aws.Config{
		Region: emulator.Region, BaseEndpoint: &endpoint, Credentials: aws.CredentialsProviderFunc(credentials),
		HTTPClient: calls.HTTPClient(), Retryer: calls.Retryer,
	}
}

// describe reads the outputs and the keys of the deployed stack.
func (st *Stack) describe(ctx context.Context) error {
	stacks := cloudformation.NewFromConfig(st.Config)
	described, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(Name)})
	if err != nil {
		return err
	}
	st.Outputs = map[string]string{}
	for _, o := range described.Stacks[0].Outputs {
		st.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	// Not every resolver finds the host name in the API's URL, so use the form with a path instead.
	api, err := url.Parse(st.Outputs["ApiUrl"])
	if err != nil {
		return fmt.Errorf("output ApiUrl: %w", err)
	}
	id, _, _ := strings.Cut(api.Hostname(), ".")
	st.URL = st.emulator.Endpoint + "/_aws/execute-api/" + id + "/$default"
	secrets := secretsmanager.NewFromConfig(st.Config)
	secret, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
		SecretId: aws.String(st.Outputs["KeysSecretArn"]),
	})
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	st.Keys, err = access.ParseKeys(aws.ToString(secret.SecretString))
	return err
}

// wireEmulators finds out what the functions call instead of each emulator.
func (st *Stack) wireEmulators(s Settings) (err error) {
	for _, endpoint := range append(slices.Sorted(maps.Values(st.elsewhere)), st.emulator.Endpoint) {
		if _, ok := st.wired[endpoint]; ok {
			continue
		}
		st.wired[endpoint] = endpoint
		if s.Wire == nil {
			continue
		}
		if st.wired[endpoint], err = s.Wire(endpoint); err != nil {
			return err
		}
	}
	return nil
}

// runFunctions runs the bootstraps with their deployed variables, and makes the emulator call them.
func (st *Stack) runFunctions(ctx context.Context, root string) error {
	var err error
	st.Host, err = host.New(
		host.Settings{Region: emulator.Region, Endpoint: st.wired[st.emulator.Endpoint], LogDir: st.LogDir},
	)
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
		folder, ok := strings.CutSuffix(output, "Function") // the outputs IngestFunction, ... hold the names of the functions
		if !ok {
			continue
		}
		function := st.Outputs[output]
		bootstrap := filepath.Join(root, "build", strings.ToLower(folder), "bootstrap")
		if err := st.Replace(ctx, function, bootstrap); err != nil {
			return fmt.Errorf("%w; run make functions ARCH=%s first", err, runtime.GOARCH)
		}
		if err := trigger.Bind(ctx, st.Config, function, "http://"+l.Addr().String()); err != nil {
			return err
		}
	}
	return nil
}

// Replace replaces the bootstrap of a function and keeps its deployed variables, as a deployment of changed code or
// views does. The old bootstrap finishes the calls under way.
func (st *Stack) Replace(ctx context.Context, function, bootstrap string) error {
	f, err := trigger.Deployed(ctx, st.Config, function, bootstrap)
	if err != nil {
		return err
	}
	for variable, value := range f.Env {
		if renamed, ok := st.renamed[value]; ok {
			f.Env[variable] = renamed
		}
	}
	for service, endpoint := range st.elsewhere {
		f.Env[services[service].variable] = st.wired[endpoint]
	}
	return st.Host.Add(f)
}

// Stop ends everything that Start has started, and deletes its data. It returns the errors of the readers, the host and
// the emulator.
func (st *Stack) Stop() error {
	errs := []error{st.stopReaders()}
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
