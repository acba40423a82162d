package event

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// The errors of decompressing.
var (
	ErrTooLarge = errors.New("decoded data too large")
	ErrCorrupt  = errors.New("compressed data corrupt")
	ErrEncoding = errors.New("unsupported content encoding")
)

// maxWindow bounds how far back a zstd frame may reach, and so the memory it asks for.
//
// Source: RFC 9659, section 3: the window of the content encoding zstd is at most 8 MB.
const maxWindow = 8 << 20

// Codec compresses lines for archive and stream: zstd, with the checksum of the content. It is safe for concurrent use, and keeps memory
// from call to call.
type Codec struct {
	max     int
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// NewCodec makes a codec that decodes up to maxDecoded bytes at once.
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

// newDecoder makes a decoder of whole frames, for as many at once as concurrency says; 0: one per processor.
func newDecoder(maxDecoded, concurrency int) (*zstd.Decoder, error) {
	// The decoder takes its memory limit for one of the window too; a small body may be in a frame of a large window.
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(concurrency), zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecoderMaxMemory(uint64(max(maxDecoded, maxWindow))))
	if err != nil {
		return nil, fmt.Errorf("make zstd decoder: %w", err)
	}
	return decoder, nil
}

// Compress adds one zstd frame that holds lines to dst.
func (c *Codec) Compress(dst, lines []byte) []byte { return c.encoder.EncodeAll(lines, dst) }

// Decompress adds what the zstd frames of data hold to dst.
//
// Errors: ErrTooLarge: more than the codec's maximum, or a window above 8 MiB, seen before memory is taken for it where the frame says so.
// ErrCorrupt: not zstd, incomplete, another checksum, or something after the last frame. dst is as it was then.
func (c *Codec) Decompress(dst, data []byte) ([]byte, error) {
	return decompress(c.decoder, dst, data, c.max)
}

func decompress(decoder *zstd.Decoder, dst, data []byte, limit int) ([]byte, error) {
	var header zstd.Header
	if err := header.Decode(data); err != nil {
		return dst, fmt.Errorf("%w: zstd frame header: %w", ErrCorrupt, err)
	}
	if header.HasFCS && header.FrameContentSize > uint64(limit) {
		return dst, fmt.Errorf("%w: a zstd frame of %d bytes; at most %d are taken", ErrTooLarge, header.FrameContentSize, limit)
	}
	decoded, err := decoder.DecodeAll(data, dst)
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return dst, fmt.Errorf("%w: a zstd window above %d bytes", ErrTooLarge, maxWindow)
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), err == nil && len(decoded)-len(dst) > limit:
		return dst, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	case err != nil:
		return dst, fmt.Errorf("%w: zstd: %w", ErrCorrupt, err)
	}
	return decoded, nil
}

// Inflate decodes the body of a request under its Content-Encoding: none ("" or "identity"), "gzip" or "zstd", in any case of letters.
// Memory is bounded by max, or by zstd's window where that is more, whatever the body says. Without an encoding the body itself comes back.
//
// Errors: ErrTooLarge: more than max bytes. ErrEncoding: another encoding, or several. ErrCorrupt: not what the encoding says, incomplete, or
// with something after it.
//
// Source: RFC 9110, section 8.4.1; RFC 9659.
func Inflate(encoding string, body []byte, max int) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		if len(body) > max {
			return nil, fmt.Errorf("%w: %d bytes; at most %d are taken", ErrTooLarge, len(body), max)
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
		return decompress(decoder, nil, body, max)
	}
	return nil, fmt.Errorf("%w: %.40q; identity, gzip or zstd is needed, one only", ErrEncoding, encoding)
}

// gunzip takes several gzip members as one body, as RFC 1952 does.
func gunzip(body []byte, max int) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: gzip: %w", ErrCorrupt, err)
	}
	decoded := bytes.NewBuffer(make([]byte, 0, min(max+1, 4*len(body))+bytes.MinRead))
	if _, err := decoded.ReadFrom(io.LimitReader(reader, int64(max)+1)); err != nil {
		return nil, fmt.Errorf("%w: gzip: %w", ErrCorrupt, err)
	}
	if decoded.Len() > max {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, max)
	}
	return decoded.Bytes(), nil
}
