package event

import (
	"bytes"
	"encoding/json"
)

// HasTextOfJSON reports whether the data of row i is a string that holds a JSON object or array. Some producers encode
// their payload twice; then the event has data, but none of its fields. It reads the line again, so it is for rows that
// cannot be used.
func (b *Batch) HasTextOfJSON(i int) bool {
	line := b.Data[b.Lines[i].Start : b.Lines[i].End+1]
	if !bytes.Contains(line, []byte(`"data":"`)) { // lines are compact, so most are decided here
		return false
	}
	alone, err := NewFields([]Path{{"data"}}).NewBatch(line)
	if err != nil || alone.Columns[0][0].Kind != String {
		return false
	}
	text, _ := alone.Text(alone.Columns[0][0], nil)
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[') && json.Valid(text)
}
