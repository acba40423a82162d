package wire

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// Units in bytes. Source: AWS's price pages of DynamoDB and Kinesis Data Streams.
const (
	writeUnit   = 1 << 10
	readUnit    = 4 << 10
	payloadUnit = 25 << 10
	ingestUnit  = 1 << 10
)

func units(size, unit int) int64 { return int64((size + unit - 1) / unit) }

// partitionKey and sortKey are the key attributes of every table here: requests to put an item do not say which they are.
const (
	partitionKey = "pk"
	sortKey      = "sk"
)

// attributes are an item as DynamoDB's JSON has it: {"pk":{"S":"run"},...}.
type attributes map[string]map[string]json.RawMessage

// size is an item's size in bytes, with the names of its attributes.
//
// Source: DynamoDB Developer Guide, item sizes and formats.
func (a attributes) size() int {
	sum := 0
	for name, value := range a {
		sum += len(name) + valueSize(value)
	}
	return sum
}

// valueSize is that of one attribute's value.
func valueSize(value map[string]json.RawMessage) int {
	for kind, text := range value {
		switch kind {
		case "S", "N", "B":
			return scalarSize(kind, decode[string](text))
		case "SS", "NS", "BS":
			sum := 0
			for _, one := range decode[[]string](text) {
				sum += scalarSize(kind[:1], one)
			}
			return sum
		case "L":
			sum := container
			for _, one := range decode[[]map[string]json.RawMessage](text) {
				sum += 1 + valueSize(one)
			}
			return sum
		case "M":
			members := decode[attributes](text)
			return container + len(members) + members.size()
		}
	}
	return 1 // BOOL and NULL
}

// container is what a list or a map has of itself; each element adds a byte.
const container = 3

func scalarSize(kind, text string) int {
	switch kind {
	case "N":
		return numberSize(text)
	case "B":
		return base64.StdEncoding.DecodedLen(len(text)) - strings.Count(text, "=")
	}
	return len(text)
}

// numberSize is a byte, one for every two significant digits, and one for a sign.
func numberSize(text string) int {
	digits, negative := strings.CutPrefix(text, "-")
	digits, _, _ = strings.Cut(strings.ToLower(digits), "e")
	digits = strings.Trim(strings.Replace(digits, ".", "", 1), "0")
	size := 1 + (len(digits)+1)/2
	if negative {
		size++
	}
	return size
}

// decode reads JSON that the service has read as well; what is none of the kind has no size.
func decode[T any](text json.RawMessage) (value T) {
	if json.Unmarshal(text, &value) != nil {
		var none T
		return none
	}
	return value
}

// sizes are the sizes of the items that were written through a Transport, by table and key: a write is billed by the larger of the item that was
// and the item that is. What was written otherwise counts as not there.
type sizes map[string]int

// key names an item.
func key(table string, item attributes) string {
	return table + "\x00" + string(encode(item[partitionKey])) + string(encode(item[sortKey]))
}

// keyed is a request or an answer of DynamoDB, as far as its size goes.
type keyed struct {
	TableName      string
	Item, Key      attributes
	Items          []attributes
	ConsistentRead bool
	RequestItems   map[string]json.RawMessage
	Responses      map[string][]attributes
	TransactItems  []map[string]keyed
}

// bill is what DynamoDB bills for a request and its answer.
//
// Source: DynamoDB Developer Guide, read and write operations: a put is billed by the larger item, also when its condition failed; a transaction
// twice; a read of what is not there as one of an item of up to 4 KB.
func (s sizes) bill(c Call, body []byte, got answer) Count {
	asked := decode[keyed](body)
	failed := strings.Contains(string(got.body), "ConditionalCheckFailedException")
	if got.StatusCode != http.StatusOK && !failed {
		return Count{}
	}
	switch c.Operation {
	case "PutItem":
		return Count{WriteUnits: s.write(asked.TableName, asked.Item, asked.Item.size(), !failed)}
	case "DeleteItem":
		return Count{WriteUnits: s.write(asked.TableName, asked.Key, 0, !failed)}
	case "UpdateItem":
		return Count{Unsized: 1}
	case "BatchWriteItem":
		return s.billBatch(asked, decode[struct{ UnprocessedItems map[string][]json.RawMessage }](got.body).UnprocessedItems)
	case "TransactWriteItems":
		return s.billTransaction(asked)
	}
	return billRead(c, asked, decode[keyed](got.body), got.body)
}

