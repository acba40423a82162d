// Package deployment deploys the stack to AWS, prints its keys, and deletes it. The commands infra/deploy, infra/keys
// and infra/destroy call it, and so does localstack/stack, on an emulator.
//
// A deployment is refused before anything is built or deployed if the functions would refuse it afterwards: see Deploy.
package deployment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// CloudFormation is what the package calls of CloudFormation.
type CloudFormation interface {
	cloudformation.DescribeStacksAPIClient
	cloudformation.DescribeStackEventsAPIClient
	cloudformation.ListStackResourcesAPIClient
	GetTemplate(
		context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options),
	) (*cloudformation.GetTemplateOutput, error)
	DeleteStack(
		context.Context, *cloudformation.DeleteStackInput, ...func(*cloudformation.Options),
	) (*cloudformation.DeleteStackOutput, error)
}

// Account is an AWS account in one region, with what the package needs to reach it.
type Account struct {
	Region string
	Stacks CloudFormation
	S3     *s3.Client
	Tables *dynamodb.Client
	Keys   *secretsmanager.Client
	HTTP   *http.Client // asks the issuer of tokens

	// Wait waits between two questions about a stack. It returns early, with an error, when the context ends.
	Wait func(context.Context, time.Duration) error
}

// Open returns the account and region of the environment: AWS_REGION, AWS_PROFILE and so on, as the AWS CLI reads them.
//
// Errors: no region, no credentials, or an unreadable configuration. Retrying is useless.
func Open(ctx context.Context) (Account, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return Account{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return Account{}, errors.New("no AWS region: set AWS_REGION in deploy.mk or in the environment, for example " +
			"AWS_REGION=eu-central-1, or run aws configure")
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return Account{}, fmt.Errorf("no AWS credentials: run aws configure, or set AWS_PROFILE in deploy.mk or in the "+
			"environment: %w", err)
	}
	return At(cfg), nil
}

// At returns the account and region of a configuration.
func At(cfg aws.Config) Account {
	return Account{
		Region: cfg.Region, Stacks: cloudformation.NewFromConfig(cfg), S3: s3.NewFromConfig(cfg),
		Tables: dynamodb.NewFromConfig(cfg), Keys: secretsmanager.NewFromConfig(cfg),
		HTTP: &http.Client{Timeout: 10 * time.Second}, Wait: wait,
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// maxName is the largest length of a stack's name. Function names have at most 64 characters, and the longest that the
// template makes ends in -authorizer.
//
// Source: Lambda API Reference, CreateFunction.
const maxName = 64 - len("-authorizer")

// stackName is what CloudFormation accepts as a name.
var stackName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

// checkName checks the name of a stack.
func checkName(name string) error {
	if !stackName.MatchString(name) {
		return fmt.Errorf("invalid stack name %q: must begin with a letter and hold only letters, digits and hyphens", name)
	}
	if len(name) > maxName {
		return fmt.Errorf(
			"invalid stack name %s: it has %d characters, and the maximum is %d: the names of functions begin with it",
			name, len(name), maxName,
		)
	}
	return nil
}

// printer writes lines for the operator and keeps the first error.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) printf(format string, values ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, values...)
	}
}
