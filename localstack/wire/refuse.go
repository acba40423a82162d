package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
)

// requestID marks every response that this package made, so that logs tell it from a response of the service.
const requestID = "00000000-0000-4000-8000-77697265"

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// made makes a response that no service gave.
func made(status int, contentType string, body []byte) answer {
	header := http.Header{"Content-Type": {contentType}, "X-Amzn-Requestid": {requestID}, "X-Amz-Request-Id": {requestID}}
	return answer{body: body, Response: &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, ContentLength: int64(len(body)),
	}}
}

// refusal makes the error response that the service would give for a fault.
//
// Source: S3 API Reference, error responses; AWS JSON 1.0 and 1.1 protocols; the common errors of DynamoDB, Kinesis and
// SQS.
func refusal(c Call, k Kind) answer {
	if c.Service == "s3" {
		return objectRefusal(k)
	}
	status, shape, message := http.StatusBadRequest, "ThrottlingException", "Rate exceeded"
	switch {
	case k == InternalBefore || k == InternalAfter:
		status, shape = http.StatusInternalServerError, "InternalFailure"
		message = "The request processing has failed because of an unknown error."
		if c.Service == "dynamodb" {
			shape, message = "InternalServerError", "Internal server error"
		}
	case k == Throughput && c.Service == "kinesis":
		shape = "ProvisionedThroughputExceededException"
		message = "Rate exceeded for shard shardId-000000000000 in stream " + c.Resource + "."
	case k == Throughput:
		shape = "ProvisionedThroughputExceededException"
		message = "The level of configured provisioned throughput for the table was exceeded."
	case c.Service == "sqs":
		shape, message = "RequestThrottled", "The request was denied due to request throttling."
	}
	return jsonAnswer(c, status, map[string]string{"__type": namespace(c.Service) + shape, "message": message})
}

// namespace returns the prefix of the names of a service's errors.
func namespace(service string) string {
	switch service {
	case "dynamodb":
		return "com.amazonaws.dynamodb.v20120810#"
	case "sqs":
		return "com.amazonaws.sqs#"
	}
	return ""
}

func jsonAnswer(c Call, status int, body any) answer {
	version := "1.1"
	if c.Service == "dynamodb" || c.Service == "sqs" {
		version = "1.0"
	}
	return made(status, "application/x-amz-json-"+version, encode(body))
}

func objectRefusal(k Kind) answer {
	status, code := http.StatusInternalServerError, "InternalError"
	message := "We encountered an internal error. Please try again."
	switch k {
	case SlowDown:
		status, code, message = http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."
	case Conflict:
		status, code = http.StatusConflict, "ConditionalRequestConflict"
		message = "The conditional request cannot succeed due to a conflicting operation against this resource."
	}
	const text = `<?xml version="1.0" encoding="UTF-8"?>` +
		"\n<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>"
	return made(status, "application/xml", fmt.Appendf(nil, text, code, message, requestID))
}

// fields holds the members of a JSON body, with their values still encoded.
type fields map[string]json.RawMessage

func (f fields) set(name string, value any) { f[name] = encode(value) }

func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings, numbers and raw JSON always marshal
	}
	return text
}

// with returns the answer with another body.
func (a answer) with(body fields) answer {
	response := *a.Response
	response.Header = response.Header.Clone()
	response.Header.Del("X-Amz-Crc32") // it is the checksum of the old body
	response.Header.Del("Content-Length")
	text := encode(body)
	response.ContentLength = int64(len(text))
	return answer{Response: &response, body: text}
}

// victims draws which of n items fail: at least one, and not all if n is 2 or more.
func victims(chance *rand.Rand, n int) []bool {
	failed := make([]bool, n)
	if n == 0 {
		return failed
	}
	for i := range failed {
		failed[i] = chance.IntN(2) == 0
	}
	failed[chance.IntN(n)] = true
	if n > 1 && !slices.Contains(failed, false) {
		failed[chance.IntN(n)] = false
	}
	return failed
}

// partlyFail sends some of the records to the service, and reports the others as failed.
func (b *breaking) partlyFail(r request) (answer, error) {
	var (
		asked   fields
		records []json.RawMessage
	)
	if json.Unmarshal(r.body, &asked) != nil || json.Unmarshal(asked["Records"], &records) != nil || len(records) == 0 {
		return b.pass(r, r.body) // the service reports what is wrong with it
	}
	failed := victims(b.chance, len(records))
	var taken []json.RawMessage
	for i, record := range records {
		if !failed[i] {
			taken = append(taken, record)
		}
	}
	got, results, err := b.passRecords(r, asked, taken)
	if err != nil || results == nil {
		return got, err
	}
	b.fire(r.call)
	all := make([]json.RawMessage, len(records))
	count := 0
	for i := range all {
		if failed[i] {
			all[i] = failedRecord(b.chance)
			count++
			continue
		}
		all[i], results = results[0], results[1:]
	}
	var answered fields
	if err := json.Unmarshal(got.body, &answered); err != nil {
		return answer{}, err
	}
	var before int
	if json.Unmarshal(answered["FailedRecordCount"], &before) != nil {
		before = 0 // the member is optional
	}
	answered.set("FailedRecordCount", before+count)
	answered.set("Records", all)
	return got.with(answered), nil
}

