package smoke

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/klauspost/compress/zstd"
)

// The number of events that a run sends: the first ones, which it sends twice, and then the markers. A lane handles its
// records in order. So once the markers are counted, the lane has seen the copies.
const (
	perRequest = 100
	requests   = 3 // requests with first events
	first      = requests * perRequest
	markers    = perRequest
)

// request is the events of one HTTP body, and how many the server should accept.
type request struct {
	body  []byte // NDJSON in one zstd frame
	good  int
	badAt int // index of the event that has no type; -1: none
}

// load is everything that a run sends. It follows from the run's id alone.
type load struct {
	source, path, method string
	kind                 string // the type of the events
	hour                 time.Time
	events               []smokeEvent
	first                []request
	markers              request
}

// smokeEvent holds the members that the sample's views read.
type smokeEvent struct{ status, bytes int }

// The years of event time that a run may use, 1970 to 1999: nobody has real events there.
const (
	firstYear = 1970
	years     = 30
)

// hour derives an hour from the run's id, another one for each try.
func (r *run) hour(try int) time.Time {
	begin := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
	hours := uint64(time.Date(firstYear+years, 1, 1, 0, 0, 0, 0, time.UTC).Sub(begin) / time.Hour)
	drawn := binary.BigEndian.Uint64(r.Run[8:]) % hours // the random part of the ULID
	return begin.Add(time.Duration((drawn+uint64(try))%hours) * time.Hour)
}

// newLoad makes the events: three in five succeed, with 10 or 30 bytes; the others fail, with 5 bytes.
func (r *run) newLoad(kind string, hour time.Time) (load, error) {
	id := r.Run.String()
	l := load{
		source: "anabranch-smoke/" + id,
		path:   "/anabranch-smoke/" + id,
		method: "SMOKE-" + id,
		kind:   kind,
		hour:   hour,
	}
	for i := range first + markers {
		e := smokeEvent{200, 10 + 20*(i%2)}
		if i%5 >= 3 {
			e = smokeEvent{404, 5}
		}
		l.events = append(l.events, e)
	}
	for begin := 0; begin < first; begin += perRequest {
		bad := -1
		if begin == 0 {
			bad = perRequest / 2
		}
		q, err := l.request(begin, bad)
		if err != nil {
			return load{}, err
		}
		l.first = append(l.first, q)
	}
	var err error
	l.markers, err = l.request(first, -1)
	return l, err
}

// request makes a request of perRequest events, starting with event begin. Unless bad is -1, it inserts one event
// without a type at that index.
func (l *load) request(begin, bad int) (request, error) {
	var lines []byte
	for i := begin; i < begin+perRequest; i++ {
		if i-begin == bad {
			lines = fmt.Appendf(lines, `{"specversion":"1.0","id":"bad","source":%q}`+"\n", l.source)
		}
		line, err := json.Marshal(map[string]any{
			"specversion": "1.0", "id": strconv.Itoa(i), "source": l.source, "type": l.kind,
			"time": l.hour.Add(time.Duration(i) * time.Second).Format(time.RFC3339),
			"data": map[string]any{
				"client": "anabranch-smoke",
				"method": l.method,
				"path":   l.path,
				"status": l.events[i].status,
				"bytes":  l.events[i].bytes,
			},
		})
		if err != nil {
			return request{}, err
		}
		lines = append(append(lines, line...), '\n')
	}
	body, err := pack(lines)
	return request{body, perRequest, bad}, err
}

// total returns the number of events in the request, the bad one included.
func (q request) total() int {
	if q.badAt < 0 {
		return q.good
	}
	return q.good + 1
}

func pack(lines []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return w.EncodeAll(lines, []byte{}), w.Close()
}
