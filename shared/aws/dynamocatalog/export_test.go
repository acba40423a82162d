package dynamocatalog

// What tests in package dynamocatalog_test see of the documents.
var (
	EncodeRun   = encodeRun
	EncodeView  = encodeView
	DecodeRun   = decodeRun
	DecodeView  = decodeView
	DecodeAudit = decodeAudit
)