// passRecords puts the records that shall not fail, and returns the service's response with a result for each. If
// results is nil, the caller gets this response unchanged.
func (b *breaking) passRecords(
	r request, asked fields, taken []json.RawMessage,
) (got answer, results []json.RawMessage, err error) {
	if len(taken) == 0 {
		return jsonAnswer(r.call, http.StatusOK, struct{}{}), []json.RawMessage{}, nil
	}
	asked = maps.Clone(asked)
	asked.set("Records", taken)
	if got, err = b.pass(r, encode(asked)); err != nil || got.StatusCode != http.StatusOK {
		return got, nil, err
	}
	var answered struct{ Records []json.RawMessage }
	if err := json.Unmarshal(got.body, &answered); err != nil || len(answered.Records) != len(taken) {
		return answer{}, nil, fmt.Errorf(
			"answer to %s has %d results for %d records: %w", r.call, len(answered.Records), len(taken), err,
		)
	}
	return got, answered.Records, nil
}

// failedRecord draws one of the two results of a failed record.
//
// Source: Kinesis API Reference, PutRecordsResultEntry.
func failedRecord(chance *rand.Rand) json.RawMessage {
	if chance.IntN(2) == 0 {
		return json.RawMessage(`{"ErrorCode":"InternalFailure","ErrorMessage":"Internal service failure."}`)
	}
	return json.RawMessage(
		`{"ErrorCode":"ProvisionedThroughputExceededException",` +
			`"ErrorMessage":"Rate exceeded for shard shardId-000000000000."}`,
	)
}

// leaveUnprocessed sends some of the keys or items to the service, and returns the others to the caller as unprocessed.
func (b *breaking) leaveUnprocessed(r request) (answer, error) {
	var asked fields
	var tables map[string]json.RawMessage
	if json.Unmarshal(r.body, &asked) != nil || json.Unmarshal(asked["RequestItems"], &tables) != nil || len(tables) == 0 {
		return b.pass(r, r.body) // the service reports what is wrong with it
	}
	taken, left := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for _, name := range sorted(tables) {
		some, others, err := split(b.chance, tables[name])
		if err != nil {
			return b.pass(r, r.body)
		}
		if some != nil {
			taken[name] = some
		}
		left[name] = others
	}
	got := jsonAnswer(r.call, http.StatusOK, map[string]any{"Responses": map[string]any{}})
	if len(taken) > 0 {
		asked.set("RequestItems", taken)
		var err error
		if got, err = b.pass(r, encode(asked)); err != nil || got.StatusCode != http.StatusOK {
			return got, err
		}
	}
	b.fire(r.call)
	var answered fields
	if err := json.Unmarshal(got.body, &answered); err != nil {
		return answer{}, fmt.Errorf("answer to %s: %w", r.call, err)
	}
	member := "UnprocessedKeys"
	if r.call.Operation == "BatchWriteItem" {
		member = "UnprocessedItems"
	}
	answered.set(member, left)
	return got.with(answered), nil
}

// split divides a table's part of a batch in two. The part is a list of writes, or an object whose member Keys is a
// list. taken is nil if all of it is left.
func split(chance *rand.Rand, part json.RawMessage) (taken, left json.RawMessage, err error) {
	list, around := part, fields(nil)
	if !bytes.HasPrefix(bytes.TrimSpace(part), []byte("[")) {
		if err := json.Unmarshal(part, &around); err != nil {
			return nil, nil, err
		}
		list = around["Keys"]
	}
	var all, some, others []json.RawMessage
	if err := json.Unmarshal(list, &all); err != nil {
		return nil, nil, err
	}
	for i, failed := range victims(chance, len(all)) {
		if failed {
			others = append(others, all[i])
		} else {
			some = append(some, all[i])
		}
	}
	wrap := func(items []json.RawMessage) json.RawMessage {
		if around == nil {
			return encode(items)
		}
		f := maps.Clone(around)
		f.set("Keys", items)
		return encode(f)
	}
	if len(some) > 0 {
		taken = wrap(some)
	}
	return taken, wrap(others), nil
}
