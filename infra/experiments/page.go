package experiments

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/infra/costs"
)

// Page returns the results as a page in Markdown. Its section "Assumed figures" has the heading and the rows of
// docs/deploy.md, with what was measured on AWS. The page holds no name, address or number of the account.
//
// Errors: costs.yaml is not valid. Do not retry.
func (l *Lab) Page(results []Result) (string, error) {
	c, err := costs.Read()
	if err != nil {
		return "", err
	}
	measured := map[string]string{}
	var b strings.Builder
	where := "an emulator, whose times say nothing of AWS"
	if l.Region != "" {
		where = "AWS in " + l.Region
	}
	fmt.Fprintf(&b, "# First day\n\nMeasured on %s by `make first-day` on %s, run %s.\n\n",
		l.Now().UTC().Format("2006-01-02"), where, l.ID)
	for _, r := range results {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", r.Experiment.Name, r.Experiment.Question)
		if len(r.Findings) > 0 {
			b.WriteString("| what | found |\n|---|---|\n")
		}
		for _, f := range r.Findings {
			fmt.Fprintf(&b, "| %s | %s |\n", f.What, l.hide(cell(f.Value)))
			if f.Figure != "" && l.Region != "" {
				measured[f.Figure] = l.hide(cell(f.Value))
			}
		}
		if len(r.Findings) > 0 {
			b.WriteString("\n")
		}
		if r.Err != nil {
			fmt.Fprintf(&b, "**Failed:** %s\n\n", l.hide(r.Err.Error()))
		}
		fmt.Fprintf(&b, "It took %.0f s.\n\n", r.Took.Seconds())
	}
	b.WriteString("### Assumed figures\n\n" + c.AssumedTable(measured))
	return b.String(), nil
}

func cell(text string) string { return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text) }

// account finds the number of an AWS account.
var account = regexp.MustCompile(`\b\d{12}\b`)

// hide replaces the names and addresses of the stack by the names of their outputs.
func (l *Lab) hide(text string) string {
	type name struct{ value, output string }
	var all []name
	for output, value := range l.Outputs {
		if value != "" {
			all = append(all, name{value, output})
		}
	}
	// A value may be part of another one, so the longest come first.
	slices.SortFunc(all, func(a, b name) int { return len(b.value) - len(a.value) })
	for _, n := range all {
		text = strings.ReplaceAll(text, n.value, "<"+n.output+">")
	}
	if l.Server != nil && l.Server.Base != nil {
		text = strings.ReplaceAll(text, l.Server.Base.Host, "<ApiUrl>")
	}
	return account.ReplaceAllString(text, "<account>")
}
