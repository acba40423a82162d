package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// world is what a command touches outside itself. Tests give it another clock, and no waits.
type world struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // whether stderr is one that a progress bar can be drawn on
	asks           bool // whether somebody is at stdin and stderr who can be asked
	version        string
	now            func() time.Time
	sleep          func(context.Context, time.Duration) error
	random         func() float64
	deadline       func(context.Context) (context.Context, context.CancelFunc) // of one HTTP attempt
}

func earth(stdin io.Reader, stdout, stderr io.Writer) *world {
	return &world{stdin: stdin, stdout: stdout, stderr: stderr, terminal: isTerminal(stderr), asks: isTerminal(stdin) && isTerminal(stderr), version: version(),
		now: time.Now, sleep: client.Sleep, random: rand.Float64, deadline: client.Within(60 * time.Second)}
}

// isTerminal is false for TERM=dumb, which cannot go back to the start of a line.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// version is that of the module, as the Go command recorded it: "v1.2.0", or "(devel)" for a build from a checkout without a tag.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// Server are the flags that every client command has.
type Server struct {
	URL string     `help:"Address of the server." default:"http://127.0.0.1:8080" env:"ANABRANCH_URL"`
	Key client.Key `help:"Key of the server, where it wants one. In the variable it is out of sight of other users of this machine." placeholder:"KEY" env:"ANABRANCH_KEY"`

	base  *url.URL
	admin bool // whether the command wants the admin key
}

// Validate refuses an address that is none, and a key that may not go there, before the command runs.
func (s *Server) Validate() error {
	base, err := client.ParseURL(s.URL)
	if err != nil {
		return fmt.Errorf("--url: %w", err)
	}
	if err := s.Key.Check(base); err != nil {
		return fmt.Errorf("--key: %w", err)
	}
	s.base = base
	return nil
}

// maxAnswer is far above the 10,000 windows that an answer may have, in bytes.
const maxAnswer = 64 << 20

// client asks the server, over up to conns connections.
func (w *world) client(server Server, retry client.Retry, conns int) *client.Client {
	return &client.Client{Base: server.base, HTTP: client.Transport(conns), Agent: "anabranch/" + w.version, Key: server.Key, Retry: retry,
		Now: w.now, Sleep: w.sleep, Random: w.random, Deadline: w.deadline, MaxAnswer: maxAnswer}
}

// The exit codes of the command. They stay as they are.
const (
	exitOK          = 0
	exitRejected    = 1 // an event was rejected, or a question refused
	exitUsage       = 2 // wrong flags, an input that cannot be read
	exitUnreachable = 3 // no usable answer
)

// failure is an error with its exit code. Without an error there is nothing to print but what the command has printed.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// usage is an error in how the command was called.
func usage(format string, args ...any) error { return &failure{exitUsage, fmt.Errorf(format, args...)} }

// report prints an error and gives the exit code. Any error of no known kind counts as a failure of the server's side.
func (w *world) report(err error) int {
	var failed *failure
	switch {
	case err == nil:
		return exitOK
	case !errors.As(err, &failed):
		failed = &failure{exitUnreachable, err}
	case failed.err == nil:
		return failed.code
	}
	fmt.Fprintf(w.stderr, "anabranch: %s\n", table.Printable(failed.err.Error()))
	return failed.code
}

// refused prints an answer that is no answer, field by field, and says which exit code it is.
func (w *world) refused(server Server, err error) error {
	var problem *client.Problem
	switch {
	case errors.Is(err, context.Canceled):
		return &failure{exitUnreachable, errors.New("interrupted")}
	case !errors.As(err, &problem):
		return &failure{exitUnreachable, server.hinted(err)}
	}
	text := table.New(table.Column{}, table.Column{})
	fields := problemFields(problem)
	if hint := server.keyHint(problem); hint != "" {
		fields = append(fields, [2]string{"  detail", fields[0][1]})
		fields[0][1] = hint
	}
	for _, m := range fields {
		text.Row(m[0], m[1])
	}
	if err := text.Print(w.stderr); err != nil {
		return err
	}
	if problem.Status/100 == 4 && problem.Status != http.StatusTooManyRequests {
		return &failure{code: exitRejected}
	}
	return &failure{code: exitUnreachable}
}

// hinted adds what to do about an address where nobody listens, and about a key that is missing or does not do.
func (s Server) hinted(err error) error {
	var problem *client.Problem
	if errors.As(err, &problem) {
		if hint := s.keyHint(problem); hint != "" {
			return fmt.Errorf("%s (%w)", hint, err)
		}
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w (no server listens there; start one with \"anabranch dev\", or name another with --url)", err)
	}
	return err
}

// keyHint is what to do about a server that does not let us in; "" when it is about something else.
func (s Server) keyHint(p *client.Problem) string {
	switch {
	case p.Status == http.StatusUnauthorized && s.Key == "":
		return "this server wants a key: --key or ANABRANCH_KEY"
	case p.Status == http.StatusUnauthorized:
		return "this server does not take the key; is it of another server, has its time run out, or does the server read another header than authorization?"
	case p.Status == http.StatusForbidden && s.admin && s.Key == "":
		return "this command needs the admin key: --key or ANABRANCH_KEY"
	case p.Status == http.StatusForbidden && s.admin:
		return "this command needs the admin key, and the key is another: a read key or a write key, or none of this server's"
	case p.Status == http.StatusForbidden && s.Key != "":
		return "the key is not good for that: it is none of this server's, or a read key where a write key is wanted, or the other way round"
	}
	return ""
}

// problemFields is a problem as name and text, the most telling first.
func problemFields(p *client.Problem) [][2]string {
	first := p.Detail
	if first == "" {
		first = p.Title
	}
	fields := [][2]string{{"anabranch:", first}, {"  status", fmt.Sprintf("%d %s", p.Status, p.Title)}}
	for _, field := range [][2]string{{"code", p.Code}, {"pointer", p.Pointer}, {"type", p.Type}, {"instance", p.Instance}} {
		if field[1] != "" && field[1] != "about:blank" {
			fields = append(fields, [2]string{"  " + field[0], field[1]})
		}
	}
	for _, m := range p.Members {
		fields = append(fields, [2]string{"  " + m.Name, m.Text()})
	}
	return fields
}
