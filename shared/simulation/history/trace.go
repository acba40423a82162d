package history

import (
	"time"
)

// line adds a line to the trace: when, who, did what, to what, with which result.
func (h *history) line(who, what, key, result string) {
	b := h.trace.AvailableBuffer()
	d := h.clock.Sub(epoch)
	b = appendClock(b, d)
	for _, word := range []string{who, what, key} {
		b = append(b, ' ')
		b = append(b, word...)
	}
	if result != "" {
		b = append(append(b, ": "...), result...)
	}
	h.trace.Write(append(b, '\n'))
}

// appendClock appends a time since the beginning, as hh:mm:ss.mmmmmm.
func appendClock(b []byte, d time.Duration) []byte {
	two := func(n time.Duration) { b = append(b, byte('0'+n/10%10), byte('0'+n%10)) }
	two(d / time.Hour)
	b = append(b, ':')
	two(d / time.Minute % 60)
	b = append(b, ':')
	two(d / time.Second % 60)
	b = append(b, '.')
	micro := d / time.Microsecond % 1_000_000
	for _, p := range []time.Duration{100_000, 10_000, 1000, 100, 10, 1} {
		b = append(b, byte('0'+micro/p%10))
	}
	return b
}

func (h *history) note(inv *invocation, name, key, fault string) {
	h.line(inv.name, name, short(key), fault)
}

func (h *history) noteResult(inv *invocation, name, key string, err error) {
	result := "ok"
	if err != nil {
		result = err.Error()
	}
	h.line(inv.name, name, short(key), result)
}

// short returns the part of a long key by which a reader recognises it.
func short(key string) string {
	const shown = 28
	if len(key) <= shown {
		return key
	}
	return ".." + key[len(key)-shown+2:]
}
