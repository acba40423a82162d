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
	Name string // the name in reports, for example "orders.ndjson.gz"
	Path string // the file; "" if it is none
	Size int64  // size in bytes as stored, before decompression; -1 if unknown
	Open func() (io.ReadCloser, error)
}

// InputError says that an input could not be read further. Line is the number of the last whole line; 0 for none.
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

// File returns a source for a file on disk. It checks that the file can be opened, so that a wrong name fails before
// anything is sent. Only Open opens a pipe.
func File(name string) (Source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Source{}, err
	}
	if info.IsDir() {
		return Source{}, fmt.Errorf("%s is a directory; name the files in it", name)
	}
	source := Source{Name: name, Path: name, Size: -1, Open: func() (io.ReadCloser, error) { return os.Open(name) }}
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

// Stream returns a source for an open reader, for example standard input. It does not close the reader.
func Stream(name string, r io.Reader) Source {
	return Source{Name: name, Size: -1, Open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

// plain returns the command that writes the plain text of the source: "gzip -dc 'a b.gz'".
func (s Source) plain(unpack string) string {
	switch {
	case s.Path == "" && unpack == "cat":
		return "..."
	case s.Path == "":
		return "... | " + unpack
	}
	return unpack + " " + quoted(s.Path)
}

// counted counts the stored bytes that were read.
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
	readAhead = 64 << 10  // bytes, as stored
	maxWindow = 128 << 20 // bytes; the default maximum of zstd's command line
)

// decompressed reads plain, gzip or zstd text. The first bytes tell them apart: no NDJSON starts like the other two.
// unpack is the command that writes the plain text to standard output.
func decompressed(r io.Reader) (text io.Reader, unpack string, release func(), err error) {
	buffered := bufio.NewReaderSize(r, readAhead)
	magic, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return nil, "", nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}): // RFC 1952, 2.3.1
		unzipped, err := gzip.NewReader(buffered)
		return unzipped, "gzip -dc", func() {}, err
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}), skippable(magic): // RFC 8878, 3.1
		// With one goroutine the decoder reads only on demand, so the count of stored bytes is right.
		unpacked, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, "", nil, err
		}
		return unpacked, "zstd -dc", unpacked.Close, nil
	}
	return buffered, "cat", func() {}, nil
}

// skippable says whether a zstd skippable frame starts here (RFC 8878, 3.1.2). Some writers begin with one.
func skippable(magic []byte) bool {
	return len(magic) == 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:], []byte{0x2a, 0x4d, 0x18})
}

// maxStart is how much of the start of a text is kept, in bytes: enough to see what it looks like.
const maxStart = 4 << 10

// opening keeps the start of a text while it is read.
type opening struct {
	r     io.Reader
	start []byte
}

func (o *opening) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	o.start = append(o.start, p[:min(n, maxStart-len(o.start))]...)
	return n, err
}
