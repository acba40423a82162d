// Command keys prints the URL of a deployed stack and its keys:
//
//	go run ./infra/keys -stack anabranch
//
// It needs credentials that may read the outputs of the stack and its secret. The keys that it prints are secrets.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/anabranch/anabranch/infra/deployment"
)

func main() {
	stack := flag.String("stack", "anabranch", "name of the stack")
	export := flag.Bool("export", false, "print the URL and the admin key as variables for a shell")
	flag.Parse()
	if err := run(context.Background(), *stack, *export); err != nil {
		fmt.Fprintln(os.Stderr, "keys:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stack string, export bool) error {
	account, err := deployment.Open(ctx)
	if err != nil {
		return err
	}
	if export {
		return account.PrintVariables(ctx, os.Stdout, stack)
	}
	return account.PrintKeys(ctx, os.Stdout, stack)
}
