package present

import (
	"slices"
	"strconv"
	"strings"
)

// mostGroups is the maximum number of groups that a query can ask for at once.
const mostGroups = 10_000

// parseGroups reads how many keys become rows.
func (q *Query) parseGroups(query map[string][]string) error {
	s := &q.Selection
	if values, ok := query[paramGroup]; ok {
		s.By = []string{}
		if values[0] != "" {
			s.By = strings.Split(values[0], ",")
		}
	}
	if values, ok := query[paramOrder]; ok {
		s.Order.By, s.Order.Down = strings.CutPrefix(values[0], "-")
		if s.Order.By == "" {
			return badParameter(paramOrder, "order=%.60q names no aggregate; write one of the view, as in order=views, or "+
				"order=-views for the greatest first", values[0])
		}
	}
	if values, ok := query[paramLimit]; ok {
		n, err := strconv.Atoi(values[0])
		if err != nil || n < 1 || n > mostGroups {
			return badParameter(paramLimit, "limit=%.60q; write a number from 1 to %d", values[0], mostGroups)
		}
		s.Limit = n
	}
	if values, ok := query[paramCursor]; ok {
		if s.Cursor = values[0]; s.Cursor == "" {
			return badParameter(paramCursor, "cursor is empty; send the next of an earlier page, or omit it to begin")
		}
	}
	return nil
}

// distinct returns texts without those that stand before.
func distinct(texts []string) []string {
	var all []string
	for _, text := range texts {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}
