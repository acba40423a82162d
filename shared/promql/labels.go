package promql

import (
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anabranch/anabranch/shared/view"
)

// mostLabel is the maximum number of bytes that the value of a label may have after label_replace and label_join. The
// longest key is far below it. Without it, a few nested calls would make values of gigabytes.
const mostLabel = 10_000

// checkLabels refuses an expression that could make the value of a label longer than mostLabel.
func checkLabels(expr parser.Expr) error {
	_, err := longestLabel(expr)
	return err
}

// longestLabel returns a bound of the bytes of the longest value of a label that a node has or makes.
func longestLabel(node parser.Node) (longest int, err error) {
	if _, ok := node.(*parser.VectorSelector); ok {
		longest = view.MaxKey
	}
	for child := range parser.ChildrenIter(node) {
		n, err := longestLabel(child)
		if err != nil {
			return 0, err
		}
		longest = max(longest, n)
	}
	call, ok := node.(*parser.Call)
	if !ok {
		return longest, nil
	}
	made := 0
	switch call.Func.Name {
	case "label_replace": // v, dst_label, replacement, src_label, regex
		replacement := call.Args[2].String()
		made = len(replacement) + strings.Count(replacement, "$")*longest
	case "label_join": // v, dst_label, separator, src_label, ...
		made = (len(call.Args) - 3) * (len(call.Args[2].String()) + longest)
	}
	if made > mostLabel {
		return 0, refuse("%s could make a label of %d bytes; the maximum is %d; use fewer parts of labels in it, or nest "+
			"fewer calls", call.Func.Name, made, mostLabel)
	}
	return max(longest, made), nil
}
