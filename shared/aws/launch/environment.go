package launch

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/aws/kinesisstream"
	"github.com/anabranch/anabranch/shared/aws/s3archive"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/sqsqueue"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/setting"
)

// Resource is a resource of the stack. The variable with its name tells a function which one to use. It has no default.
type Resource string

// The resources.
const (
	ArchiveBucket Resource = "ArchiveBucket" // a name. Danger: another bucket is another set of events.
	// A name. The archive's layout contains it, so the archive refuses another one..
	StreamName     Resource = "StreamName"
	RepublishQueue Resource = "RepublishQueue" // a URL
	CatalogTable   Resource = "CatalogTable"   // a name, like the other tables
	BaseTable      Resource = "BaseTable"
	SpeedTable     Resource = "SpeedTable"
	SeenTable      Resource = "SeenTable"
	KeysSecret     Resource = "KeysSecret" // an ARN
)

// requestsAtOnce is the number of concurrent requests per processor. Requests wait for S3 and DynamoDB, not for one
// another.
const requestsAtOnce = 16

// Environment makes what a function asks for, and collects errors until the function has started, so that one start
// reports everything that is missing. Each method makes one thing, so that a function's code shows the permissions that
// its role needs.
type Environment struct {
	ctx      context.Context // of the start
	lookup   setting.Lookup
	log      *slog.Logger
	printer  metrics.Printer
	config   aws.Config
	settings setting.All
	host     *setting.Host
	memory   int               // MB; 0: unknown
	missing  map[Resource]bool // told once
	errs     []error
}

func newEnvironment(
	ctx context.Context, calls sdk.Settings, lookup setting.Lookup, log *slog.Logger, out io.Writer,
) *Environment {
	name, _ := lookup("AWS_LAMBDA_FUNCTION_NAME")
	e := &Environment{
		ctx: ctx, lookup: lookup, log: log, missing: map[Resource]bool{},
		printer: metrics.Printer{Out: out, Function: name, Now: time.Now},
	}
	var err error
	e.config, err = sdk.Config(ctx, calls)
	e.Check(err)
	e.settings, err = setting.Read(lookup)
	e.Check(err)
	e.log = slog.New(leveled{log.Handler(), e.settings.LogLevel})
	e.memory, err = limitMemory(lookup)
	e.Check(err)
	return e
}

// Check records an error. A function with an error does not start.
func (e *Environment) Check(err error) {
	if err != nil {
		e.errs = append(e.errs, err)
	}
}

// Settings returns the settings. A setting that the environment does not contain has its default.
func (e *Environment) Settings() setting.All { return e.settings }

// Config returns the configuration for clients of services.
func (e *Environment) Config() aws.Config { return e.config }

// Log returns the function's log.
func (e *Environment) Log() *slog.Logger { return e.log }

// Print prints metrics of one invocation. If that fails, it logs the error.
func (e *Environment) Print(values ...metrics.Value) {
	if err := e.printer.Print(values...); err != nil {
		e.log.Error("metrics lost", "error", err)
	}
}

// Name returns the name, URL or ARN of a resource.
func (e *Environment) Name(of Resource) string {
	variable := setting.Variable(string(of))
	name, _ := e.lookup(variable)
	if name == "" && !e.missing[of] {
		e.missing[of] = true
		e.Check(fmt.Errorf("%s is not set: it has no default", variable))
	}
	return name
}

// File reads a file that was deployed with the function.
func (e *Environment) File(name string) []byte {
	root, _ := e.lookup("LAMBDA_TASK_ROOT") // where Lambda unpacks the function; unset, the working directory
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		e.Check(fmt.Errorf("read file of the function: %w", err))
	}
	return text
}

// Archive returns the archive's bucket.
func (e *Environment) Archive() *s3archive.Archive {
	return s3archive.New(s3.NewFromConfig(e.config), e.Name(ArchiveBucket))
}

// Stream returns the stream.
func (e *Environment) Stream() *kinesisstream.Stream {
	return kinesisstream.New(kinesis.NewFromConfig(e.config), e.Name(StreamName))
}

// Queue returns the republish queue.
func (e *Environment) Queue() *sqsqueue.Queue {
	return sqsqueue.New(sqs.NewFromConfig(e.config), e.Name(RepublishQueue))
}

// Parallel returns the runner of concurrent requests.
func (e *Environment) Parallel() runner.Runner {
	return runner.Parallel(requestsAtOnce * runtime.GOMAXPROCS(0))
}

// Host returns the host of a layer that uses the archive. The archive's layout must match the settings; if there is
// none yet, Host creates it. Call Host last: after an earlier error it sends no request to any service.
func (e *Environment) Host() setting.Host {
	if e.host == nil {
		e.host = &setting.Host{
			Parallel: e.Parallel(), Repeat: runner.Repeat, Workers: runtime.GOMAXPROCS(0), Memory: e.memory,
			Now: time.Now, NewULID: newULID, Log: e.log,
		}
		e.openLayout()
	}
	return *e.host
}

func (e *Environment) openLayout() {
	bucket, stream := e.Name(ArchiveBucket), e.Name(StreamName)
	if len(e.errs) > 0 {
		return
	}
	var err error
	e.host.Codec, err = e.settings.NewCodec()
	e.Check(err)
	e.host.Layout, err = e.settings.OpenLayout(e.ctx, e.Archive(), stream, rand.Reader, time.Now)
	if err != nil {
		e.Check(fmt.Errorf("archive %s: %w", bucket, err))
	}
}

func newULID(at time.Time) (ulid.ULID, error) { return ulid.New(ulid.Timestamp(at), rand.Reader) }
