// Package memory keeps every contract in memory: the reference, the embedded default of the command, and the double that tests break.
//
// Each type has a Hook that may make a call fail before it is applied or after. What is stored is copied on the way in and out, so that no
// caller can change it by changing its own bytes.
package memory

// Call is one call of a contract, as a Hook sees it.
type Call struct {
	Name string // "archive.Put", "speed.Load" ...
	Key  string // what it is about, where that is one thing: a key, a run's number, a view's name
}

// Fault is what a Hook does to a call; the zero Fault lets it pass.
type Fault struct {
	Err     error // returned to the caller
	Applied bool  // the call takes effect all the same: its answer was lost
}

// Hook sees every call before it is made. It is called without locks held, perhaps by several goroutines at once.
type Hook func(Call) Fault

// apply runs one call under the hook. do returns the call's own error.
func (h Hook) apply(name, key string, do func() error) error {
	if h == nil {
		return do()
	}
	fault := h(Call{Name: name, Key: key})
	if fault.Err == nil {
		return do()
	}
	if fault.Applied {
		// What the call itself would have said is lost with its answer.
		_ = do()
	}
	return fault.Err
}

// answer runs a call that answers with a value; with an error there is none.
func answer[T any](h Hook, name, key string, do func() (T, error)) (value T, err error) {
	err = h.apply(name, key, func() (err error) {
		value, err = do()
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return value, nil
}
