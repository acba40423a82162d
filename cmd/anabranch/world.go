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
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/shared/release"
)

// world is everything outside the command that it touches. Tests give it another clock and waits that take no time.
type world struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // whether stderr is a terminal that can show a progress bar
	shown          bool // whether stdout is a terminal
	asks           bool // whether a person at stdin and stderr can answer questions
	version        string
	now            func() time.Time
	sleep          func(context.Context, time.Duration) error
	random         func() float64
	aws            doctor.AWS                                                  // runs the program aws
	deadline       func(context.Context) (context.Context, context.CancelFunc) // bounds one HTTP attempt
}

// newWorld returns the real world: wall clock, real waits, 60 s for each HTTP attempt.
func newWorld(stdin io.Reader, stdout, stderr io.Writer) *world {
	return &world{
		stdin:    stdin,
		stdout:   stdout,
		stderr:   stderr,
		terminal: isTerminal(stderr),
		shown:    isTerminal(stdout),
		asks:     isTerminal(stdin) && isTerminal(stderr),
		version:  release.Version(),
		now:      time.Now,
		sleep:    client.Sleep,
		random:   rand.Float64,
		aws:      runAWS,
		deadline: client.Within(60 * time.Second),
	}
}

// isTerminal says whether the stream is a terminal. TERM=dumb is none: it cannot return to the start of a line.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// Server holds the flags of every command that talks to a server.
type Server struct {
	URL string     `help:"URL of the server." default:"http://127.0.0.1:8080" env:"ANABRANCH_URL"`
	Key client.Key `help:"${key_help}" placeholder:"KEY" env:"ANABRANCH_KEY"`

	base  *url.URL
	admin bool // whether the command requires the admin key
}

// Validate refuses an invalid URL, and a key that must not be sent to it, before the command runs.
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

// maxAnswer bounds an unpacked answer in bytes. 10,000 windows with parts and 10 aggregates take about 10 MB.
const maxAnswer = 64 << 20

// client returns a client of the server that keeps up to conns connections open.
func (w *world) client(server Server, retry client.Retry, conns int) *client.Client {
	return &client.Client{
		Base:      server.base,
		HTTP:      client.Transport(conns),
		Agent:     "anabranch/" + w.version,
		Key:       server.Key,
		Retry:     retry,
		Now:       w.now,
		Sleep:     w.sleep,
		Random:    w.random,
		Deadline:  w.deadline,
		MaxAnswer: maxAnswer,
	}
}

// The exit codes of the command. Scripts rely on them: never renumber.
const (
	exitOK          = 0
	exitRejected    = 1 // an event was rejected, or a request refused
	exitUsage       = 2 // wrong flags, or an unreadable input
	exitUnreachable = 3 // no usable answer
)

// failure is an error with its exit code. A nil err means that the command has already printed everything.
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

// usage returns the error of a command that was called wrongly.
func usage(format string, args ...any) error { return &failure{exitUsage, fmt.Errorf(format, args...)} }

// report prints an error, a line for each of several, and returns its exit code. An error without a code counts as a
// failure of the server.
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
	for line := range strings.SplitSeq(failed.err.Error(), "\n") {
		fmt.Fprintf(w.stderr, "anabranch: %s\n", table.Printable(line))
	}
	return failed.code
}

// write writes an answer as the server sent it. On a terminal, its lines are made printable: keys come from events, and
// CSV does not escape them.
func (w *world) write(body []byte) error {
	if w.shown {
		lines := strings.Split(string(body), "\n")
		for i, line := range lines {
			lines[i] = table.Printable(strings.TrimSuffix(line, "\r"))
		}
		body = []byte(strings.Join(lines, "\n"))
	}
	_, err := w.stdout.Write(body)
	return err
}

// refused prints an error answer of the server, field by field, and returns the failure with its exit code.
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
	for _, m := range fields[1:] {
		text.Row(m[0], m[1])
	}
	if _, err := fmt.Fprintf(w.stderr, "%s %s\n", fields[0][0], table.Cell(fields[0][1])); err != nil {
		return err
	}
	if err := text.Print(w.stderr); err != nil {
		return err
	}
	if problem.Status/100 == 4 && problem.Status != http.StatusTooManyRequests &&
		problem.Status != http.StatusRequestTimeout {
		return &failure{code: exitRejected}
	}
	return &failure{code: exitUnreachable}
}

// hinted adds what to do when no server listens, and when the key is missing or rejected.
func (s Server) hinted(err error) error {
	var problem *client.Problem
	if errors.As(err, &problem) {
		if hint := s.keyHint(problem); hint != "" {
			return fmt.Errorf("%s (%w)", hint, err)
		}
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf(
			"%w (no server listens there; start one with \"anabranch dev\", or give another URL with --url)",
			err,
		)
	}
	return err
}

// keyHint returns what to do when the server refuses the key or its absence; "" for any other problem.
func (s Server) keyHint(p *client.Problem) string {
	switch {
	case p.Status == http.StatusUnauthorized && s.Key == "":
		return "this server requires a key: set --key or ANABRANCH_KEY"
	case p.Status == http.StatusUnauthorized:
		return "this server rejects the key: it belongs to another server or has expired, " +
			"or the server reads a header other than authorization"
	case p.Status == http.StatusForbidden && s.admin && s.Key == "":
		return "this command requires the admin key: set --key or ANABRANCH_KEY"
	case p.Status == http.StatusForbidden && s.admin:
		return "this command requires the admin key; the given key is a read or write key, or belongs to another server"
	case p.Status == http.StatusForbidden && s.Key != "":
		return "this key does not permit that: it belongs to another server, or it is a read key and a write key " +
			"is required, or the reverse"
	}
	return ""
}

// problemFields returns a problem as pairs of name and text, the most useful first.
func problemFields(p *client.Problem) [][2]string {
	first := p.Detail
	if first == "" {
		first = p.Title
	}
	fields := [][2]string{{"anabranch:", first}, {"  status", fmt.Sprintf("%d %s", p.Status, p.Title)}}
	for _, field := range [][2]string{
		{"code", p.Code}, {"pointer", p.Pointer}, {"type", p.Type}, {"instance", p.Instance},
	} {
		if field[1] != "" && field[1] != "about:blank" {
			fields = append(fields, [2]string{"  " + field[0], field[1]})
		}
	}
	for _, m := range p.Members {
		fields = append(fields, [2]string{"  " + m.Name, m.Text()})
	}
	return fields
}
