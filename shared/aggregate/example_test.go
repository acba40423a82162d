package aggregate_test

import (
	"fmt"

	"github.com/anabranch/anabranch/shared/aggregate"
)

// Two halves of the rows are added apart, as batch and speed do it, and merged from their encodings. No bit differs
// from adding all rows at once.
func ExampleStates() {
	sum, ok := aggregate.Lookup("sum")
	if !ok {
		fmt.Println("no such function; there are", aggregate.Names())
		return
	}
	add := func(numbers ...string) aggregate.States {
		states := sum.New()
		states.Grow(1)
		for _, text := range numbers {
			column := aggregate.Column{Numbers: []aggregate.Decimal{aggregate.ParseDecimal([]byte(text))}}
			states.Add(aggregate.Rows{Cells: []int32{0}, Columns: []aggregate.Column{column}})
		}
		return states
	}
	batch, speed := add("0.1", "0.2"), add("1e3", `"no number"`)
	stored := speed.AppendEncoded(nil, 0)
	if _, err := batch.MergeEncoded(0, stored); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, skipped %d\n", batch.AppendPresented(nil, 0, aggregate.Present{}), batch.Skipped(0))

	all := add(`"no number"`, "1e3", "0.2", "0.1")
	fmt.Println(string(all.AppendEncoded(nil, 0)) == string(batch.AppendEncoded(nil, 0)))
	// Output:
	// 1000.3, skipped 1
	// true
}
