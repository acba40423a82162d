// Command destroy deletes a stack in any state, and prints which buckets and tables stay, and how to remove them.
//
//	go run ./infra/destroy -stack anabranch
//
// It asks you to type the name of the stack again, unless you give -yes.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/anabranch/anabranch/infra/deployment"
)

func main() {
	stack := flag.String("stack", "anabranch", "name of the stack")
	yes := flag.Bool("yes", false, "delete without asking")
	flag.Parse()
	if err := run(context.Background(), *stack, *yes); err != nil {
		fmt.Fprintln(os.Stderr, "destroy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stack string, yes bool) error {
	account, err := deployment.Open(ctx)
	if err != nil {
		return err
	}
	var answers io.Reader = os.Stdin
	if yes {
		answers = nil
	}
	return account.Destroy(ctx, answers, os.Stdout, stack)
}
