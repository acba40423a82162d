// Command destroy deletes a deployed stack, and prints which buckets and tables the template keeps.
//
//	go run ./infra/destroy -stack anabranch
//
// It asks you to type the name of the stack again, unless you give -yes.
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

// limit is the longest time that the deletion of a stack may take.
const limit = 30 * time.Minute

func main() {
	stack := flag.String("stack", "anabranch", "name of the stack")
	yes := flag.Bool("yes", false, "delete without asking")
	flag.Parse()
	if err := run(context.Background(), os.Stdin, os.Stdout, *stack, *yes); err != nil {
		fmt.Fprintln(os.Stderr, "destroy:", err)
		os.Exit(1)
	}
}

// errOtherwise says that the operator typed something else than the name of the stack.
var errOtherwise = errors.New("the name does not match; nothing was deleted")

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
	fmt.Fprintf(out, "This deletes stack %s in %s: functions, API, keys, stream and queues.\n"+
		"These stay until you delete them yourself:\n  %s\n", stack, cfg.Region, strings.Join(stays, "\n  "))
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
		return fmt.Errorf("wait for the deletion of stack %s: %w", stack, err)
	}
	_, err = fmt.Fprintf(out, "Stack %s is deleted.\n", stack)
	return err
}

// kept returns the outputs of the stack that name a bucket or a table, since the template keeps those.
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
		return nil, errors.New("no output names a bucket or a table; this is not an Anabranch stack")
	}
	slices.Sort(stays)
	return stays, nil
}

func ask(in io.Reader, out io.Writer, stack string) error {
	fmt.Fprintf(out, "Type %s to continue: ", stack)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(answer) != stack {
		return errOtherwise
	}
	return nil
}
