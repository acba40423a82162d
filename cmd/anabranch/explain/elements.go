package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/view/fields"
)

// elementsLacking returns a sentence for each field of an element that the sum of a skipped aggregate reads, and that
// is not there or has no usable value. Of the elements of one array, it names the first.
func elementsLacking(l Landing, lines []byte) (sentences []string, err error) {
	for _, a := range l.Definition.Aggregates {
		if l.SkipAt("aggregates."+a.Name) == "" {
			continue
		}
		for _, needed := range a.ElementsNeeded() {
			batch, err := event.NewFields([]event.Path{needed.Arrays[0]}).NewBatch(lines)
			if err != nil {
				return nil, err
			}
			s := search{batch: batch, kind: needed.Kind, field: needed.Path}
			s.array(batch.Columns[0][0], fields.Written(needed.Arrays[0]), needed.Arrays[1:])
			if sentence := s.sentence(); sentence != "" && !slices.Contains(sentences, sentence) {
				sentences = append(sentences, sentence)
			}
		}
	}
	return sentences, nil
}

// search looks in the elements of an array for a field with a value of a kind.
type search struct {
	batch *event.Batch
	kind  event.Kind
	field event.Path // below the element

	first string // what the first element without such a value has
	more  int    // elements after it that have none either
}

// array looks in the elements of an array, which is called name. inner are the arrays between it and the field, each
// below an element of the one before.
func (s *search) array(array event.Value, name string, inner []event.Path) {
	if array.Kind != event.Array {
		return // the array itself is named elsewhere
	}
	i := 0
	for element := range s.batch.Elements(array) {
		at := fmt.Sprintf("%s[%d]", name, i)
		if i++; len(inner) > 0 {
			s.array(s.batch.Below(element, inner[0]), below(at, inner[0]), inner[1:])
			continue
		}
		value := s.batch.Below(element, s.field)
		switch {
		case value.Kind == s.kind:
		case s.first != "":
			s.more++
		case value.Kind == event.Missing:
			s.first = fmt.Sprintf("%s has no %s", at, strings.Join(s.field, "."))
		default:
			s.first = fmt.Sprintf("%s is %s, not %s", below(at, s.field), value.Kind.Article(), s.kind.Article())
		}
	}
}

func below(element string, path event.Path) string {
	return strings.Join(append([]string{element}, path...), ".")
}

func (s *search) sentence() string {
	switch s.more {
	case 0:
		return s.first
	case 1:
		return s.first + "; 1 more element has no such value"
	}
	return fmt.Sprintf("%s; %d more elements have no such value", s.first, s.more)
}
