package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/url"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
	"github.com/anabranch/anabranch/shared/spreadsheet"
)

// KeysCmd lists the keys of a view.
type KeysCmd struct {
	View string   `arg:"" help:"Name of the view; \"anabranch views\" lists all."`
	Key  []string `arg:"" optional:"" name:"field=value" help:"Value that a key field must have; repeat it for several."`

	Prefix  string `help:"List keys whose first field without a value begins with this text."`
	Reverse bool   `help:"List the greatest key first."`
	Limit   int    `help:"Stop after this many keys; 0 lists all." default:"0"`
	Output  string `short:"o" enum:"table,json,csv" default:"table" help:"table, csv, or json (an array of keys)."`

	Server
}

// Help returns the text below the flags of --help.
func (*KeysCmd) Help() string {
	return `Lists the keys of a view, in the order of their fields, byte by byte. Whatever a query could find under a key
is listed. A listed key may have no rows.

CSV has a column per key field. A value that a spreadsheet program would take for a formula has an apostrophe in front.

Exit codes: 0 answered; 1 the server refused the request; 2 wrong flags; 3 the server failed or could not be reached.

Examples:

    anabranch keys page_views
    anabranch keys page_views --prefix /images/ -o csv > paths.csv
    anabranch keys errors_by_status status=404 status=500`
}

// Validate checks the arguments.
func (c *KeysCmd) Validate() error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit %d: must be 0 or more", c.Limit)
	}
	if _, err := c.parameters(); err != nil {
		return err
	}
	return c.Server.Validate()
}

// mostKeys is how many keys one request asks for: the server's maximum.
const mostKeys = 1000

func (c *KeysCmd) parameters() (url.Values, error) {
	p := url.Values{}
	if err := setKey(p, c.Key); err != nil {
		return nil, err
	}
	if c.Prefix != "" {
		p.Set("prefix", c.Prefix)
	}
	if c.Reverse {
		p.Set("order", "-key")
	}
	n := mostKeys
	if c.Limit > 0 {
		n = min(n, c.Limit)
	}
	p.Set("limit", fmt.Sprint(n))
	return p, nil
}

// Run lists the keys page by page, and prints each page as it comes.
func (c *KeysCmd) Run(ctx context.Context, w *world) error {
	parameters, err := c.parameters()
	if err != nil {
		return &failure{exitUsage, err}
	}
	server := w.client(c.Server, queryRetry, 1)
	var all []client.Object
	for {
		page, err := server.Keys(ctx, c.View, parameters)
		if err != nil {
			return w.refused(c.Server, err)
		}
		if !parameters.Has("cursor") {
			for _, warning := range page.Warnings {
				fmt.Fprintln(w.stderr, "warning:", table.Cell(warning))
			}
		}
		if all = append(all, page.Keys...); page.Next == nil || c.Limit > 0 && len(all) >= c.Limit {
			break
		}
		parameters.Set("cursor", *page.Next)
	}
	if c.Limit > 0 {
		all = all[:min(len(all), c.Limit)]
	}
	return c.print(w.stdout, all)
}

func (c *KeysCmd) print(w io.Writer, keys []client.Object) error {
	switch c.Output {
	case "json":
		return printKeysJSON(w, keys)
	case "csv":
		return printKeysCSV(w, keys)
	}
	if len(keys) == 0 {
		_, err := fmt.Fprintln(w, "no key is listed")
		return err
	}
	var columns []table.Column
	for _, m := range keys[0] {
		columns = append(columns, table.Column{Name: m.Name})
	}
	t := table.New(columns...)
	for _, key := range keys {
		t.Row(textsOf(key)...)
	}
	return t.Print(w)
}

func textsOf(key client.Object) []string {
	texts := make([]string, len(key))
	for i, m := range key {
		texts[i] = m.Text()
	}
	return texts
}

func printKeysJSON(w io.Writer, keys []client.Object) error {
	for i, key := range keys {
		begins := ",\n"
		if i == 0 {
			begins = "["
		}
		text, err := key.Encode()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprint(w, begins, string(text)); err != nil {
			return err
		}
	}
	end := "]\n"
	if len(keys) == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(w, end)
	return err
}

func printKeysCSV(w io.Writer, keys []client.Object) error {
	out := csv.NewWriter(w)
	for i, key := range keys {
		var names, cells []string
		for _, m := range key {
			var text string
			if err := json.Unmarshal(m.Value, &text); err != nil {
				return fmt.Errorf("value of key field %s: %w", m.Name, err)
			}
			names, cells = append(names, "key."+m.Name), append(cells, spreadsheet.AsText(text))
		}
		if i == 0 {
			if err := out.Write(names); err != nil {
				return err
			}
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
