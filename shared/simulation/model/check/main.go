// Command check runs the configurations of the model and prints a table. It fails when a verdict is not the expected
// one.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/anabranch/anabranch/shared/simulation/model"
)

func main() {
	only := flag.String("only", "",
		"run only configurations whose name contains this, and tell the story of each refutation")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := check(ctx, *only)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(1)
	}
}

func check(ctx context.Context, only string) error {
	if err := model.Installed(); err != nil {
		return err
	}
	var some []model.Configuration
	for _, c := range model.Configurations() {
		if strings.Contains(c.Name, only) {
			some = append(some, c)
		}
	}
	if len(some) == 0 {
		return fmt.Errorf("no configuration's name contains %q", only)
	}
	return model.Table{Out: os.Stdout, Check: model.Check, Tell: only != ""}.Run(ctx, some)
}
