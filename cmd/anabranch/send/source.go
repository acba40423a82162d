package send

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// Source is one input: a file, or standard input.
type Source struct {
	Name string // as a rejected event is reported: "orders.ndjson.gz"
	Size int64  // in bytes as stored, before decompression; -1 when nobody can know
	Open func() (io.ReadCloser, error)
}

// InputError says that an input could not be read on. Line is the number of the last line that was read whole, 0 for none.
type InputError struct {
	Name string
	Line int64
	Err  error
}

func (e *InputError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("read %s: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("read %s: after line %d: %v", e.Name, e.Line, e.Err)
}

func (e *InputError) Unwrap() error { return e.Err }

// File is a source over a file on disk. That it can be opened is found out here, so that a wrong name is known before anything is sent.
// A pipe is opened once only, by Open.
func File(name string) (Source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Source{}, err
	}
	if info.IsDir() {
		return Source{}, fmt.Errorf("%s is a folder; name the files in it", name)
	}
	source := Source{Name: name, Size: -1, Open: func() (io.ReadCloser, error) { return os.Open(name) }}
	if !info.Mode().IsRegular() {
		return source, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return Source{}, err
	}
	source.Size = info.Size()
	return source, file.Close()
}

// Stream is a source over what a caller has open, for example standard input. It is not closed.
func Stream(name string, r io.Reader) Source {
	return Source{Name: name, Size: -1, Open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

// counted counts the stored bytes that have been read.
type counted struct {
	r    io.Reader
	read *int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.read += int64(n)
	return n, err
}

const (
	readAhead = 64 << 10  // of stored bytes
	maxWindow = 128 << 20 // of zstd: what its command line takes without being asked for more
)

// decompressed reads plain, gzip or zstd text, told apart by the first bytes: no NDJSON starts like the other two.
func decompressed(r io.Reader) (io.Reader, func(), error) {
	buffered := bufio.NewReaderSize(r, readAhead)
	magic, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}): // RFC 1952, 2.3.1
		unzipped, err := gzip.NewReader(buffered)
		return unzipped, func() {}, err
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}), skippable(magic): // RFC 8878, 3.1
		// One goroutine: the decoder then reads only when asked, and the count of stored bytes stays true.
		unpacked, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return unpacked, unpacked.Close, nil
	}
	return buffered, func() {}, nil
}

// skippable says whether a zstd skippable frame starts here (RFC 8878, 3.1.2); some writers put one first.
func skippable(magic []byte) bool {
	return len(magic) == 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:], []byte{0x2a, 0x4d, 0x18})
}
