package wire

import (
	"maps"
	"slices"
)

// Counts holds the traffic of each call.
type Counts map[Call]Count

// Count is an amount of traffic. It counts the bytes of bodies only: headers hold dates and signatures, so their size
// varies.
type Count struct {
	Requests int64         // Number of requests.
	Sent     int64         // Bytes in the bodies of requests.
	Received int64         // Bytes in the bodies of responses, as far as the caller got them.
	Statuses map[int]int64 // Number of responses with each HTTP status. Status 0 stands for no response.

	// What the service bills, even if the caller got no response.
	WriteUnits   int64   // DynamoDB write request units.
	ReadUnits    float64 // DynamoDB read request units. An eventually consistent read costs half a unit for each 4 KB.
	Unsized      int64   // DynamoDB writes not in WriteUnits, because the request does not tell the size of the item.
	Records      int64   // Records put into Kinesis.
	PayloadUnits int64   // Kinesis PUT payload units of 25 KB.
	Ingested     int64   // Bytes that an on-demand stream bills: each record is rounded up to 1 KB.
}

// Plus returns the sum of two counts.
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

// Calls returns the calls, in the order of Call.Compare.
func (c Counts) Calls() []Call { return slices.SortedFunc(maps.Keys(c), Call.Compare) }

// Sum returns the sum over the calls for which belongs returns true. A nil belongs selects all calls.
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

// count adds what the caller sent and received.
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

// bill adds what the service bills for a request that reached the service.
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
