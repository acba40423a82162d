package catalog

// Control is the control table, whole: all contracts of this package.
type Control interface {
	Catalog
	Sweeps
	Audits
}
