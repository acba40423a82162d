// Package kinesislocal runs kinesis-local, an emulator of Kinesis, in its own process on 127.0.0.1. It serves tests
// behind the build tag `emulator` that split and merge shards: kinesis-local does this as Kinesis does, and MiniStack
// does not. LocalStack takes it for its Kinesis. The package installs a pinned version with npm into
// build/kinesis-local. It needs Node 20 or later, and network access for the installation.
//
// The package knows nothing of Anabranch.
package kinesislocal

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/anabranch/anabranch/infra/venv"
)

//go:embed package.json package-lock.json launch.js loopback.js
var files embed.FS

// Version is the version of kinesis-local that package.json pins.
const Version = "0.6.2"

// Loopback is the name of a script in an installation. If Node requires it first, a server listens only on 127.0.0.1
// and ends with the process that started it.
const Loopback = "loopback.js"

// Server is a running kinesis-local.
type Server struct {
	Endpoint string // URL of the server, for example "http://127.0.0.1:41233".

	process *exec.Cmd
	stdin   io.Closer // the process ends when this is closed
	output  *bytes.Buffer
	ended   chan struct{}
}

// Start runs a server for the rest of the test. If it cannot install or start the server, the test fails; it is never
// skipped.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := Launch(t.Context())
	if err != nil {
		t.Fatalf("start kinesis-local: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop kinesis-local: %v", err)
		}
	})
	return s
}

// Launch installs the server if it is missing, starts it and returns when it answers. ctx bounds only the start. The
// server ends with Stop or with this process.
func Launch(ctx context.Context) (*Server, error) {
	root, err := venv.Root()
	if err != nil {
		return nil, err
	}
	home, err := Install(ctx, root)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts()
	if err != nil {
		return nil, err
	}
	s := &Server{
		Endpoint: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), output: &bytes.Buffer{}, ended: make(chan struct{}),
	}
	s.process = exec.Command("node", filepath.Join(home, "launch.js"))
	s.process.Dir = filepath.Join(home, "node_modules", "kinesis-local") // the server reads server.json there
	s.process.Env = []string{
		"PATH=" + os.Getenv("PATH"), "LOG_LEVEL=ERROR",
		fmt.Sprintf("KINESIS_MOCK_PLAIN_PORT=%d", ports[0]), fmt.Sprintf("KINESIS_MOCK_TLS_PORT=%d", ports[1]),
		// A reshard takes long enough for a test to observe it.
		"CREATE_STREAM_DURATION=50ms", "SPLIT_SHARD_DURATION=100ms", "MERGE_SHARDS_DURATION=100ms",
		"UPDATE_SHARD_COUNT_DURATION=100ms",
	}
	s.process.Stdout, s.process.Stderr = s.output, s.output
	if s.stdin, err = s.process.StdinPipe(); err == nil {
		err = s.process.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start kinesis-local with Node: %w", err)
	}
	go func() {
		_ = s.process.Wait() // the exit status tells less than the output
		close(s.ended)
	}()
	if err := s.wait(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Install installs the package if it is missing, and returns the directory that holds its node_modules. It installs
// into a temporary directory and then renames that one, so that no process ever sees half an installation.
func Install(ctx context.Context, root string) (string, error) {
	home := filepath.Join(root, "build", "kinesis-local")
	if same(home) {
		return home, nil
	}
	fmt.Fprintf(os.Stderr, "installing kinesis-local into %s, once\n", home)
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(filepath.Dir(home), "kinesis-local-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir) // on success, Rename has moved it
	if err := os.CopyFS(dir, files); err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci, which needs npm and network access: %w\n%s", err, out)
	}
	if err := os.RemoveAll(home); err != nil {
		return "", err
	}
	if err := os.Rename(dir, home); err != nil && !same(home) { // another process may have been quicker
		return "", err
	}
	return home, nil
}

// same reports whether a directory was installed from the current embedded files.
func same(home string) bool {
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		want, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		have, err := os.ReadFile(filepath.Join(home, name))
		if err == nil && !bytes.Equal(have, want) {
			err = errors.New("the file differs")
		}
		return err
	}) == nil
}

// freePorts returns two free ports. If another process takes one before the server does, the server reports it and
// ends.
func freePorts() (ports [2]int, err error) {
	var listeners []net.Listener
	for i := range ports {
		l, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if listenErr != nil {
			err = fmt.Errorf("find a free port: %w", listenErr)
			break
		}
		listeners = append(listeners, l)
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	for _, l := range listeners { // both stay open until now, so that the ports differ
		err = errors.Join(err, l.Close())
	}
	return ports, err
}

func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close() // any response shows that the server runs
		}
		select {
		case <-s.ended:
			return fmt.Errorf("kinesis-local ended:\n%s", s.output)
		case <-ctx.Done():
			return fmt.Errorf("kinesis-local did not answer at %s: %w", s.Endpoint, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the server. All its data is lost.
func (s *Server) Stop() error {
	if err := s.stdin.Close(); err != nil {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(10 * time.Second):
	}
	err := s.process.Process.Kill()
	<-s.ended
	return errors.Join(fmt.Errorf("kinesis-local did not end by itself and was killed:\n%s", s.output), err)
}
