package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

func hasNoRows(a client.Answer) bool { return len(a.Data) == 0 && a.Total == nil }

// reasonOfNoRows says why an answer has no rows: the view has no such key, or no window of the range has data. It asks
// the server for the key. Where that fails, it warns, and says only what the answer says.
func (c *QueryCmd) reasonOfNoRows(ctx context.Context, w *world, server *client.Client, a client.Answer) string {
	text := "no window"
	if a.From != "" {
		text += " from " + string(a.From)
	}
	if a.To != "" {
		text += " to " + string(a.To)
	}
	text += " has data"
	if len(c.Key) == 0 {
		return text
	}
	parameters := url.Values{"limit": {"1"}}
	err := setKey(parameters, c.Key)
	var page client.Keys
	if err == nil {
		page, err = server.Keys(ctx, c.View, parameters)
	}
	switch {
	case err != nil:
		fmt.Fprintln(w.stderr, "warning: whether the view has this key is unknown:", table.Printable(err.Error()))
	case len(page.Keys) == 0 && page.Next == nil:
		return c.reasonOfNoKey(ctx, w, server)
	}
	return text + " of this key"
}

// reasonOfNoKey says that the view has no such key. A letter with an accent has two spellings in Unicode, which look
// alike but are different keys. So reasonOfNoKey also says whether the view has the key in the other spelling.
func (c *QueryCmd) reasonOfNoKey(ctx context.Context, w *world, server *client.Client) string {
	text := "the view has no key with " + strings.Join(c.Key, ", ")
	lists := fmt.Sprintf("; \"anabranch keys %s\" lists its keys", c.View)
	others := make([]string, len(c.Key))
	for i, pair := range c.Key {
		others[i] = otherForm(pair)
	}
	if slices.Equal(others, c.Key) {
		return text + lists
	}
	const composed, decomposed = "composed letters (NFC)", "decomposed letters (NFD)"
	given, other := composed, decomposed
	if !norm.NFC.IsNormalString(strings.Join(c.Key, ",")) {
		given, other = decomposed, composed
	}
	parameters := url.Values{"limit": {"1"}}
	err := setKey(parameters, others)
	var page client.Keys
	if err == nil {
		page, err = server.Keys(ctx, c.View, parameters)
	}
	switch {
	case err != nil:
		fmt.Fprintln(w.stderr, "warning: whether the view has this key in another form is unknown:",
			table.Printable(err.Error()))
	case len(page.Keys) > 0:
		return fmt.Sprintf("%s in %s, as you gave it; it has one that looks alike, in %s: %s", text, given, other,
			strings.Trim(strconv.QuoteToASCII(strings.Join(others, ", ")), `"`))
	case given == decomposed:
		return fmt.Sprintf("%s in %s, as you gave it, and none in %s%s", text, given, other, lists)
	}
	return text + lists
}

// otherForm returns a text with composed letters, or with decomposed ones if it has composed letters already.
func otherForm(text string) string {
	if composed := norm.NFC.String(text); composed != text {
		return composed
	}
	return norm.NFD.String(text)
}

// printNoRows prints why there are no rows, and a line that counts the events that are in no row of any key. An event
// whose number an aggregate could not use is in a row, so it is no reason for an answer without rows.
func printNoRows(w io.Writer, a client.Answer, reason string) error {
	if _, err := fmt.Fprintln(w, "no rows:", table.Printable(reason)); err != nil {
		return err
	}
	var events int64
	for _, s := range a.Skipped {
		if !s.IsOfAggregate() {
			events += s.Events
		}
	}
	if events == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nThe view could not use %s of the windows, which are in no row of any key; "+
		"-o json lists them.\n", plural(int(events), "event"))
	return err
}
