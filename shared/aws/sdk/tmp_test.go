//go:build emulator

package sdk_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/localstack/emulator"
)

func TestRace(t *testing.T) {
	cfg := awstest.Config(emulator.Start(t).Endpoint)
	awstest.Table(t, cfg, "ttt", awstest.BaseTable)
	plain := cfg.HTTPClient
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	for i := range 4 {
		cfg.HTTPClient = plain
		if i%2==0 {
			cfg.HTTPClient = awshttp.NewBuildableClient()
		}
		c := dynamodb.NewFromConfig(cfg)
		var n, bad atomic.Int64
		var g sync.WaitGroup
		for range 4 {
			g.Go(func() {
				for n.Add(1) < 10000 {
					_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("ttt"), Item: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberB{Value: make([]byte, 1000)}, "sk": &types.AttributeValueMemberB{Value: make([]byte, 10)}}})
					if err != nil {
						if bad.Add(1) < 4 {
							fmt.Println(err)
						}
					}
				}
			})
		}
		g.Wait()
		fmt.Println("plain", i%2==1, "bad", bad.Load())
	}
}
