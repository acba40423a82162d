package metrics

import (
	"fmt"
	"io"
	"time"
)

// Printer prints the lines of one function. All fields are required.
type Printer struct {
	Out      io.Writer // where lines go: in a Lambda function, its standard output
	Function string    // name of the function
	Now      func() time.Time
}

// Print prints the values of one invocation in one write, so that lines from other writers do not break its lines.
//
// Errors: those of Append, and those of Out. Only the values are lost then.
func (p Printer) Print(values ...Value) error {
	line, err := Append(nil, p.Now(), p.Function, values...)
	if err != nil {
		return err
	}
	if _, err := p.Out.Write(line); err != nil {
		return fmt.Errorf("print metrics: %w", err)
	}
	return nil
}
