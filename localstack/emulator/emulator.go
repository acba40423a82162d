// Package emulator runs MiniStack, an emulator of AWS, as a process of its own on 127.0.0.1: for tests behind the build tag `emulator`, and for
// the commands below localstack/. It installs it with pip into build/venv, pinned and frozen; no Docker, no account.
//
// It knows nothing of Anabranch. What the emulator does otherwise than AWS is listed, and checked, by probe_test.go.
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

// Requirements is the file of frozen packages that hold the emulator.
const Requirements = "localstack/requirements.txt"

// What every client of an emulator is to be configured with. The emulator asks for no right credentials.
const (
	Region    = "us-east-1"
	AccessKey = "test"
	SecretKey = "test"
)

//go:embed launch.py
var launch string

// Settings of an emulator. The zero Settings do.
type Settings struct {
	Root string    // the repository's directory; "": found from the working directory
	Port int       // on 127.0.0.1; 0: any that is free
	Env  []string  // more of the emulator's environment, as in os.Environ; for example "PERSIST_STATE=1"
	Log  io.Writer // its output; nil: kept only to be part of errors
}

// Emulator is a running emulator.
type Emulator struct {
	Endpoint string // for example "http://127.0.0.1:41233", what AWS_ENDPOINT_URL is to be

	process *exec.Cmd
	stdin   io.Closer // closed: the process ends
	ended   chan struct{}
	err     error // why it ended; read after ended is closed
	output  *tail
	home    string
}

// Start runs an emulator for the rest of the test, as one test of a package does. An emulator that is missing, or does not start, fails the
// test: it is never skipped.
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

// Launch installs the emulator where it is missing, starts it and returns when it answers. ctx bounds the start only: Stop ends the emulator, and so
// does the end of this process.
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
	e := &Emulator{Endpoint: fmt.Sprintf("http://127.0.0.1:%d", port), output: &tail{}, home: home, ended: make(chan struct{})}
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

// environment is all that the emulator sees, and hands on to what it starts: none of ours. Its files go into a directory that Stop removes.
func (e *Emulator) environment(port int) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + e.home, "TMPDIR=" + e.home, "LOG_LEVEL=WARNING",
		"BIND_HOST=127.0.0.1", fmt.Sprintf("GATEWAY_PORT=%d", port), "AWS_ENDPOINT_URL=" + e.Endpoint,
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey, "AWS_DEFAULT_REGION=" + Region,
		"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0", // it would open more ports
		"S3_DATA_DIR=" + filepath.Join(e.home, "s3"),
	}
}

// freePort is a port that was free a moment ago. Should somebody take it, the emulator says so and ends.
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
			return fmt.Errorf("MiniStack at %s does not answer: %w\n%s", e.Endpoint, err, e.output)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (e *Emulator) healthy(ctx context.Context) error {
	// Who holds the port may be somebody else, who does not answer.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return e.call(ctx, http.MethodGet, "/_ministack/health")
}

// Reset forgets everything the emulator holds.
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

// Stop ends the emulator, as SIGTERM would, and removes its files. What it held is gone, unless Env asked to persist it elsewhere.
func (e *Emulator) Stop() error {
	if err := e.stdin.Close(); err != nil {
		return err
	}
	select {
	case <-e.ended: // its exit code says nothing: an emulator that ended by itself has failed whoever used it
		return os.RemoveAll(e.home)
	case <-time.After(10 * time.Second):
	}
	killed := e.process.Process.Kill()
	<-e.ended
	return errors.Join(fmt.Errorf("MiniStack did not end by itself and was killed:\n%s", e.output), killed, os.RemoveAll(e.home))
}

// tail keeps the end of what is written to it.
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
