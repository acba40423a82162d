// Command keys prints the URL of a deployed stack and its keys. It reads the outputs of the stack and its secret:
//
//	go run ./infra/keys -stack anabranch
//
// It needs credentials that may read both. The keys that it prints are secrets.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/anabranch/anabranch/shared/access"
)

// Names of the outputs of the stack.
const (
	urlOutput    = "ApiUrl"
	secretOutput = "KeysSecretArn"
)

func main() {
	stack := flag.String("stack", "anabranch", "name of the stack")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *stack); err != nil {
		fmt.Fprintln(os.Stderr, "keys:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, stack string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("read AWS configuration: %w", err)
	}
	url, secret, err := outputs(ctx, cloudformation.NewFromConfig(cfg), stack)
	if err != nil {
		return fmt.Errorf("stack %s: %w", stack, err)
	}
	value, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(
		ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret},
	)
	if err != nil {
		return fmt.Errorf("read secret %s: %w", secret, err)
	}
	keys, err := access.ParseKeys(aws.ToString(value.SecretString))
	if err != nil {
		return fmt.Errorf("secret %s: %w", secret, err)
	}
	_, err = fmt.Fprintf(out, "url    %s\nwrite  %s\nread   %s\nadmin  %s\n", url, keys.Write, keys.Read, keys.Admin)
	return err
}

func outputs(ctx context.Context, client *cloudformation.Client, stack string) (url, secret string, err error) {
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return "", "", err
	}
	for _, s := range described.Stacks {
		for _, o := range s.Outputs {
			switch aws.ToString(o.OutputKey) {
			case urlOutput:
				url = aws.ToString(o.OutputValue)
			case secretOutput:
				secret = aws.ToString(o.OutputValue)
			}
		}
	}
	if url == "" || secret == "" {
		return "", "", errors.New(
			"the outputs " + urlOutput + " and " + secretOutput + " are missing; deploy the stack first",
		)
	}
	return url, secret, nil
}
