package handler

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	engine "github.com/prometheus/prometheus/promql"

	"github.com/anabranch/anabranch/shared/promql"
)

// write writes the answer of a query, a series at a time, so that one that is too large stops early. Errors: those of
// the writer.
func write(w io.Writer, a promql.Answer) error {
	if _, err := fmt.Fprintf(w, `{"status":"success","data":{"resultType":%q,"result":`, a.Value.Type()); err != nil {
		return err
	}
	var err error
	switch value := a.Value.(type) {
	case engine.Matrix:
		err = writeAll(w, value, appendSeries)
	case engine.Vector:
		err = writeAll(w, value, appendSample)
	default: // a number or a text
		var text []byte
		if text, err = json.Marshal(value); err == nil {
			_, err = w.Write(text)
		}
	}
	if err != nil {
		return err
	}
	end := []byte{'}'}
	for _, list := range []struct {
		name string
		all  []string
	}{{"warnings", a.Warnings}, {"infos", a.Infos}} {
		if len(list.all) == 0 {
			continue
		}
		text, err := json.Marshal(list.all)
		if err != nil {
			return err
		}
		end = append(fmt.Appendf(end, `,%q:`, list.name), text...)
	}
	_, err = w.Write(append(end, '}'))
	return err
}

func writeAll[T any](w io.Writer, all []T, appendTo func([]byte, T) ([]byte, error)) error {
	buffer := []byte{'['}
	for i, one := range all {
		if i > 0 {
			buffer = append(buffer, ',')
		}
		var err error
		if buffer, err = appendTo(buffer, one); err != nil {
			return err
		}
		if _, err := w.Write(buffer); err != nil {
			return err
		}
		buffer = buffer[:0]
	}
	_, err := w.Write(append(buffer, ']'))
	return err
}

func appendSeries(dst []byte, s engine.Series) ([]byte, error) {
	metric, err := json.Marshal(s.Metric)
	if err != nil {
		return dst, err
	}
	dst = append(append(append(dst, `{"metric":`...), metric...), `,"values":[`...)
	for i, point := range s.Floats {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendPoint(dst, point.T, point.F)
	}
	return append(dst, `]}`...), nil
}

func appendSample(dst []byte, s engine.Sample) ([]byte, error) {
	metric, err := json.Marshal(s.Metric)
	if err != nil {
		return dst, err
	}
	dst = append(append(append(dst, `{"metric":`...), metric...), `,"value":`...)
	return append(appendPoint(dst, s.T, s.F), '}'), nil
}

// appendPoint writes a time in seconds and a number, as Prometheus does: [1435781430.781,"1.5"].
func appendPoint(dst []byte, ms int64, value float64) []byte {
	dst = append(dst, '[')
	dst = strconv.AppendFloat(dst, float64(ms)/1000, 'f', -1, 64)
	dst = append(dst, `,"`...)
	dst = strconv.AppendFloat(dst, value, 'f', -1, 64)
	return append(dst, `"]`...)
}
