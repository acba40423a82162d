package wire

import (
	"maps"
	"slices"
)

// Counts are what went over the wire, by what was asked for.
type Counts map[Call]Count

// Count is what went over the wire. Bytes are those of bodies: headers hold dates and signatures.
type Count struct {
	Requests       int64
	Sent, Received int64         // bytes of the requests' bodies, and of the answers' as the caller got them
	Statuses       map[int]int64 // answers by HTTP status; 0: none came

	// What the service bills, whether the caller heard of it or not.
	WriteUnits   int64   // DynamoDB write request units
	ReadUnits    float64 // DynamoDB read request units; half ones where reads need not be consistent
	Unsized      int64   // writes to DynamoDB that are not in WriteUnits: the request does not tell how large the item is
	Records      int64   // put into Kinesis
	PayloadUnits int64   // their PUT payload units, of 25 KB
	Ingested     int64   // their bytes, each record's rounded up to 1 KB, as an on-demand stream bills them
}

// Plus adds two counts up.
func (c Count) Plus(d Count) Count {
	c.Requests += d.Requests
	c.Sent += d.Sent
	c.Received += d.Received
	c.WriteUnits += d.WriteUnits
	c.ReadUnits += d.ReadUnits
	c.Unsized += d.Unsized
	c.Records += d.Records
	c.PayloadUnits += d.PayloadUnits
	c.Ingested += d.Ingested
	statuses := maps.Clone(c.Statuses)
	if statuses == nil {
		statuses = map[int]int64{}
	}
	for status, n := range d.Statuses {
		statuses[status] += n
	}
	c.Statuses = statuses
	return c
}

// Calls are the calls in order.
func (c Counts) Calls() []Call { return slices.SortedFunc(maps.Keys(c), Call.Compare) }

// Sum adds the counts up of the calls that belong to it; nil: all.
func (c Counts) Sum(belongs func(Call) bool) (sum Count) {
	for _, call := range c.Calls() {
		if belongs == nil || belongs(call) {
			sum = sum.Plus(c[call])
		}
	}
	return sum
}

func (c Counts) clone() Counts {
	all := make(Counts, len(c))
	for call, count := range c {
		all[call] = Count{}.Plus(count)
	}
	return all
}

// count adds what the caller sent and got.
func (t *Transport) count(r request, got answer, err error) {
	one := Count{Requests: 1, Sent: int64(len(r.body)), Statuses: map[int]int64{0: 1}}
	if err == nil {
		one.Statuses = map[int]int64{got.StatusCode: 1}
		one.Received = int64(len(got.body))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[r.call] = t.counts[r.call].Plus(one)
}

// bill adds what the service bills for a request that reached it.
func (t *Transport) bill(c Call, body []byte, got answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var bill Count
	switch c.Service {
	case "dynamodb":
		bill = t.sizes.bill(c, body, got)
	case "kinesis":
		bill = billRecords(c, body, got)
	default:
		return
	}
	t.counts[c] = t.counts[c].Plus(bill)
}
