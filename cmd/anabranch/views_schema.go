package main

import "github.com/anabranch/anabranch/shared/view/viewfile"

// ViewsSchemaCmd is "anabranch views schema".
type ViewsSchemaCmd struct{}

// Help returns the text below the flags of --help.
func (*ViewsSchemaCmd) Help() string {
	return `Prints the JSON Schema (2020-12) of views files, so that an editor completes and checks them. Editors with the YAML
language server read its place from the first line of a views file:

    # yaml-language-server: $schema=views.schema.json

Exit codes: 0 done.

Examples:

    anabranch views schema > views.schema.json`
}

// Run prints the schema.
func (*ViewsSchemaCmd) Run(w *world) error {
	_, err := w.stdout.Write(viewfile.Schema())
	return err
}
