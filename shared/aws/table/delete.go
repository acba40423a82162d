package table

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxWrites is the maximum number of writes in one BatchWriteItem. Source: DynamoDB API Reference, BatchWriteItem.
const maxWrites = 25

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
