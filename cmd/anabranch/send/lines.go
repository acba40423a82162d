package send

import (
	"bufio"
	"bytes"
	"io"
)

// lines cuts a text into lines. It keeps only the length of a line longer than limit, so that any input needs bounded
// memory.
type lines struct {
	r      *bufio.Reader
	limit  int
	number int64  // number of the last line read, from 1
	buffer []byte // a line that did not fit into r's buffer
}

// line is one line without its end. text is nil if the line was too long, else valid until the next call.
type line struct {
	text []byte
	size int64 // size in bytes, without the line end
	long bool
}

// newLines skips the byte order mark with which some programs begin a text in UTF-8.
func newLines(r io.Reader, limit int) *lines {
	l := &lines{r: bufio.NewReaderSize(r, readAhead), limit: limit}
	if mark, _ := l.r.Peek(len(byteOrderMark)); string(mark) == byteOrderMark { // next returns the error of reading
		_, _ = l.r.Discard(len(mark)) // what was peeked can be discarded
	}
	return l
}

const byteOrderMark = "\ufeff"

// next returns the next line; the last one needs no line end. Errors: io.EOF after the last; else that of the reader.
// The line that an error cuts is lost, since its rest is unknown.
func (l *lines) next() (line, error) {
	part, err := l.r.ReadSlice('\n')
	if err == nil {
		l.number++
		return l.whole(part[:len(part)-1], int64(len(part)-1)), nil
	}
	l.buffer = l.buffer[:0]
	var size int64
	for {
		size += int64(len(part))
		l.keep(part)
		if err != bufio.ErrBufferFull {
			break
		}
		part, err = l.r.ReadSlice('\n')
	}
	switch {
	case err == nil:
		size--
		l.buffer = bytes.TrimSuffix(l.buffer, []byte{'\n'})
	case err != io.EOF, size == 0:
		return line{}, err
	}
	l.number++
	return l.whole(l.buffer, size), nil
}

// keep adds part to the buffer, up to the longest line within the limit followed by "\r ".
func (l *lines) keep(part []byte) {
	room := l.limit + 2 - len(l.buffer)
	l.buffer = append(l.buffer, part[:min(room, len(part))]...)
}

func (l *lines) whole(text []byte, size int64) line {
	if size == int64(len(text)) {
		text = bytes.TrimSuffix(text, []byte{'\r'})
		size = int64(len(text))
	}
	if size > int64(l.limit) {
		return line{size: size, long: true}
	}
	return line{text: bytes.Trim(text, " \t\r"), size: size}
}
