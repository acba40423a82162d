package serving

// ReadTogether is readTogether.
var ReadTogether = readTogether
