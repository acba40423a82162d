package proof_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// made is one generated event, as the parts of its JSON. An empty part is a field that the event lacks.
type made struct {
	id                              string
	millis                          int64
	key, amount, user, item, weight string
	lines                           []saleLine // nil: the event has no array of lines
}

// saleLine is one element of an array, as the parts of its JSON.
type saleLine struct{ price, pieces string }

func (l saleLine) json() string {
	var members []string
	for _, f := range [][2]string{{"price", l.price}, {"pieces", l.pieces}} {
		if f[1] != "" {
			members = append(members, fmt.Sprintf("%q:%s", f[0], f[1]))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (m *made) json() []byte {
	var data []string
	for _, f := range [][2]string{{"key", m.key}, {"amount", m.amount}, {"user", m.user}, {"item", m.item},
		{"weight", m.weight}} {
		if f[1] != "" {
			data = append(data, fmt.Sprintf("%q:%s", f[0], f[1]))
		}
	}
	if m.lines != nil {
		var lines []string
		for _, l := range m.lines {
			lines = append(lines, l.json())
		}
		data = append(data, `"lines":[`+strings.Join(lines, ",")+"]")
	}
	at := time.UnixMilli(m.millis).UTC().Format("2006-01-02T15:04:05.000Z")
	return fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":%q,"type":"sale","time":%q,"data":{%s}}`, m.id,
		source, at, strings.Join(data, ","))
}

const source = "//shop.example/till"

// maker makes events from a seed.
type maker struct {
	*rand.Rand
	keys, users, items *rand.Zipf
	n                  int
	first              time.Time // most events happen in the four days from here on
	made               []made    // to repeat
}

func newMaker(seed uint64, first time.Time, keys uint64) *maker {
	r := rand.New(rand.NewPCG(seed, 14))
	return &maker{Rand: r, first: first, keys: rand.NewZipf(r, 1.2, 6, keys-1), users: rand.NewZipf(r, 1.05, 2000, 99_999),
		items: rand.NewZipf(r, 1.15, 4, 1999)}
}

// distinct makes n different events, and copies among them: two in a hundred are sent again, half of them with another
// payload. Only the first copy counts, so events has only that; sent has all, in order.
func (m *maker) distinct(n int) (events []made, sent []made) {
	for len(m.made) < n {
		sent = append(sent, m.next())
		if m.IntN(50) == 0 {
			again := m.made[m.IntN(len(m.made))]
			if m.IntN(2) == 0 {
				again.amount, again.user = m.amount(), m.user()
			}
			sent = append(sent, again)
		}
	}
	return m.made, sent
}

const day = 24 * time.Hour

func (m *maker) next() made {
	m.n++
	at := m.first.Add(time.Duration(m.Int64N(int64(4 * day))))
	switch m.IntN(20) {
	case 0: // late
		at = at.Add(-time.Duration(m.Int64N(int64(5 * day))))
	case 1: // one of many at this time
		at = at.Truncate(6 * time.Hour)
	}
	e := made{
		id: fmt.Sprintf("e%d", m.n), millis: at.UnixMilli(), key: fmt.Sprintf("%q", fmt.Sprint("k", m.keys.Uint64())),
		amount: m.amount(), user: m.user(), item: m.item(), weight: m.weight(),
		lines: m.lines(),
	}
	m.made = append(m.made, e)
	return e
}

// broken is what stands where a number should.
func (m *maker) broken() string {
	return []string{"", "null", `"12"`, "true", "[1]", `{"a":1}`, `""`}[m.IntN(7)]
}

// amount makes decimals of many shapes: prices, numbers of up to 37 digits that nearly cancel each other out, some that
// are rounded, too small or too large, and what is no number.
func (m *maker) amount() string {
	sign := []string{"", "-"}[m.IntN(2)]
	switch m.IntN(40) {
	case 0, 1:
		return m.broken()
	case 2:
		return sign + m.digits(20) + "." + m.digits(17)
	case 3:
		return sign + m.digits(5) + "." + m.digits(32)
	case 4:
		return sign + "12345678901234567890." + m.digits(17)
	case 5:
		return sign + m.digits(3) + "e" + fmt.Sprint(m.IntN(60)-30)
	case 6:
		return sign + m.digits(1) + "." + m.digits(2) + "E+" + fmt.Sprint(m.IntN(31))
	case 7:
		return []string{"0", "-0", "0.0", "-0e5", "0.5e-27", "1.5e-27", "-2.5e-27", "1e-9", "9.99e-10",
			"999999999999999999999999999999.99999999", "-9.9999999999999999999999999999999999e29", "1e30",
			"-1e30"}[m.IntN(13)]
	case 8, 9, 10, 11:
		return fmt.Sprint(m.IntN(7))
	case 12, 13, 14, 15, 16, 17:
		return sign + m.digits(6) + "." + m.digits(6)
	}
	return fmt.Sprintf("%d.%02d", int(m.ExpFloat64()*80), m.IntN(100))
}

// digits returns a number of up to n digits.
func (m *maker) digits(n int) string {
	out := []byte{'1' + byte(m.IntN(9))}
	for range m.IntN(n) {
		out = append(out, '0'+byte(m.IntN(10)))
	}
	return string(out)
}

// user makes texts, numbers in several notations, which may be equal, and what is no scalar.
func (m *maker) user() string {
	n := m.users.Uint64()
	switch m.IntN(30) {
	case 0:
		return fmt.Sprint(n % 50)
	case 1:
		return fmt.Sprintf("%d.0", n%50)
	case 2:
		return fmt.Sprintf(`"%d"`, n%50)
	case 3:
		return []string{"true", "false", `"true"`}[n%3]
	case 4:
		return []string{"", "null", "[]", "{}"}[n%4]
	}
	return fmt.Sprintf(`"user-%d"`, n)
}

func (m *maker) item() string {
	switch m.IntN(60) {
	case 0:
		return []string{"", "null", `["a"]`}[m.IntN(3)]
	case 1:
		return `"` + strings.Repeat("x", 250+m.IntN(12)) + `"` // some are too long
	case 2:
		return fmt.Sprint(m.items.Uint64() % 9)
	}
	return fmt.Sprintf(`"article %d"`, m.items.Uint64())
}

// weight makes numbers from 0 to 20 with two decimals, some below 0, and what is no number.
func (m *maker) weight() string {
	switch m.IntN(25) {
	case 0:
		return m.broken()
	case 1:
		return fmt.Sprintf("-%d", 1+m.IntN(5))
	case 2:
		return "0"
	}
	return fmt.Sprintf("%d.%02d", m.IntN(20), m.IntN(100))
}

// lines makes up to four lines, in one event of 20 no array. Prices have 2 decimals, or up to 27; a product is rounded
// then. In one line of 60 a number is missing or none, or the product is too large.
func (m *maker) lines() []saleLine {
	if m.IntN(20) == 0 {
		return nil
	}
	lines := make([]saleLine, m.IntN(5))
	for i := range lines {
		l := &lines[i]
		l.price, l.pieces = fmt.Sprintf("%d.%02d", m.IntN(100), m.IntN(100)), fmt.Sprint(1+m.IntN(9))
		switch m.IntN(60) {
		case 0:
			l.price = []string{m.broken(), "9e29"}[m.IntN(2)]
		case 1, 2, 3:
			l.price, l.pieces = "-0."+m.digits(27), m.digits(3)+"."+m.digits(9)
		}
	}
	return lines
}
