// Package emulator runs an emulator of AWS, MiniStack or LocalStack, in its own process on 127.0.0.1. It serves tests
// behind the build tag `emulator`, and the commands below localstack/. It installs pinned versions with pip below
// build/. It needs neither Docker nor an account.
//
// The package knows nothing of Anabranch. probe_test.go lists and checks the differences between MiniStack and AWS.
package emulator

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/anabranch/anabranch/infra/venv"
)

// The configuration for clients of an emulator. The emulator does not check the credentials.
const (
	Region    = "us-east-1"
	AccessKey = "test"
	SecretKey = "test"
)

//go:embed launch.py
var launch string

// Settings configures an emulator. The zero Settings are valid.
type Settings struct {
	Product *Product  // nil means MiniStack.
	Root    string    // Directory of the repository. "" means that of the working directory.
	Port    int       // Port on 127.0.0.1. 0 means any free port.
	Env     []string  // More environment variables of the emulator, for example "PERSIST_STATE=1".
	Log     io.Writer // Gets the output of the emulator. nil keeps only its end, for errors.
}

// Emulator is a running emulator.
type Emulator struct {
	Endpoint string // Value for AWS_ENDPOINT_URL, for example "http://127.0.0.1:41233".

	product Product
	process *exec.Cmd
	stdin   io.Closer // the process ends when this is closed
	ended   chan struct{}
	err     error // why the process ended; valid after ended is closed
	output  *tail
	home    string
}

// Start runs the emulator that the environment chooses (Choose) for the rest of the test. If it cannot install or start
// the emulator, the test fails; it is never skipped.
func Start(t testing.TB) *Emulator {
	t.Helper()
	e, err := Choose(t.Context())
	if err != nil {
		t.Fatalf("start emulator: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Errorf("stop emulator: %v", err)
		}
	})
	return e
}

// Launch installs the emulator if it is missing, starts it and returns when it answers. ctx bounds only the start. The
// emulator ends with Stop or with this process.
func Launch(ctx context.Context, s Settings) (*Emulator, error) {
	if s.Product == nil {
		s.Product = &MiniStack
	}
	if s.Root == "" {
		root, err := venv.Root()
		if err != nil {
			return nil, err
		}
		s.Root = root
	}
	bin, err := venv.Open(ctx, s.Root, s.Product.Packages)
	if err != nil {
		return nil, err
	}
	e, err := run(ctx, s, bin)
	if err != nil {
		return nil, err
	}
	if err := e.waitUntilHealthy(ctx); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

// run starts the process.
func run(ctx context.Context, s Settings, bin string) (*Emulator, error) {
	port := s.Port
	if port == 0 {
		var err error
		if port, err = freePort(); err != nil {
			return nil, err
		}
	}
	home, err := os.MkdirTemp("", "emulator-")
	if err != nil {
		return nil, err
	}
	e := &Emulator{
		Endpoint: address(port), product: *s.Product, output: &tail{}, home: home, ended: make(chan struct{}),
	}
	if err := e.start(ctx, s, bin, port); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", e.product.Name, err), os.RemoveAll(home))
	}
	go func() {
		e.err = e.process.Wait()
		close(e.ended)
	}()
	return e, nil
}

func (e *Emulator) start(ctx context.Context, s Settings, bin string, port int) error {
	environment, err := e.product.environment(ctx, s.Root, e.home, port)
	if err != nil {
		return err
	}
	e.process = exec.Command(
		filepath.Join(bin, "python"), "-c", launch, e.product.module, strconv.Itoa(e.product.grace),
	)
	// The emulator and its child processes get no other variables. They write their files into a directory that Stop
	// removes.
	e.process.Env = slices.Concat([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + e.home,
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey, "AWS_DEFAULT_REGION=" + Region,
	}, environment, s.Env)
	e.process.Dir = e.home
	e.process.Stdout = e.output
	if s.Log != nil {
		e.process.Stdout = io.MultiWriter(s.Log, e.output)
	}
	e.process.Stderr = e.process.Stdout
	apart(e.process)
	if e.stdin, err = e.process.StdinPipe(); err != nil {
		return err
	}
	return e.process.Start()
}

// freePort returns a free port. If another process takes it before the emulator does, the emulator reports it and ends.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (e *Emulator) waitUntilHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := e.healthy(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-e.ended:
			return fmt.Errorf("%s ended (%v):\n%s", e.product.Name, e.err, e.output)
		case <-ctx.Done():
			return fmt.Errorf("%s did not answer at %s: %w\n%s", e.product.Name, e.Endpoint, err, e.output)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (e *Emulator) healthy(ctx context.Context) error {
	// Another process may hold the port and never answer.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return e.call(ctx, http.MethodGet, e.product.health)
}

// Reset deletes all data in the emulator.
func (e *Emulator) Reset(ctx context.Context) error {
	return e.call(ctx, http.MethodPost, e.product.reset)
}

func (e *Emulator) call(ctx context.Context, method, path string) error {
	request, err := http.NewRequestWithContext(ctx, method, e.Endpoint+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// Stop ends the emulator, as SIGTERM would, and removes its files. Its data is lost, unless Env made it persist the
// data in another directory. An emulator that Launch has not started goes on.
func (e *Emulator) Stop() error {
	if e.process == nil {
		return nil
	}
	if err := e.stdin.Close(); err != nil {
		return err
	}
	select {
	case <-e.ended: // the exit code does not matter: if the emulator ended by itself, its clients have failed already
		return os.RemoveAll(e.home)
	case <-time.After(10 * time.Second):
	}
	killed := e.process.Process.Kill()
	<-e.ended
	return errors.Join(
		fmt.Errorf("%s did not end by itself and was killed:\n%s", e.product.Name, e.output), killed, os.RemoveAll(e.home),
	)
}