// write is what one write costs, and remembers the item as it is now when the write was done. Size 0 deletes it.
func (s sizes) write(table string, item attributes, size int, done bool) int64 {
	name := key(table, item)
	cost := max(1, units(max(size, s[name]), writeUnit))
	switch {
	case done && size == 0:
		delete(s, name)
	case done:
		s[name] = size
	}
	return cost
}

// change is one write of a batch.
type change struct {
	PutRequest, DeleteRequest *struct{ Item, Key attributes }
}

func (s sizes) billBatch(asked keyed, unprocessed map[string][]json.RawMessage) (bill Count) {
	for _, table := range sorted(asked.RequestItems) {
		left := map[string]bool{}
		for _, c := range decode[[]change](encode(unprocessed[table])) {
			left[string(encode(c))] = true
		}
		for _, c := range decode[[]change](asked.RequestItems[table]) {
			switch {
			case left[string(encode(c))]:
			case c.PutRequest != nil:
				bill.WriteUnits += s.write(table, c.PutRequest.Item, c.PutRequest.Item.size(), true)
			case c.DeleteRequest != nil:
				bill.WriteUnits += s.write(table, c.DeleteRequest.Key, 0, true)
			}
		}
	}
	return bill
}

func (s sizes) billTransaction(asked keyed) (bill Count) {
	for _, part := range asked.TransactItems {
		for kind, w := range part {
			switch kind {
			case "Put":
				bill.WriteUnits += 2 * s.write(w.TableName, w.Item, w.Item.size(), true)
			case "Delete":
				bill.WriteUnits += 2 * s.write(w.TableName, w.Key, 0, true)
			default:
				bill.Unsized++
			}
		}
	}
	return bill
}

// billRead is what a read costs.
func billRead(c Call, asked, answered keyed, body []byte) Count {
	sum := int64(0)
	consistent := asked.ConsistentRead
	switch c.Operation {
	case "GetItem":
		sum = max(1, units(answered.Item.size(), readUnit))
	case "Query", "Scan":
		size := 0
		for _, item := range answered.Items {
			size += item.size()
		}
		sum = max(1, units(size, readUnit))
	case "BatchGetItem":
		sum, consistent = billBatchRead(asked, answered, body)
	}
	if consistent {
		return Count{ReadUnits: float64(sum)}
	}
	return Count{ReadUnits: float64(sum) / 2}
}

// keysOf is a table's part of a BatchGetItem.
type keysOf struct {
	Keys           []json.RawMessage
	ConsistentRead bool
}

// billBatchRead bills each item on its own. Tables that are asked differently count as all consistent.
func billBatchRead(asked, answered keyed, body []byte) (sum int64, consistent bool) {
	left := decode[struct{ UnprocessedKeys map[string]keysOf }](body).UnprocessedKeys
	for table, part := range asked.RequestItems {
		keys := decode[keysOf](part)
		consistent = consistent || keys.ConsistentRead
		items := answered.Responses[table]
		for _, item := range items {
			sum += max(1, units(item.size(), readUnit))
		}
		sum += int64(len(keys.Keys) - len(left[table].Keys) - len(items))
	}
	return sum, consistent
}

// billRecords is what Kinesis bills for records that were put: their data and partition keys.
func billRecords(c Call, body []byte, got answer) (bill Count) {
	type record struct{ Data, PartitionKey string }
	if got.StatusCode != http.StatusOK {
		return Count{}
	}
	var records []record
	switch c.Operation {
	case "PutRecord":
		records = []record{decode[record](body)}
	case "PutRecords":
		records = decode[struct{ Records []record }](body).Records
	}
	results := decode[struct{ Records []struct{ ErrorCode string } }](got.body).Records
	for i, r := range records {
		if i < len(results) && results[i].ErrorCode != "" {
			continue
		}
		size := scalarSize("B", r.Data) + len(r.PartitionKey)
		bill.Records++
		bill.PayloadUnits += units(size, payloadUnit)
		bill.Ingested += units(size, ingestUnit) * ingestUnit
	}
	return bill
}
