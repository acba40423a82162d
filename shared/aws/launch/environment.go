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

// Resource is a thing of the stack that a function is told by a variable of this name. It has no default.
type Resource string

// The resources.
const (
	ArchiveBucket  Resource = "ArchiveBucket"  // by name. Danger: another one is another set of events.
	StreamName     Resource = "StreamName"     // part of the archive's layout: with another one the same archive is refused
	RepublishQueue Resource = "RepublishQueue" // by URL
	CatalogTable   Resource = "CatalogTable"   // by name, as the other tables
	BaseTable      Resource = "BaseTable"
	SpeedTable     Resource = "SpeedTable"
	SeenTable      Resource = "SeenTable"
	KeysSecret     Resource = "KeysSecret" // by ARN
)

// requestsAtOnce is per processor: requests wait for S3 and DynamoDB, not for one another.
const requestsAtOnce = 16

// Environment gives a function what it asks for, and keeps what goes wrong until the function has started: so one start names all that is missing. A
// method makes one thing only, so that a function's code shows what its role needs.
type Environment struct {
	ctx      context.Context // of the start
	lookup   setting.Lookup
	log      *slog.Logger
	printer  metrics.Printer
	config   aws.Config
	settings setting.All
	host     *setting.Host
	missing  map[Resource]bool // told once
	errs     []error
}

func newEnvironment(ctx context.Context, calls sdk.Settings, lookup setting.Lookup, log *slog.Logger, out io.Writer) *Environment {
	name, _ := lookup("AWS_LAMBDA_FUNCTION_NAME")
	e := &Environment{
		ctx: ctx, lookup: lookup, log: log, missing: map[Resource]bool{}, printer: metrics.Printer{Out: out, Function: name, Now: time.Now},
	}
	var err error
	e.config, err = sdk.Config(ctx, calls)
	e.Check(err)
	e.settings, err = setting.Read(lookup)
	e.Check(err)
	e.Check(limitMemory(lookup))
	return e
}

// Check keeps an error: the function does not start.
func (e *Environment) Check(err error) {
	if err != nil {
		e.errs = append(e.errs, err)
	}
}

// Settings are those of the system: what the environment does not say has its default.
func (e *Environment) Settings() setting.All { return e.settings }

// Config is for the clients of services.
func (e *Environment) Config() aws.Config { return e.config }

// Log is the function's log.
func (e *Environment) Log() *slog.Logger { return e.log }

// Print prints metrics of one invocation.
func (e *Environment) Print(values ...metrics.Value) {
	if err := e.printer.Print(values...); err != nil {
		e.log.Error("metrics lost", "error", err)
	}
}

// Name is the name, URL or ARN of a resource.
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

// Archive is the bucket.
func (e *Environment) Archive() *s3archive.Archive {
	return s3archive.New(s3.NewFromConfig(e.config), e.Name(ArchiveBucket))
}

// Stream is the stream.
func (e *Environment) Stream() *kinesisstream.Stream {
	return kinesisstream.New(kinesis.NewFromConfig(e.config), e.Name(StreamName))
}

// Queue is the republish queue.
func (e *Environment) Queue() *sqsqueue.Queue {
	return sqsqueue.New(sqs.NewFromConfig(e.config), e.Name(RepublishQueue))
}

// Host is what layers on the archive are given. The archive's layout must be that of the settings; where there is none yet, it becomes so. Ask for it
// last: when something has gone wrong already, no service is asked.
func (e *Environment) Host() setting.Host {
	if e.host == nil {
		e.host = &setting.Host{
			Parallel: runner.Parallel(requestsAtOnce * runtime.GOMAXPROCS(0)), Workers: runtime.GOMAXPROCS(0), Now: time.Now, NewULID: newULID, Log: e.log,
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
