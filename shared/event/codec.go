package event

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Errors of Decompress and Inflate. None is retryable: the same bytes fail again.
var (
	ErrTooLarge = errors.New("decoded data too large")
	ErrCorrupt  = errors.New("compressed data corrupt")
	ErrEncoding = errors.New("unsupported content encoding")
)

// maxWindow limits how far back a zstd frame may refer, and so the memory of the decoder.
//
// Source: RFC 9659, section 3: the window of the content encoding zstd is at most 8 MB.
const maxWindow = 8 << 20

// Codec compresses lines for archive and stream, as zstd with a checksum of the content. It is safe for concurrent use,
// and reuses memory between calls.
type Codec struct {
	max     int
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// NewCodec makes a codec that decodes at most maxDecoded bytes per call.
func NewCodec(maxDecoded int) (*Codec, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder: %w", err)
	}
	decoder, err := newDecoder(maxDecoded, 0)
	if err != nil {
		return nil, err
	}
	return &Codec{max: maxDecoded, encoder: encoder, decoder: decoder}, nil
}

// newDecoder makes a decoder of whole frames. concurrency is the number of frames that it decodes at once; 0 means one
// per processor.
func newDecoder(maxDecoded, concurrency int) (*zstd.Decoder, error) {
	// The decoder applies its memory limit to the window, too, and a small body may come in a frame with a large
	// window.
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(concurrency), zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecoderMaxMemory(uint64(max(maxDecoded, maxWindow))))
	if err != nil {
		return nil, fmt.Errorf("make zstd decoder: %w", err)
	}
	return decoder, nil
}

// Compress appends one zstd frame that holds lines to dst.
func (c *Codec) Compress(dst, lines []byte) []byte { return c.encoder.EncodeAll(lines, dst) }

// Decompress appends the content of the zstd frames in data to dst.
//
// Errors: ErrTooLarge: the content is larger than the codec's maximum, or the window is above 8 MiB. When the frame
// states its size, the check comes before any memory is allocated. ErrCorrupt: data is not zstd, is incomplete, has a
// wrong checksum, or continues after the last frame. After an error dst is unchanged.
func (c *Codec) Decompress(dst, data []byte) ([]byte, error) {
	return decompress(c.decoder, dst, data, c.max)
}

func decompress(decoder *zstd.Decoder, dst, data []byte, limit int) ([]byte, error) {
	var header zstd.Header
	if err := header.Decode(data); err != nil {
		return dst, fmt.Errorf("%w: zstd frame header: %w", ErrCorrupt, err)
	}
	if header.HasFCS && header.FrameContentSize > uint64(limit) {
		return dst, fmt.Errorf("%w: a zstd frame of %d bytes; the maximum is %d", ErrTooLarge, header.FrameContentSize, limit)
	}
	if header.HasFCS {
		dst = slices.Grow(dst, int(header.FrameContentSize)+zstdMargin)
	}
	// The decoder sees only the free end of dst. Otherwise it decodes elsewhere and copies, and counts what stands before.
	decoded, err := decoder.DecodeAll(data, dst[len(dst):])
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return dst, fmt.Errorf("%w: the zstd window is above the maximum of %d bytes", ErrTooLarge, maxWindow)
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), err == nil && len(decoded) > limit:
		return dst, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	case err != nil:
		return dst, fmt.Errorf("%w: zstd: %w", ErrCorrupt, err)
	}
	if n := len(dst) + len(decoded); len(decoded) > 0 && n <= cap(dst) && &dst[:n][len(dst)] == &decoded[0] {
		return dst[:n], nil
	}
	return append(dst, decoded...), nil // the frame does not say its size, or there are several
}

// zstdMargin is the free memory behind the content with which the decoder is fastest, in bytes.
const zstdMargin = 16

// Inflate decodes the body of a request by its Content-Encoding: none ("" or "identity"), "gzip" or "zstd", in any
// letter case. Whatever the body claims, memory stays below max, or below zstd's window where that is larger. Without
// an encoding, Inflate returns the body itself.
//
// Errors: ErrTooLarge: more than max bytes. ErrEncoding: an unsupported encoding, or more than one. ErrCorrupt: the
// body does not match its encoding, is incomplete, or has trailing bytes.
//
// Source: RFC 9110, section 8.4.1; RFC 9659.
func Inflate(encoding string, body []byte, max int) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		if len(body) > max {
			return nil, fmt.Errorf("%w: %d bytes; the maximum is %d", ErrTooLarge, len(body), max)
		}
		return body, nil
	case "gzip", "x-gzip":
		return gunzip(body, max)
	case "zstd":
		decoder, err := newDecoder(max, 1)
		if err != nil {
			return nil, err
		}
		defer decoder.Close()
		content, err := decompress(decoder, nil, body, max)
		if errors.Is(err, ErrCorrupt) && !isZstd(body) {
			err = notPacked("zstd")
		}
		return content, err
	}
	return nil, fmt.Errorf("%w: %.40q; use exactly one of identity, gzip and zstd", ErrEncoding, encoding)
}

// gunzip reads several gzip members as one body, as RFC 1952 requires.
func gunzip(body []byte, max int) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, gzipFault(body, err)
	}
	decoded := bytes.NewBuffer(make([]byte, 0, min(max+1, 4*len(body))+bytes.MinRead))
	if _, err := decoded.ReadFrom(io.LimitReader(reader, int64(max)+1)); err != nil {
		return nil, gzipFault(body, err)
	}
	if decoded.Len() > max {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, max)
	}
	return decoded.Bytes(), nil
}

// gzipFault says what is wrong with a body that is said to be gzip.
func gzipFault(body []byte, err error) error {
	switch {
	case !bytes.HasPrefix(body, []byte{0x1f, 0x8b}): // RFC 1952, 2.3.1
		return notPacked("gzip")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the gzip data ends too early; send the whole body", ErrCorrupt)
	}
	return fmt.Errorf("%w: the gzip data is damaged, or something else follows it (%w)", ErrCorrupt, err)
}

func notPacked(format string) error {
	return fmt.Errorf("%w: the body is not %s; pack it, or leave content-encoding out", ErrCorrupt, format)
}

// isZstd says whether a body begins as zstd does: with a frame, or with one to skip.
//
// Source: RFC 8878, 3.1.
func isZstd(body []byte) bool {
	return bytes.HasPrefix(body, []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
		len(body) >= 4 && body[0]&0xf0 == 0x50 && bytes.Equal(body[1:4], []byte{0x2a, 0x4d, 0x18})
}
