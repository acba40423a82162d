package experiments

import (
	"crypto/rand"
	"fmt"
	"io"
	"math"
	mathrand "math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
)

// NewLab returns a lab for a stack. out receives progress.
//
// Errors: the URL is not valid. Do not retry.
func NewLab(
	cfg aws.Config, url, key string, outputs, parameters map[string]string, s Sizes, out io.Writer,
) (*Lab, error) {
	base, err := client.ParseURL(url)
	if err != nil {
		return nil, err
	}
	id, err := ulid.New(ulid.Now(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	region := cfg.Region
	if cfg.BaseEndpoint != nil {
		region = ""
	}
	return &Lab{
		Region:  region,
		Outputs: outputs, Parameters: parameters, Sizes: s, ID: id.String(), Out: out, Now: time.Now, Wait: client.Sleep,
		Server: &client.Client{
			Base: base, HTTP: client.Transport(connections), Agent: "anabranch-first-day", Key: client.Key(key),
			Retry: client.Retry{Attempts: 8, Base: 250 * time.Millisecond, Cap: 10 * time.Second, Longest: 2 * time.Minute},
			Now:   time.Now, Sleep: client.Sleep, Random: mathrand.Float64, Deadline: client.Within(time.Minute),
			MaxAnswer: math.MaxInt32,
		},
		Lambda: lambda.NewFromConfig(cfg), Kinesis: kinesis.NewFromConfig(cfg), S3: s3.NewFromConfig(cfg),
		CloudWatch: cloudwatch.NewFromConfig(cfg), Logs: cloudwatchlogs.NewFromConfig(cfg),
	}, nil
}
