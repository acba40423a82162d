package wire

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// Billing units in bytes.
//
// Source: AWS's price pages of DynamoDB and Kinesis Data Streams.
const (
	writeUnit   = 1 << 10
	readUnit    = 4 << 10
	payloadUnit = 25 << 10
	ingestUnit  = 1 << 10
)

func units(size, unit int) int64 { return int64((size + unit - 1) / unit) }

// partitionKey and sortKey are the key attributes of all of Anabranch's tables. A request to put an item does not name
// them.
const (
	partitionKey = "pk"
	sortKey      = "sk"
)

// attributes is an item in DynamoDB's JSON: {"pk":{"S":"run"},...}.
type attributes map[string]map[string]json.RawMessage

// size returns the size of an item in bytes, which includes the names of its attributes.
//
// Source: DynamoDB Developer Guide, item sizes and formats.
func (a attributes) size() int {
	sum := 0
	for name, value := range a {
		sum += len(name) + valueSize(value)
	}
	return sum
}

// valueSize returns the size of the value of one attribute in bytes.
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

// container is the size of an empty list or map in bytes. Each element adds one byte to its own size.
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

// numberSize returns one byte, one more for every two significant digits, and one more for a minus sign.
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

// decode reads JSON that the service reads, too. It returns the zero value, which has no size, for JSON of another
// shape.
func decode[T any](text json.RawMessage) (value T) {
	if json.Unmarshal(text, &value) != nil {
		var none T
		return none
	}
	return value
}

// sizes holds the sizes of the items that were written through a Transport, by table and key. DynamoDB bills a write by
// the larger of the old and the new item. An item that was not written through the Transport counts as absent.
type sizes map[string]int

// key returns the name of an item in sizes.
func key(table string, item attributes) string {
	return table + "\x00" + string(encode(item[partitionKey])) + string(encode(item[sortKey]))
}

// keyed is the part of a DynamoDB request or response that its bill depends on.
type keyed struct {
	TableName      string
	Item, Key      attributes
	Items          []attributes
	ConsistentRead bool
	RequestItems   map[string]json.RawMessage
	Responses      map[string][]attributes
	TransactItems  []map[string]keyed
}

// bill returns what DynamoDB bills for a request and its response.
//
// Source: DynamoDB Developer Guide, read and write operations. DynamoDB bills a put by the larger item, even if its
// condition fails; a write in a transaction twice; and a read of an absent item like a read of an item of up to 4 KB.
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

// write returns the write units of one write. If the write was done, it remembers the new size of the item; size 0
// means that the write deletes it.
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

// billRead returns what DynamoDB bills for a read.
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

// keysOf is the part of a BatchGetItem request that is for one table.
type keysOf struct {
	Keys           []json.RawMessage
	ConsistentRead bool
}

// billBatchRead returns the sum of the read units of each item. If the request reads one table consistently, all tables
// count as read consistently.
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

// billRecords returns what Kinesis bills for put records. It bills the sum of data and partition key.
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
