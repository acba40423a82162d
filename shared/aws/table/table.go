// Package table is one DynamoDB table as the DynamoDB adapters use it: strongly consistent reads that return
// everything, and conditional puts. It implements no contract and knows no item: dynamoviews and dynamocatalog define
// what keys and attributes mean.
//
// Every table has the partition key "pk" and the sort key "sk". The adapters choose their type.
package table

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Names of the key attributes.
const (
	PartitionKey = "pk"
	SortKey      = "sk"
)

// ErrMismatch means that the stored item does not meet the condition; nothing was written.
var ErrMismatch = errors.New("stored item is not as expected")

// errUnprocessed is the error for keys that a successful answer left out. The client's retry policy decides about it as
// about any error.
var errUnprocessed = errors.New("DynamoDB did not process all of the request")

// Item is an item or its key, by attribute.
type Item = map[string]types.AttributeValue

// Table is one table.
type Table struct {
	Client *dynamodb.Client
	Name   string
}

// KeyOf returns an item's key.
func KeyOf(partition, sort types.AttributeValue) Item {
	return Item{PartitionKey: partition, SortKey: sort}
}

// Get returns the item with the key, or nil when there is none.
func (t Table) Get(ctx context.Context, key Item) (Item, error) {
	out, err := t.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.Name, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// maxKeys is the maximum number of keys in one BatchGetItem. Source: DynamoDB API Reference, BatchGetItem.
const maxKeys = 100

// Load returns the items that exist, in any order. Each key may appear only once, since DynamoDB refuses duplicates.
func (t Table) Load(ctx context.Context, keys []Item) ([]Item, error) {
	items := make([]Item, 0, len(keys))
	for chunk := range slices.Chunk(keys, maxKeys) {
		loaded, err := t.loadChunk(ctx, chunk)
		if err != nil {
			return nil, err
		}
		items = append(items, loaded...)
	}
	return items, nil
}

// loadChunk repeats its request until every key is read. An answer holds at most 16 MB, and less when the table is
// under load.
func (t Table) loadChunk(ctx context.Context, keys []Item) (items []Item, err error) {
	for fruitless := 0; ; {
		out, err := t.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{t.Name: {Keys: keys, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return nil, err
		}
		items = append(items, out.Responses[t.Name]...)
		left := out.UnprocessedKeys[t.Name].Keys
		if len(left) == 0 {
			return items, nil
		}
		if fruitless++; len(left) < len(keys) {
			fruitless = 0
		}
		keys = left
		if err := t.pause(ctx, fruitless); err != nil {
			return nil, fmt.Errorf("%d keys were not read: %w", len(left), err)
		}
	}
}

// pause waits as the client waits before a retry. It returns an error when the client would give up.
func (t Table) pause(ctx context.Context, fruitless int) error {
	retryer := t.Client.Options().Retryer
	if fruitless >= retryer.MaxAttempts() {
		return fmt.Errorf("%d times: %w", fruitless, errUnprocessed)
	}
	release, err := retryer.GetRetryToken(ctx, errUnprocessed)
	if err != nil {
		return errors.Join(errUnprocessed, err)
	}
	delay, err := retryer.RetryDelay(fruitless+1, errUnprocessed)
	if err != nil {
		return errors.Join(errUnprocessed, err)
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return release(nil)
	}
}

// Range is a range of items in one partition, in the order of their sort keys, from From to To inclusive. A nil bound
// is no bound.
type Range struct {
	Partition, From, To types.AttributeValue

	After types.AttributeValue // sort key of the item after which the range continues; nil: from its beginning
	Down  bool                 // from the greatest sort key to the smallest
	Limit int32                // maximum items in one answer; 0: as many as fit into 1 MB

	KeysOnly bool // the items have only their keys. DynamoDB bills them whole
}

// request returns the range as a query.
func (r Range) request(name string) *dynamodb.QueryInput {
	text, values := PartitionKey+" = :partition", Item{":partition": r.Partition}
	switch {
	case r.From != nil && r.To != nil:
		text += " AND " + SortKey + " BETWEEN :from AND :to"
	case r.From != nil:
		text += " AND " + SortKey + " >= :from"
	case r.To != nil:
		text += " AND " + SortKey + " <= :to"
	}
	if r.From != nil {
		values[":from"] = r.From
	}
	if r.To != nil {
		values[":to"] = r.To
	}
	in := &dynamodb.QueryInput{
		TableName: &name, KeyConditionExpression: &text, ExpressionAttributeValues: values,
		ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(!r.Down),
	}
	if r.Limit > 0 {
		in.Limit = &r.Limit
	}
	if r.KeysOnly {
		in.ProjectionExpression = aws.String(PartitionKey + ", " + SortKey)
	}
	if r.After != nil {
		in.ExclusiveStartKey = KeyOf(r.Partition, r.After)
	}
	return in
}

// Each yields the items of a range one by one. An answer holds at most 1 MB, so Each makes a request when it has
// yielded all of an answer. It ends after an error. From must not come after To, since DynamoDB refuses that.
func (t Table) Each(ctx context.Context, r Range) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		in := r.request(t.Name)
		for {
			out, err := t.Client.Query(ctx, in)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range out.Items {
				if !yield(item, nil) {
					return
				}
			}
			if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
				return
			}
		}
	}
}

