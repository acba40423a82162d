package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/anabranch/anabranch/localstack/sample"
)

// server is a running "anabranch dev".
type server struct {
	sample.Server
	command string
	process *exec.Cmd
}

// start runs "anabranch dev" on a free port, and reads the port from its output.
func start(ctx context.Context, command, dir, views string, settings ...string) (*server, error) {
	args := []string{"dev", "--views", views, "--dir", dir, "--listen", "127.0.0.1:0", "--commit-within", "500ms"}
	args = append(args, settings...)
	fmt.Println("$ anabranch", strings.Join(args, " "))
	c := exec.CommandContext(ctx, command, args...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	out, err := c.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command, err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Println(lines.Text())
		if _, url, ok := strings.Cut(lines.Text(), "listens on "); ok {
			go func() { _, _ = io.Copy(os.Stderr, out) }() // pass on the server's later output
			return &server{Server: sample.Server{URL: url}, command: command, process: c}, nil
		}
	}
	return nil, errors.Join(errors.New("anabranch dev did not start"), c.Wait())
}

func (s *server) end() {
	_ = s.process.Process.Signal(os.Interrupt)
	_ = s.process.Wait()
}

// anabranch runs a command against the server, and prints the command and its output.
func (s *server) anabranch(ctx context.Context, args ...string) error {
	fmt.Println("\n$ anabranch", strings.Join(args, " "))
	c := exec.CommandContext(ctx, s.command, append(args, "--url", s.URL)...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c.Run()
}

// exits reports whether err says that a command ended with the exit code.
func exits(err error, code int) bool {
	var ended *exec.ExitError
	return errors.As(err, &ended) && ended.ExitCode() == code
}
