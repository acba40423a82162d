// Package calendar divides time into the steps that people count in: hours, days, weeks, months, quarters and years, in
// the time zone that they name. It also reads times as people write them.
//
// Place in the flow: package present reads steps, zones and times from a query with it, the serving layer merges
// windows into its steps, and the command checks its flags with it. It knows no windows and no views.
//
// It holds the time zone database itself, so a step does not depend on the machine that cuts it.
package calendar
