// Command pack makes the deployable archive of each function from the folder that its bootstrap was built into, and prints the sizes:
//
//	go run ./infra/pack [-views views.yaml] build ingest speed batch ...
//
// reads build/ingest/bootstrap ... and writes build/ingest.zip ... Equal content makes equal bytes, whenever and wherever it is packed. The views go
// beside the bootstrap of batch, once they have been compiled: a mistake in them is found here, not by the deployed function.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// owner is the function that the views belong to, and file what it calls them.
const (
	owner = "batch"
	file  = "views.yaml"
)

func main() {
	views := flag.String("views", "", "the definitions of the views, to go with "+owner)
	flag.Parse()
	if err := run(os.Stdout, *views, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, views string, args []string) error {
	if len(args) < 2 {
		return errors.New("want a folder and the names of functions in it")
	}
	dir, functions := args[0], args[1:]
	if views != "" {
		if err := addViews(views, filepath.Join(dir, owner, file)); err != nil {
			return err
		}
	}
	sizes := table.New(table.Column{Name: "bytes of", Right: true}, table.Column{Name: "bootstrap", Right: true}, table.Column{Name: "zip", Right: true})
	for _, function := range functions {
		bootstrap, zip, err := pack(filepath.Join(dir, function), filepath.Join(dir, function+".zip"), maxZip)
		if err != nil {
			return fmt.Errorf("function %s: %w", function, err)
		}
		sizes.Row(function, strconv.FormatInt(bootstrap, 10), strconv.FormatInt(zip, 10))
	}
	return sizes.Print(out)
}

// addViews compiles the definitions and copies them.
func addViews(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	definitions, err := viewfile.Parse(from, text)
	if err != nil {
		return err
	}
	if _, err := view.Compile(definitions...); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}
