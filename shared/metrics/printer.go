package metrics

import (
	"fmt"
	"io"
	"time"
)

// Printer prints the lines of one function. All fields are needed.
type Printer struct {
	Out      io.Writer // of a Lambda function: its standard output
	Function string    // its name
	Now      func() time.Time
}

// Print prints the values of one invocation, as one line in one write, so that lines of a log that share the output stay whole.
//
// Errors: those of Append, and the output's. The values are lost then; nothing else is.
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
