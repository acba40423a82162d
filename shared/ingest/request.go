package ingest

import (
	"errors"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/anabranch/anabranch/shared/event"
)

// modes lists the content types of a request, with the way to split a body of each into events.
//
// Source: CloudEvents HTTP protocol binding 1.0; https://github.com/ndjson/ndjson-spec.
var modes = []struct {
	contentType string
	mode        event.Mode
}{
	{"application/cloudevents+json", event.Structured},
	{"application/cloudevents-batch+json", event.Batched},
	{"application/x-ndjson", event.Lines},
}

func modeOf(contentType string) (event.Mode, error) {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err == nil && (parameters["charset"] == "" || isUTF8(parameters["charset"])) {
		for _, m := range modes {
			if m.contentType == media {
				return m.mode, nil
			}
		}
	}
	return 0, fmt.Errorf("%w: content type %.80q; send %s, %s or %s, in UTF-8", ErrMediaType, contentType,
		modes[0].contentType, modes[1].contentType, modes[2].contentType)
}

// isUTF8 compares without regard to case, as RFC 9110, section 8.3.2, demands.
func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// inflate decodes the body. Errors: ErrTooLarge when the decoded body has more than MaxBody bytes.
func (in *Ingest) inflate(r Request) ([]byte, error) {
	body, err := event.Inflate(r.ContentEncoding, r.Body, in.MaxBody)
	switch {
	case errors.Is(err, event.ErrEncoding):
		return nil, fmt.Errorf("%w: %w", ErrMediaType, err)
	case errors.Is(err, event.ErrTooLarge):
		return nil, fmt.Errorf("%w: the maximum of the decoded body is %d bytes: %w", ErrTooLarge, in.MaxBody, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return body, nil
}

// newRejectedLine stores the original as text when it is UTF-8, and as base64 when it is not.
func newRejectedLine(r event.Rejection, original []byte) rejectedLine {
	if utf8.Valid(original) {
		return rejectedLine{Rejection: r, Original: string(original)}
	}
	return rejectedLine{Rejection: r, Bytes: original}
}
