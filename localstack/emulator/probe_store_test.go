//go:build emulator

package emulator_test

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/aws/table"
)

func s3Quirks() []quirk {
	bucket := func(p *prober) (*s3.Client, *string) {
		name := p.name()
		return awstest.Bucket(p, p.cfg, name), &name
	}
	body := func() *bytes.Reader { return bytes.NewReader([]byte("body")) }
	return []quirk{
		{"S3", "put with If-None-Match: * on a key that is taken", "PreconditionFailed", "", func(p *prober) string {
			c, b := bucket(p)
			in := s3.PutObjectInput{Bucket: b, Key: aws.String("k"), IfNoneMatch: aws.String("*")}
			in.Body = body()
			_, err := c.PutObject(p.ctx, &in)
			p.must(err)
			in.Body = body()
			_, err = c.PutObject(p.ctx, &in)
			return code(err)
		}},
		{"S3", "12 conditional puts of one key at once",
			"1 OK, 11 PreconditionFailed or ConditionalRequestConflict", "1 OK, 11 PreconditionFailed",
			func(p *prober) string {
				c, b := bucket(p)
				var (
					mu    sync.Mutex
					codes = map[string]int{}
					group sync.WaitGroup
				)
				for range 12 {
					group.Go(func() {
						_, err := c.PutObject(
							p.ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), IfNoneMatch: aws.String("*"), Body: body()},
						)
						mu.Lock()
						defer mu.Unlock()
						codes[code(err)]++
					})
				}
				group.Wait()
				return fmt.Sprintf("%d OK, %d PreconditionFailed", codes["OK"], codes["PreconditionFailed"])
			}},
		{"S3", "get of a key that holds nothing", "NoSuchKey", "", func(p *prober) string {
			c, b := bucket(p)
			_, err := c.GetObject(p.ctx, &s3.GetObjectInput{Bucket: b, Key: aws.String("k")})
			return code(err)
		}},
		{"S3", "get from a bucket that is not there", "NoSuchBucket", "", func(p *prober) string {
			c, _ := bucket(p)
			_, err := c.GetObject(p.ctx, &s3.GetObjectInput{Bucket: aws.String("no-such-bucket"), Key: aws.String("k")})
			return code(err)
		}},
		{"S3", "put with a wrong CRC32", "BadDigest", "", func(p *prober) string {
			c, b := bucket(p)
			_, err := c.PutObject(
				p.ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: body(), ChecksumCRC32: aws.String("AAAAAA==")},
			)
			return code(err)
		}},
		{"S3", "put with a key of 1,025 bytes", "KeyTooLongError", "OK", func(p *prober) string {
			c, b := bucket(p)
			_, err := c.PutObject(p.ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String(strings.Repeat("k", 1025)), Body: body()})
			return code(err)
		}},
		{"S3", "a listing with EncodingType url, of the key \"a b+c%\"", "a+b%2Bc%25", "a%20b%2Bc%25",
			func(p *prober) string {
				c, b := bucket(p)
				_, err := c.PutObject(p.ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("a b+c%"), Body: body()})
				p.must(err)
				out, err := c.ListObjectsV2(p.ctx, &s3.ListObjectsV2Input{Bucket: b, EncodingType: "url"})
				p.must(err)
				return aws.ToString(out.Contents[0].Key)
			}},
		{"S3", "put without If-None-Match, which the bucket's policy denies", "AccessDenied", "OK", func(p *prober) string {
			c, b := bucket(p)
			policy := `{"Version":"2012-10-17","Statement":[{
				"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::` + *b + `/*",
				"Condition":{"Null":{"s3:if-none-match":"true"}}}]}`
			_, err := c.PutBucketPolicy(p.ctx, &s3.PutBucketPolicyInput{Bucket: b, Policy: &policy})
			p.must(err)
			_, err = c.PutObject(p.ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: body()})
			return code(err)
		}},
	}
}

// table creates a table with binary keys.
func (p *prober) table() (*dynamodb.Client, *string) {
	name := p.name()
	return awstest.Table(p, p.cfg, name, awstest.BaseTable), &name
}

func binaryKey(sk ...byte) table.Item {
	return table.KeyOf(table.Binary([]byte("p")), table.Binary(sk))
}

