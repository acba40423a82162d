package handler

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/stream"
)

var errNotKinesis = errors.New("payload is not a Kinesis event")

// decode reads the four members of each record that speed needs, and skips the others without decoding them. It returns
// the records and the earliest time at which one of them entered the stream, or zero if no record says so.
func decode(payload []byte) (records []stream.Record, oldest time.Time, err error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(payload)) // the decoder reads a Buffer without a copy
	found := false
	err = object(d, func(name string) error {
		if name != "Records" {
			return d.SkipValue()
		}
		found = true
		return array(d, func() error {
			r, arrival, err := record(d)
			records = append(records, r)
			if !arrival.IsZero() && (oldest.IsZero() || arrival.Before(oldest)) {
				oldest = arrival
			}
			return err
		})
	})
	if err == nil && !found {
		// Refuse an event of another source: otherwise Lambda would consider it done.
		err = errors.New("member Records is missing")
	}
	if err == nil {
		err = ended(d)
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%w: %w", errNotKinesis, err)
	}
	return records, oldest, nil
}

func ended(d *jsontext.Decoder) error {
	token, err := d.ReadToken()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("got %s, want the end of the payload", token.Kind())
	}
	return err
}

func record(d *jsontext.Decoder) (r stream.Record, arrival time.Time, err error) {
	err = object(d, func(name string) error {
		if name != "kinesis" {
			return d.SkipValue()
		}
		return object(d, func(name string) error {
			if name == "approximateArrivalTimestamp" && d.PeekKind() == '0' {
				arrival, err = instant(d)
				r.Put = event.MillisOf(arrival)
				return err
			}
			return member(d, name, &r)
		})
	})
	if err == nil && !isSequence(string(r.Sequence)) {
		err = fmt.Errorf("invalid sequence number %.140q: must be decimal digits without a leading zero", r.Sequence)
	}
	return r, arrival, err
}

// instant reads a number of seconds since 1970, with up to three decimals.
func instant(d *jsontext.Decoder) (time.Time, error) {
	token, err := d.ReadToken()
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := token.Float()
	return timeOf(seconds), err
}

func timeOf(seconds float64) time.Time { return time.UnixMilli(int64(math.Round(seconds * 1000))) }

// isSequence reports whether text is a sequence number that applied positions can be compared with.
func isSequence(text string) bool {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return text != "" && (text[0] != '0' || text == "0")
}

func member(d *jsontext.Decoder, name string, r *stream.Record) error {
	switch name {
	case "partitionKey":
		return text(d, func(v []byte) error { r.PartitionKey = string(v); return nil })
	case "sequenceNumber":
		return text(d, func(v []byte) error { r.Sequence = event.Sequence(v); return nil })
	case "data":
		return text(d, func(v []byte) error {
			data, err := base64.StdEncoding.AppendDecode(nil, v)
			r.Data = data
			return err
		})
	}
	return d.SkipValue()
}

// text reads a JSON string and passes its text to take. The text is valid only during that call.
func text(d *jsontext.Decoder, take func([]byte) error) error {
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	if value.Kind() != '"' {
		return fmt.Errorf("got %s, want a string", value.Kind())
	}
	if !bytes.Contains(value, []byte{'\\'}) {
		return take(value[1 : len(value)-1]) // AppendUnquote takes longer than base64
	}
	unquoted, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return err
	}
	return take(unquoted)
}

func object(d *jsontext.Decoder, member func(name string) error) error {
	return each(d, '{', '}', func() error {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		return member(name.String())
	})
}

func array(d *jsontext.Decoder, element func() error) error { return each(d, '[', ']', element) }

func each(d *jsontext.Decoder, begin, end jsontext.Kind, next func() error) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != begin {
		return fmt.Errorf("got %s, want %s", token.Kind(), begin)
	}
	for d.PeekKind() != end {
		if err := next(); err != nil {
			return err
		}
	}
	_, err = d.ReadToken()
	return err
}
