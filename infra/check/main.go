// Command check refuses a deployment that the functions would refuse afterwards: it exits with 1 while the deployed
// stack keeps a generation that this release cannot run. It changes nothing.
//
//	go run ./infra/check -stack anabranch
//
// It needs credentials that may read the stack and its control table. A stack that does not exist yet passes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"

	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/programs"
)

// tableOutput is the output of the stack that names the control table.
const tableOutput = "CatalogTable"

func main() {
	stack := flag.String("stack", "anabranch", "name of the stack")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *stack); err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, stack string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("read AWS configuration: %w", err)
	}
	table, err := findTable(ctx, cloudformation.NewFromConfig(cfg), stack)
	if err != nil {
		return fmt.Errorf("stack %s: %w", stack, err)
	}
	if table == "" {
		_, err = fmt.Fprintf(out, "Stack %s has no control table in %s yet: this is its first deployment.\n", stack,
			cfg.Region)
		return err
	}
	if err := checkViews(ctx, dynamocatalog.New(dynamodb.NewFromConfig(cfg), table)); err != nil {
		return fmt.Errorf("do not deploy this release to stack %s: %w", stack, err)
	}
	_, err = fmt.Fprintf(out, "This release runs every generation that stack %s keeps.\n", stack)
	return err
}

// checkViews checks that this release can run every generation that the catalog keeps. Batch checks the same at each
// tick, but by then the functions are deployed.
//
// Errors: the catalog's: retry. A generation that this release cannot run: do not retry; the error names it and says
// what to do.
func checkViews(ctx context.Context, c catalog.Catalog) error {
	views, err := c.Views(ctx)
	if err != nil {
		return fmt.Errorf("read views: %w", err)
	}
	return new(programs.Cache).CheckKept(ctx, c, views)
}

// findTable returns the name of the stack's control table. It returns "" when there is no stack, or when its first
// deployment has not ended and so it has no outputs.
func findTable(ctx context.Context, client *cloudformation.Client, stack string) (string, error) {
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if isAbsent(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	outputs := 0
	for _, s := range described.Stacks {
		outputs += len(s.Outputs)
		for _, o := range s.Outputs {
			if aws.ToString(o.OutputKey) == tableOutput {
				return aws.ToString(o.OutputValue), nil
			}
		}
	}
	if outputs > 0 {
		return "", errors.New("the output " + tableOutput + " is missing; this is not an Anabranch stack")
	}
	return "", nil
}

// isAbsent reports whether an error says that there is no such stack. CloudFormation has no code of its own for that.
func isAbsent(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" &&
		strings.Contains(api.ErrorMessage(), "does not exist")
}
