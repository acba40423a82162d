// Package emulator runs MiniStack, an emulator of AWS, in its own process on 127.0.0.1. It serves tests behind the
// build tag `emulator`, and the commands below localstack/. It installs pinned versions with pip into build/venv. It
// needs neither Docker nor an account.
//
// The package knows nothing of Anabranch. probe_test.go lists and checks the differences between MiniStack and AWS.
package emulator

import (
	"bytes"
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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anabranch/anabranch/infra/venv"
)

// Requirements is the file that pins the packages of the emulator.
const Requirements = "localstack/requirements.txt"

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
	Root string    // Directory of the repository. "" means that of the working directory.
	Port int       // Port on 127.0.0.1. 0 means any free port.
	Env  []string  // More environment variables of the emulator, for example "PERSIST_STATE=1".
	Log  io.Writer // Gets the output of the emulator. nil keeps only its end, for errors.
}

// Emulator is a running emulator.
type Emulator struct {
	Endpoint string // Value for AWS_ENDPOINT_URL, for example "http://127.0.0.1:41233".

	process *exec.Cmd
	stdin   io.Closer // the process ends when this is closed
	ended   chan struct{}
	err     error // why the process ended; valid after ended is closed
	output  *tail
	home    string
}

// Start runs an emulator for the rest of the test. If it cannot install or start the emulator, the test fails; it is
// never skipped.
func Start(t testing.TB) *Emulator {
	t.Helper()
	e, err := Launch(t.Context(), Settings{})
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
	if s.Root == "" {
		root, err := venv.Root()
		if err != nil {
			return nil, err
		}
		s.Root = root
	}
	bin, err := venv.Open(ctx, s.Root, "venv", Requirements)
	if err != nil {
		return nil, err
	}
	e, err := run(s, bin)
	if err != nil {
		return nil, err
	}
	if err := e.waitUntilHealthy(ctx); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

// run starts the process.
func run(s Settings, bin string) (*Emulator, error) {
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
		Endpoint: fmt.Sprintf("http://127.0.0.1:%d", port), output: &tail{}, home: home, ended: make(chan struct{}),
	}
	e.process = exec.Command(filepath.Join(bin, "python"), "-c", launch)
	e.process.Env = append(e.environment(port), s.Env...)
	e.process.Dir = home
	e.process.Stdout = e.output
	if s.Log != nil {
		e.process.Stdout = io.MultiWriter(s.Log, e.output)
	}
	e.process.Stderr = e.process.Stdout
	apart(e.process)
	if e.stdin, err = e.process.StdinPipe(); err == nil {
		err = e.process.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start MiniStack: %w", err), os.RemoveAll(home))
	}
	go func() {
		e.err = e.process.Wait()
		close(e.ended)
	}()
	return e, nil
}

// environment returns all environment variables of the emulator and of its child processes. It does not pass on our
// own. The emulator writes its files into a directory that Stop removes.
func (e *Emulator) environment(port int) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + e.home, "TMPDIR=" + e.home, "LOG_LEVEL=WARNING",
		"BIND_HOST=127.0.0.1", fmt.Sprintf("GATEWAY_PORT=%d", port), "AWS_ENDPOINT_URL=" + e.Endpoint,
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey, "AWS_DEFAULT_REGION=" + Region,
		"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0", // these services would open more ports
		"S3_DATA_DIR=" + filepath.Join(e.home, "s3"),
	}
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
			return fmt.Errorf("MiniStack ended (%v):\n%s", e.err, e.output)
		case <-ctx.Done():
			return fmt.Errorf("MiniStack did not answer at %s: %w\n%s", e.Endpoint, err, e.output)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (e *Emulator) healthy(ctx context.Context) error {
	// Another process may hold the port and never answer.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return e.call(ctx, http.MethodGet, "/_ministack/health")
}

// Reset deletes all data in the emulator.
func (e *Emulator) Reset(ctx context.Context) error {
	return e.call(ctx, http.MethodPost, "/_ministack/reset")
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
// data in another directory.
func (e *Emulator) Stop() error {
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
		fmt.Errorf("MiniStack did not end by itself and was killed:\n%s", e.output), killed, os.RemoveAll(e.home),
	)
}

// tail keeps the last 16 KiB that were written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = bytes.Clone(t.text[over:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
