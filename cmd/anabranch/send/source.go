package send

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

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
		return Source{}, fmt.Errorf("%s is a directory; name the files in it: anabranch send %s", name,
			quoted(filepath.Clean(name))+"/*")
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

// Text opens the source and returns its text, unpacked. The caller closes it.
//
// Errors: those of the file, and of its packing, each with what to do.
func (s Source) Text() (io.ReadCloser, error) {
	stored, err := s.Open()
	if err != nil {
		return nil, err
	}
	var read int64
	text, _, release, err := decompressed(&counted{r: stored, read: &read})
	if err != nil {
		return nil, errors.Join(err, stored.Close())
	}
	return opened{text, stored, release}, nil
}

// opened is the text of an open source.
type opened struct {
	io.Reader
	stored  io.Closer
	release func()
}

func (o opened) Close() error {
	o.release()
	return o.stored.Close()
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

// counted counts the stored bytes that were read, and remembers why no more can be.
type counted struct {
	r      io.Reader
	read   *int64
	failed error // nil at the end
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.read += int64(n)
	if err != io.EOF {
		c.failed = err
	}
	return n, err
}

// unpacked reads a packed text. It says what is wrong with the packed bytes.
type unpacked struct {
	text   io.Reader
	stored *counted
	format string // "gzip"
}

func (u unpacked) Read(p []byte) (int, error) {
	n, err := u.text.Read(p)
	return n, u.explained(err)
}

// explained says what an error of the decoder means for a user. An error of reading stays as it is.
func (u unpacked) explained(err error) error {
	switch {
	case err == nil, err == io.EOF, u.stored.failed != nil:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), err == errTooShort:
		return fmt.Errorf("the %s data ends too early: the file was cut short; copy or download it again", u.format)
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("the zstd data needs a window above %d MiB; send it with zstd -dc --long=31 FILE | "+
			"anabranch send -", maxWindow>>20)
	}
	return fmt.Errorf("the %s data is damaged, or something else follows it (%w); copy or download the file again",
		u.format, err)
}

// errTooShort says that a packed text has not even a whole header.
var errTooShort = errors.New("too short")

const (
	readAhead = 64 << 10  // bytes, as stored
	maxWindow = 128 << 20 // bytes; the default maximum of zstd's command line
)

// decompressed reads plain, gzip or zstd text. The first bytes tell them apart: no NDJSON starts like the other two.
// unpack is the command that writes the plain text to standard output.
func decompressed(stored *counted) (text io.Reader, unpack string, release func(), err error) {
	buffered := bufio.NewReaderSize(stored, readAhead)
	magic, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return nil, "", nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}): // RFC 1952, 2.3.1
		packed := unpacked{stored: stored, format: "gzip"}
		unzipped, err := gzip.NewReader(buffered)
		if err == io.EOF {
			err = errTooShort
		}
		packed.text = unzipped
		return packed, "gzip -dc", func() {}, packed.explained(err)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}), skippable(magic): // RFC 8878, 3.1
		// With one goroutine the decoder reads only on demand, so the count of stored bytes is right.
		decoder, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, "", nil, err
		}
		return unpacked{decoder, stored, "zstd"}, "zstd -dc", decoder.Close, nil
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
