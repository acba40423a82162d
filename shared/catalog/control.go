package catalog

// Control is the whole control table: all contracts of this package.
type Control interface {
	Catalog
	Sweeps
	Audits
	Leases
}
