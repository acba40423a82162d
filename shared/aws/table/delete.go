package table

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxWrites is the maximum number of writes in one BatchWriteItem. Source: DynamoDB API Reference, BatchWriteItem.
const maxWrites = 25

// Scan reads one page of the table, up to 1 MB, after a key; a nil key means the beginning. It returns the items whose
// partition key begins with the prefix, and the key to continue after, which is nil at the end of the table. DynamoDB
// bills all that it reads, so use Scan only for rare operations.
func (t Table) Scan(ctx context.Context, prefix types.AttributeValue, after Item) (items []Item, next Item, err error) {
	return t.scan(ctx, &dynamodb.ScanInput{ExpressionAttributeNames: map[string]string{"#pk": PartitionKey}}, prefix,
		after)
}

// Keys is Scan for only the keys of the items.
func (t Table) Keys(ctx context.Context, prefix types.AttributeValue, after Item) (keys []Item, next Item, err error) {
	return t.scan(ctx, &dynamodb.ScanInput{
		ProjectionExpression:     aws.String("#pk, #sk"),
		ExpressionAttributeNames: map[string]string{"#pk": PartitionKey, "#sk": SortKey},
	}, prefix, after)
}

func (t Table) scan(ctx context.Context, in *dynamodb.ScanInput, prefix types.AttributeValue, after Item) (items []Item,
	next Item, err error) {
	in.TableName, in.ConsistentRead, in.ExclusiveStartKey = &t.Name, aws.Bool(true), after
	in.FilterExpression, in.ExpressionAttributeValues = aws.String("begins_with(#pk, :prefix)"), Item{":prefix": prefix}
	out, err := t.Client.Scan(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	return out.Items, out.LastEvaluatedKey, nil
}

// Delete deletes the items with the keys; missing items are no error. Each key may appear only once, since DynamoDB
// refuses duplicates.
//
// Errors: some items may have been deleted; repeating the call is safe.
func (t Table) Delete(ctx context.Context, keys []Item) error {
	for chunk := range slices.Chunk(keys, maxWrites) {
		requests := make([]types.WriteRequest, len(chunk))
		for i, key := range chunk {
			requests[i] = types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}}
		}
		if err := t.writeChunk(ctx, requests); err != nil {
			return err
		}
	}
	return nil
}

// writeChunk repeats its request until every write is done.
func (t Table) writeChunk(ctx context.Context, requests []types.WriteRequest) error {
	for fruitless := 0; ; {
		out, err := t.Client.BatchWriteItem(ctx,
			&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{t.Name: requests}})
		if err != nil {
			return err
		}
		left := out.UnprocessedItems[t.Name]
		if len(left) == 0 {
			return nil
		}
		if fruitless++; len(left) < len(requests) {
			fruitless = 0
		}
		requests = left
		if err := t.pause(ctx, fruitless); err != nil {
			return fmt.Errorf("%d items were not written: %w", len(left), err)
		}
	}
}
