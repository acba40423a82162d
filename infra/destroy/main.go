// Command destroy deletes a deployed stack, and says what of it stays: the archive and the tables, which the template retains.
//
//	go run ./infra/destroy -stack anabranch
//
// It asks for the stack's name to be typed once more, unless -yes is given.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// limit is how long a stack may take to go.
const limit = 30 * time.Minute

func main() {
	stack := flag.String("stack", "anabranch", "the stack's name")
	yes := flag.Bool("yes", false, "do not ask")
	flag.Parse()
	if err := run(context.Background(), os.Stdin, os.Stdout, *stack, *yes); err != nil {
		fmt.Fprintln(os.Stderr, "destroy:", err)
		os.Exit(1)
	}
}

// errOtherwise: whoever was asked did not say yes.
var errOtherwise = errors.New("nothing was deleted")

func run(ctx context.Context, in io.Reader, out io.Writer, stack string, yes bool) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("read AWS configuration: %w", err)
	}
	client := cloudformation.NewFromConfig(cfg)
	stays, err := kept(ctx, client, stack)
	if err != nil {
		return fmt.Errorf("stack %s: %w", stack, err)
	}
	fmt.Fprintf(out, "Deletes stack %s in %s: functions, API, keys, stream and queues.\nStays, until you delete it yourself:\n  %s\n",
		stack, cfg.Region, strings.Join(stays, "\n  "))
	if !yes {
		if err := ask(in, out, stack); err != nil {
			return err
		}
	}
	if _, err := client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &stack}); err != nil {
		return fmt.Errorf("delete stack %s: %w", stack, err)
	}
	gone := cloudformation.NewStackDeleteCompleteWaiter(client)
	if err := gone.Wait(ctx, &cloudformation.DescribeStacksInput{StackName: &stack}, limit); err != nil {
		return fmt.Errorf("wait until stack %s is gone: %w", stack, err)
	}
	_, err = fmt.Fprintf(out, "Stack %s is gone.\n", stack)
	return err
}

// kept are the outputs of the stack whose descriptions say that they stay.
func kept(ctx context.Context, client *cloudformation.Client, stack string) ([]string, error) {
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return nil, err
	}
	var stays []string
	for _, s := range described.Stacks {
		for _, o := range s.Outputs {
			if name := aws.ToString(o.OutputKey); strings.HasSuffix(name, "Bucket") || strings.HasSuffix(name, "Table") {
				stays = append(stays, fmt.Sprintf("%-14s %s", name, aws.ToString(o.OutputValue)))
			}
		}
	}
	if len(stays) == 0 {
		return nil, errors.New("it has no output that names a bucket or a table: is it one of ours?")
	}
	slices.Sort(stays)
	return stays, nil
}

func ask(in io.Reader, out io.Writer, stack string) error {
	fmt.Fprintf(out, "Type %s to go on: ", stack)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(answer) != stack {
		return errOtherwise
	}
	return nil
}
