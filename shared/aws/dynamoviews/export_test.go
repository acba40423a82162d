package dynamoviews

// What tests in package dynamoviews_test see of the encodings.
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