func with(item table.Item, name string, value types.AttributeValue) table.Item {
	item[name] = value
	return item
}

func dynamoQuirks() []quirk {
	large := func(p *prober, c *dynamodb.Client, name *string, n, size int) {
		for i := range n {
			_, err := c.PutItem(
				p.ctx,
				&dynamodb.PutItemInput{TableName: name, Item: with(binaryKey(byte(i)), "s", table.Binary(make([]byte, size)))},
			)
			p.must(err)
		}
	}
	put := func(p *prober, item table.Item) string {
		c, name := p.table()
		_, err := c.PutItem(p.ctx, &dynamodb.PutItemInput{TableName: name, Item: item})
		return code(err)
	}
	return []quirk{
		{"DynamoDB", "a failed condition returns the stored item", "ConditionalCheckFailedException with the item", "",
			func(p *prober) string {
				c, name := p.table()
				item := with(binaryKey(1), "h", table.Number(int64(7)))
				_, err := table.Table{Client: c, Name: *name}.Put(p.ctx, item, table.Condition{})
				p.must(err)
				stored, err := table.Table{Client: c, Name: *name}.Put(p.ctx, item, table.Condition{})
				if errors.Is(err, table.ErrMismatch) && len(stored) == 3 {
					return "ConditionalCheckFailedException with the item"
				}
				return fmt.Sprintf("%v with %d attributes", err, len(stored))
			}},
		{"DynamoDB", "order of binary sort keys", "unsigned bytes: 00 007f 01 7f 80 ff", "", func(p *prober) string {
			c, name := p.table()
			for _, key := range [][]byte{{0x80}, {0x7f}, {0xff}, {0}, {1}, {0, 0x7f}} {
				_, err := c.PutItem(p.ctx, &dynamodb.PutItemInput{TableName: name, Item: binaryKey(key...)})
				p.must(err)
			}
			items, err := table.Table{Client: c, Name: *name}.Query(p.ctx, table.Range{Partition: table.Binary([]byte("p"))})
			p.must(err)
			var keys []string
			for _, item := range items {
				b, err := table.BinaryOf(item, "sk")
				p.must(err)
				keys = append(keys, fmt.Sprintf("%x", b))
			}
			return "unsigned bytes: " + strings.Join(keys, " ")
		}},
		{"DynamoDB", "query of 12 items of 200 KB (1 MB at once)", "in pages", "", func(p *prober) string {
			c, name := p.table()
			large(p, c, name, 12, 200_000)
			out, err := c.Query(p.ctx, &dynamodb.QueryInput{
				TableName:                 name,
				KeyConditionExpression:    aws.String("pk = :p"),
				ExpressionAttributeValues: table.Item{":p": table.Binary([]byte("p"))},
			})
			p.must(err)
			if len(out.LastEvaluatedKey) > 0 && len(out.Items) < 12 {
				return "in pages"
			}
			return "all at once"
		}},
		{"DynamoDB", "batch get of 60 items of 300 KB", "16 MB: keys left unread", "60 items, none left",
			func(p *prober) string {
				c, name := p.table()
				large(p, c, name, 60, 300_000)
				var keys []table.Item
				for i := range 60 {
					keys = append(keys, binaryKey(byte(i)))
				}
				out, err := c.BatchGetItem(
					p.ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{*name: {Keys: keys}}},
				)
				p.must(err)
				if len(out.UnprocessedKeys) > 0 {
					return "16 MB: keys left unread"
				}
				return fmt.Sprintf("%d items, none left", len(out.Responses[*name]))
			}},
		{"DynamoDB", "batch get of one key twice", "ValidationException", "", func(p *prober) string {
			c, name := p.table()
			_, err := c.BatchGetItem(p.ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
				*name: {Keys: []table.Item{binaryKey(1), binaryKey(1)}},
			}})
			return code(err)
		}},
		{"DynamoDB", "BETWEEN with the bounds the wrong way round", "ValidationException", "", func(p *prober) string {
			c, name := p.table()
			_, err := table.Table{Client: c, Name: *name}.Query(p.ctx, table.Range{
				Partition: table.Binary([]byte("p")), From: table.Binary([]byte{2}), To: table.Binary([]byte{1}),
			})
			return code(err)
		}},
		{"DynamoDB", "an item above 400 KB", "ValidationException", "", func(p *prober) string {
			return put(p, with(binaryKey(1), "s", table.Binary(make([]byte, 400<<10))))
		}},
		{
			"DynamoDB",
			"an empty binary attribute",
			"OK",
			"",
			func(p *prober) string { return put(p, with(binaryKey(1), "s", table.Binary(nil))) },
		},
		{
			"DynamoDB",
			"an empty binary sort key",
			"ValidationException",
			"",
			func(p *prober) string { return put(p, binaryKey()) },
		},
		{"DynamoDB", "a partition key of 2,049 bytes", "ValidationException", "", func(p *prober) string {
			return put(p, table.KeyOf(table.Binary(make([]byte, 2049)), table.Binary([]byte{1})))
		}},
		{"DynamoDB", "a number of 19 digits", "9223372036854775807", "", func(p *prober) string {
			c, name := p.table()
			_, err := c.PutItem(
				p.ctx, &dynamodb.PutItemInput{TableName: name, Item: with(binaryKey(1), "h", table.Number(int64(1<<63-1)))},
			)
			p.must(err)
			item, err := table.Table{Client: c, Name: *name}.Get(p.ctx, binaryKey(1))
			p.must(err)
			n, err := table.NumberOf[int64](item, "h")
			p.must(err)
			return strconv.FormatInt(n, 10)
		}},
		{"DynamoDB", "ADD 1 to a number of 38 digits", strings.Repeat("1", 37) + "2", strings.Repeat("1", 28) + "0000000000",
			func(p *prober) string {
				c, name := p.table()
				key := binaryKey(1)
				for _, n := range []string{strings.Repeat("1", 38), "1"} {
					_, err := c.UpdateItem(p.ctx, &dynamodb.UpdateItemInput{
						TableName: name, Key: key, UpdateExpression: aws.String("ADD n :n"),
						ExpressionAttributeValues: table.Item{":n": &types.AttributeValueMemberN{Value: n}},
					})
					p.must(err)
				}
				item, err := table.Table{Client: c, Name: *name}.Get(p.ctx, key)
				p.must(err)
				return item["n"].(*types.AttributeValueMemberN).Value
			}},
		{"DynamoDB", "transactions are all or nothing, with reasons", "TransactionCanceledException: None " +
			"ConditionalCheckFailed, nothing written", "", func(p *prober) string {
			c, name := p.table()
			_, err := c.PutItem(p.ctx, &dynamodb.PutItemInput{TableName: name, Item: binaryKey(2)})
			p.must(err)
			_, err = c.TransactWriteItems(p.ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{Put: &types.Put{TableName: name, Item: binaryKey(1)}},
				{Put: &types.Put{TableName: name, Item: binaryKey(2), ConditionExpression: aws.String("attribute_not_exists(pk)")}},
			}})
			var cancelled *types.TransactionCanceledException
			if !errors.As(err, &cancelled) {
				return code(err)
			}
			text := code(err) + ":"
			for _, reason := range cancelled.CancellationReasons {
				text += " " + aws.ToString(reason.Code)
			}
			item, err := table.Table{Client: c, Name: *name}.Get(p.ctx, binaryKey(1))
			p.must(err)
			if item == nil {
				text += ", nothing written"
			}
			return text
		}},
		{"DynamoDB", "transactions of one item at once", "some fail with TransactionConflict", "none of 200 fails",
			func(p *prober) string {
				c, name := p.table()
				var (
					mu     sync.Mutex
					failed int
					group  sync.WaitGroup
				)
				for range 8 {
					group.Go(func() {
						for range 25 {
							_, err := c.TransactWriteItems(
								p.ctx,
								&dynamodb.TransactWriteItemsInput{
									TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: name, Item: binaryKey(1)}}},
								},
							)
							if err != nil {
								mu.Lock()
								failed++
								mu.Unlock()
							}
						}
					})
				}
				group.Wait()
				if failed > 0 {
					return "some fail with TransactionConflict"
				}
				return "none of 200 fails"
			}},
	}
}
