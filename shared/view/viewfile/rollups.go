package viewfile

import (
	"github.com/goccy/go-yaml/ast"

	"github.com/anabranch/anabranch/shared/view"
)

const rollupsExample = "rollups: [[status], []], or leave it out"

// rollups reads the roll-ups of a view. After a problem with their form it returns none, so that they are not checked
// further.
func (r *reader) rollups(entries []entry, at places) (rollups [][]string) {
	e, found := find(entries, "rollups")
	if !found {
		return nil
	}
	list, ok := e.value.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		r.note(e.at, "rollups must be a list of lists of key fields; write for example %s", rollupsExample)
		return nil
	}
	whole, place := true, 0
	for i, item := range list.Values {
		fields, ok := item.(*ast.SequenceNode)
		if !ok {
			r.note(positionOf(item), "a roll-up must be a list of key fields; write for example [status], or [] for one row "+
				"per window")
			whole = false
			continue
		}
		at[view.Place{Part: view.RollupPart, Index: i}] = scalar{at: positionOf(item)}
		rollup := []string{}
		for _, node := range fields.Values {
			s, ok := r.scalar(entry{name: "a field of a roll-up", at: positionOf(node), value: node}, "[status]")
			whole = whole && ok
			at[view.Place{Part: view.RollupFieldPart, Index: place}] = s
			rollup, place = append(rollup, s.text), place+1
		}
		rollups = append(rollups, rollup)
	}
	if !whole {
		return nil
	}
	return rollups
}
