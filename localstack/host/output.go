package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// maxLine is the longest line that is kept in one piece.
const maxLine = 1 << 20

// output is what one process writes, both stdout and stderr. It is read as it comes, so that a function never waits for room in the pipe.
type output struct {
	pipe *os.File
	emit func(line []byte) // without its end

	mu      sync.Mutex
	partial []byte // a line whose end has not come
}

// follow takes what is written until nothing can be written any more.
func (o *output) follow() {
	raw, err := o.pipe.SyscallConn()
	if err != nil {
		return // the process has ended, and wait has read the rest
	}
	// It returns at the end of the pipe, or when end closes it.
	_ = raw.Read(func(fd uintptr) bool { return o.pump(fd) })
}

// drain takes what has been written so far: when it returns, all that the process had written before is emitted.
func (o *output) drain() {
	raw, err := o.pipe.SyscallConn()
	if err != nil {
		return // closed by end, which comes after the last drain
	}
	_ = raw.Control(func(fd uintptr) { o.pump(fd) }) // as above
}

// end gives up the pipe, whoever may still hold its other side, and emits a last line without an end.
func (o *output) end() {
	_ = o.pipe.Close() // it was only read from
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.partial) > 0 {
		o.emit(o.partial)
		o.partial = nil
	}
}

// pump reads until the pipe is empty, and reports whether it has ended. Reading and emitting are one step under the mutex, or drain could overtake
// follow.
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

// emit passes a line on: to the log, to the metrics, to who wants to see it.
func (p *pool) emit(line Line) {
	p.log.line(line.Text)
	p.host.metrics.Take(line.Text)
	if p.host.settings.Log != nil {
		p.host.logging.Lock()
		defer p.host.logging.Unlock()
		p.host.settings.Log(line)
	}
}

// logFile is the log of a function. The nil logFile keeps nothing.
type logFile struct {
	mu   sync.Mutex
	file *os.File
	err  error // the first that came of writing
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

// report writes what Lambda itself logs of a call.
//
// Source: AWS Lambda Developer Guide, telemetry-schema-reference, platform.report; here durationMs includes the start of the process, if any.
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
	text, err := json.Marshal(map[string]any{"time": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "type": "platform.report", "record": r})
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
		err = errors.Join(fmt.Errorf("write log %s: %w", l.file.Name(), l.err), err)
	}
	return err
}