// Part returns the first items of a range, with one request, and the sort key of the last one; nil when there are no
// more items.
func (t Table) Part(ctx context.Context, r Range) (items []Item, last types.AttributeValue, err error) {
	in := r.request(t.Name)
	for {
		out, err := t.Client.Query(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		// An answer without items may say that there are more.
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(out.Items) > 0 || len(in.ExclusiveStartKey) == 0 {
			return out.Items, out.LastEvaluatedKey[SortKey], nil
		}
	}
}

// Query returns the items of a range, with as many requests as that takes.
func (t Table) Query(ctx context.Context, r Range) (items []Item, err error) {
	for item, err := range t.Each(ctx, r) {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// Last returns the item of a partition with the greatest sort key, or nil when there is none.
func (t Table) Last(ctx context.Context, partition types.AttributeValue) (Item, error) {
	for item, err := range t.Each(ctx, Range{Partition: partition, Down: true, Limit: 1}) {
		return item, err
	}
	return nil, nil
}

// Condition is the condition of a put: the stored item has this value of an attribute. The zero Condition means that no
// item is stored.
type Condition struct {
	Attribute string
	Value     types.AttributeValue
	OrNone    bool // also true when no item is stored
}

// set puts the condition into a request.
func (c Condition) set(in *dynamodb.PutItemInput) {
	const none = "attribute_not_exists(" + PartitionKey + ")"
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	if c.Attribute == "" {
		in.ConditionExpression = aws.String(none)
		return
	}
	in.ConditionExpression = aws.String("#expected = :expected")
	if c.OrNone {
		in.ConditionExpression = aws.String(none + " OR #expected = :expected")
	}
	in.ExpressionAttributeNames = map[string]string{"#expected": c.Attribute}
	in.ExpressionAttributeValues = Item{":expected": c.Value}
}

// Put writes an item if the condition holds.
//
// Errors: ErrMismatch, with the stored item, or nil when there is none. The SDK retries, so it also comes when an
// earlier attempt of this very call was applied and its answer lost. Any other: the item may or may not have been
// written.
func (t Table) Put(ctx context.Context, item Item, when Condition) (stored Item, err error) {
	in := &dynamodb.PutItemInput{TableName: &t.Name, Item: item}
	when.set(in)
	_, err = t.Client.PutItem(ctx, in)
	if failed := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &failed) {
		return failed.Item, ErrMismatch
	}
	return nil, err
}

// Replace writes an item, whatever is stored. After an error the item may or may not have been written; retrying is
// safe.
func (t Table) Replace(ctx context.Context, item Item) error {
	_, err := t.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.Name, Item: item})
	return err
}
