// Package memory implements every contract in memory. It is the reference implementation, the embedded default of the
// command, and the test double whose calls tests make fail.
//
// Each type has a Hook that may make a call fail before or after it takes effect. Stores copy values on the way in and
// out, so no caller can change stored bytes by changing its own.
package memory

// Call is one call of a contract, as a Hook sees it.
type Call struct {
	Name string // "archive.Put", "speed.Load" ...
	Key  string // the one key, run number or view name that the call concerns; "" if there is not exactly one
}

// Fault says how a Hook makes a call fail. The zero Fault lets the call pass.
type Fault struct {
	Err     error // the error that the caller gets; nil lets the call pass
	Applied bool  // the call takes effect although it returns Err, as if its answer was lost
}

// Hook gets every call before it is made, and decides whether it fails. The stores call it without holding locks,
// perhaps from several goroutines at once.
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
		// The call's own error is lost together with its answer.
		_ = do()
	}
	return fault.Err
}

// answer runs a call that returns a value under the hook. With an error it returns the zero value.
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
