package view

// DecodeKey returns the values that EncodeKey has encoded. ok is false for bytes that EncodeKey does not return; the
// values are then those that end before the first wrong byte.
func DecodeKey(key Key) (values []string, ok bool) {
	var value []byte
	rest := string(key)
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; c {
		case endOfValue:
			values, value = append(values, string(value)), value[:0]
		case escape:
			if i++; i == len(rest) || rest[i] != endOfValue+1 && rest[i] != escape+1 {
				return values, false
			}
			value = append(value, rest[i]-1)
		default:
			value = append(value, c)
		}
	}
	return values, rest == "" || rest[len(rest)-1] == endOfValue
}
