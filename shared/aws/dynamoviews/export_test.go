package dynamoviews

// The encodings, for tests in package dynamoviews_test.
var (
	EncodeBaseKey  = baseKey
	EncodeSpeedKey = speedKey
	EncodeSeen     = seenAttributes
	EncodeRecords  = encodeRecords
	DecodeBase     = baseItem
	DecodeSpeed    = speedItem
	DecodeSeen     = seenItem
	DecodeRecords  = decodeRecords
)
