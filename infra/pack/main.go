// Command pack makes the deployable archive of each function from the folder of its bootstrap, and prints the sizes:
//
//	go run ./infra/pack [-views views.yaml] build ingest speed batch ...
//
// This reads build/ingest/bootstrap and so on, and writes build/ingest.zip and so on. Equal content makes equal bytes,
// at any time and on any machine. pack compiles the views file and then adds it beside the bootstrap of batch, so that
// you see an error in it here and not in the deployed function.
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

// owner is the function that reads the views file, and file is the name under which it reads it.
const (
	owner = "batch"
	file  = "views.yaml"
)

func main() {
	views := flag.String("views", "", "views file, packed with the function "+owner)
	flag.Parse()
	if err := run(os.Stdout, *views, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, views string, args []string) error {
	if len(args) < 2 {
		return errors.New("missing arguments: want a folder and the names of functions in it")
	}
	dir, functions := args[0], args[1:]
	if views != "" {
		if err := addViews(views, filepath.Join(dir, owner, file)); err != nil {
			return err
		}
	}
	sizes := table.New(
		table.Column{Name: "bytes of", Right: true},
		table.Column{Name: "bootstrap", Right: true},
		table.Column{Name: "zip", Right: true},
	)
	for _, function := range functions {
		bootstrap, zip, err := pack(filepath.Join(dir, function), filepath.Join(dir, function+".zip"), maxZip)
		if err != nil {
			return fmt.Errorf("function %s: %w", function, err)
		}
		sizes.Row(function, strconv.FormatInt(bootstrap, 10), strconv.FormatInt(zip, 10))
	}
	return sizes.Print(out)
}

// addViews compiles the views file and copies it.
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
