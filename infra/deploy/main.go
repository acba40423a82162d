// Command deploy deploys the stack, or updates it, and prints its keys. Arguments are parameters of the template:
//
//	go run ./infra/deploy -stack anabranch [-arch amd64] [-views views.yaml] Slot=5m Shards=4
//
// What is not given keeps its value, or has the default in a new stack. It asks for nothing. make deploy runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/anabranch/anabranch/infra/deployment"
)

func main() {
	d := deployment.Settings{Out: os.Stdout}
	flag.StringVar(&d.Stack, "stack", "anabranch", "name of the stack")
	flag.StringVar(&d.Architecture, "arch", "", "arm64 or amd64; that of the stack, or arm64 for a new one, if empty")
	flag.StringVar(&d.Views, "views", "", "views file; the views of the stack, or the sample's for a new one, if empty")
	flag.Parse()
	if err := run(context.Background(), d, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "deploy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, d deployment.Settings, parameters []string) (err error) {
	if d.Parameters, err = deployment.ParseParameters(parameters); err != nil {
		return err
	}
	d = d.OnThisMachine()
	if err := d.Check(); err != nil {
		return err
	}
	account, err := deployment.Open(ctx)
	if err != nil {
		return err
	}
	if err := account.Deploy(ctx, d); err != nil {
		return err
	}
	return account.PrintKeys(ctx, os.Stdout, d.Stack)
}
