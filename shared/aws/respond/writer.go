package respond

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

const (
	// packFrom is the size in bytes from which a body is packed. A smaller one fits into a few packets as it is.
	packFrom = 4 << 10
	// headRoom is the part of an answer's maximum size that its status and headers may use, in bytes.
	//
	// Source: quotas of HTTP APIs: 10,240 bytes for the header values together.
	headRoom = 10 << 10
)

// Writer collects the body of one answer, part by part. It packs the body if the client accepts gzip, and counts the
// size of the body as its function returns it: as a JSON string, or as base64 of the packed body.
type Writer struct {
	to          To
	contentType string
	plain       []byte // body, until it is packed
	quoted      int    // size of plain as a JSON string, in bytes
	packer      *gzip.Writer
	packed      bytes.Buffer
}

// NewWriter begins the body of an answer, in UTF-8.
func (t To) NewWriter(contentType string) *Writer { return &Writer{to: t, contentType: contentType} }

// Write adds a part, which must hold whole characters. It makes JSON printable. Error: *TooLarge, as soon as the parts
// together exceed the maximum; not retryable.
func (w *Writer) Write(part []byte) (int, error) {
	n := len(part)
	if strings.HasSuffix(w.contentType, "json") {
		part = printable(part)
	}
	if w.packer != nil {
		if _, err := w.packer.Write(part); err != nil {
			return 0, err
		}
		return n, w.check()
	}
	w.plain = append(w.plain, part...)
	w.quoted += quotedLen(part)
	if w.to.Gzip && len(w.plain) >= packFrom {
		if err := w.pack(); err != nil {
			return 0, err
		}
	}
	return n, w.check()
}

// pack begins to pack, with what was written so far. It uses the fastest level: the rows of an answer become only a few
// percent larger than with the best level.
func (w *Writer) pack() (err error) {
	if w.packer, err = gzip.NewWriterLevel(&w.packed, gzip.BestSpeed); err != nil {
		return err
	}
	_, err = w.packer.Write(w.plain)
	w.plain = nil
	return err
}

func (w *Writer) check() error {
	size, most := w.quoted, w.to.Max-headRoom
	if w.packer != nil {
		size = base64.StdEncoding.EncodedLen(w.packed.Len())
	}
	if w.to.Max > 0 && size > most {
		return &TooLarge{Size: size, Max: most}
	}
	return nil
}

// Answer ends the body and returns the answer. Error: *TooLarge; not retryable.
func (w *Writer) Answer(status int) (events.APIGatewayV2HTTPResponse, error) {
	r := events.APIGatewayV2HTTPResponse{
		StatusCode: status,
		Headers: map[string]string{"content-type": w.contentType, "cache-control": "no-store",
			"vary": "accept-encoding", "x-content-type-options": "nosniff"},
	}
	if w.packer == nil {
		r.Body = string(w.plain)
		return r, nil
	}
	if err := w.packer.Close(); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	if err := w.check(); err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	r.Headers["content-encoding"] = "gzip"
	r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString(w.packed.Bytes()), true
	return r, nil
}

// quotedLen returns the size of text in a JSON string, as Lambda's library for Go writes it.
func quotedLen(text []byte) int {
	n := len(text)
	for _, c := range text {
		switch {
		case c == '"' || c == '\\' || c >= '\b' && c <= '\r' && c != '\v':
			n++ // a backslash before a letter
		case c < ' ':
			n += len(`\u0000`) - 1
		}
	}
	// U+2028 and U+2029 are escapes as well, and have three bytes each.
	return n + 3*(bytes.Count(text, []byte("\u2028"))+bytes.Count(text, []byte("\u2029")))
}
