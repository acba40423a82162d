package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxLine is the maximum length of a line in bytes. A longer line becomes several lines.
const maxLine = 1 << 20

// output reads what one process writes to stdout and stderr. It reads at once, so that a function never waits for room
// in the pipe.
type output struct {
	pipe *os.File
	emit func(line []byte) // takes a line without its newline

	mu      sync.Mutex
	partial []byte // the beginning of a line that has not ended
}

// follow reads until the other end of the pipe, or end, closes it.
func (o *output) follow() {
	raw, err := o.pipe.SyscallConn()
	if err != nil {
		return // the process has ended, and wait has read the rest
	}
	// It returns at the end of the pipe, or when end closes it.
	_ = raw.Read(func(fd uintptr) bool { return o.pump(fd) })
}

// drain emits everything that the process wrote before the call.
func (o *output) drain() {
	raw, err := o.pipe.SyscallConn()
	if err != nil {
		return // end has closed the pipe, after the last drain
	}
	_ = raw.Control(func(fd uintptr) { o.pump(fd) }) // it fails only if end has closed the pipe
}

// end closes the pipe, even if a child of the process still holds its other end, and emits a last line without a
// newline.
func (o *output) end() {
	_ = o.pipe.Close() // an error loses nothing: this end only reads
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.partial) > 0 {
		o.emit(o.partial)
		o.partial = nil
	}
}

// pump reads until the pipe is empty, and reports whether it has ended. It reads and emits under one mutex, so that
// drain cannot overtake follow.
func (o *output) pump(fd uintptr) (ended bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	buffer := make([]byte, 64<<10)
	for {
		n, more := readPipe(fd, buffer)
		if n <= 0 {
			return !more
		}
		o.take(buffer[:n])
	}
}

func (o *output) take(b []byte) {
	for {
		line, rest, ended := bytes.Cut(b, []byte{'\n'})
		o.partial = append(o.partial, line...)
		if !ended && len(o.partial) < maxLine {
			return
		}
		o.emit(o.partial)
		o.partial = o.partial[:0]
		b = rest
	}
}

// emit passes a line to the log, the metrics and Settings.Log, unless Lambda would drop it.
func (p *pool) emit(line Line) {
	if p.spec.drops(line.Text) {
		return
	}
	p.log.line(line.Text)
	p.host.metrics.Take(line.Text)
	if p.host.settings.Log != nil {
		p.host.logging.Lock()
		defer p.host.logging.Unlock()
		p.host.settings.Log(line)
	}
}

// levels holds the levels of a log, the lowest first.
var levels = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

// drops reports whether Lambda drops a line because of its level. Lambda takes a line without a valid level for INFO. A
// line of metrics has none.
//
// Source: AWS Lambda Developer Guide, log-level filtering.
func (f Function) drops(line []byte) bool {
	if f.LogFormat != "JSON" {
		return false
	}
	var fields struct {
		Level string `json:"level"`
	}
	_ = json.Unmarshal(line, &fields) // not JSON: no level
	level := slices.Index(levels, strings.ToUpper(fields.Level))
	if level < 0 {
		level = slices.Index(levels, "INFO")
	}
	return level < slices.Index(levels, f.LogLevel)
}

// logFile is the log of a function. A nil logFile discards all lines.
type logFile struct {
	mu   sync.Mutex
	file *os.File
	err  error // the first error of a write; no line is written after it
}

func (h *Host) openLog(function string) (*logFile, error) {
	if h.settings.LogDir == "" {
		return nil, nil
	}
	file, err := os.OpenFile(filepath.Join(h.settings.LogDir, function+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &logFile{file: file}, nil
}

func (l *logFile) line(text []byte) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		_, l.err = fmt.Fprintf(l.file, "%s\n", text)
	}
}

// report writes the line that Lambda itself logs about a call. Unlike Lambda's, its durationMs includes a cold start.
//
// Source: AWS Lambda Developer Guide, telemetry-schema-reference, platform.report.
func (l *logFile) report(requestID string, took time.Duration, err error) {
	if l == nil {
		return
	}
	type metrics struct {
		DurationMs float64 `json:"durationMs"`
	}
	type record struct {
		RequestID string  `json:"requestId"`
		Status    string  `json:"status"`
		ErrorType string  `json:"errorType,omitempty"`
		Metrics   metrics `json:"metrics"`
	}
	r := record{RequestID: requestID, Status: "success", Metrics: metrics{float64(took.Microseconds()) / 1e3}}
	var failed *FunctionError
	switch {
	case errors.As(err, &failed) && failed.Type == TypeTimedOut:
		r.Status, r.ErrorType = "timeout", failed.Type
	case errors.As(err, &failed) && failed.Type == TypeExited:
		r.Status, r.ErrorType = "failure", failed.Type
	case failed != nil:
		r.Status, r.ErrorType = "error", failed.Type
	case err != nil:
		r.Status, r.ErrorType = "failure", err.Error()
	}
	text, err := json.Marshal(
		map[string]any{"time": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "type": "platform.report", "record": r},
	)
	if err != nil {
		text = fmt.Appendf(nil, "platform.report of %s: %v", requestID, err)
	}
	l.line(text)
}

func (l *logFile) close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.file.Close()
	if l.err != nil {
		err = errors.Join(fmt.Errorf("write to log %s: %w", l.file.Name(), l.err), err)
	}
	return err
}
