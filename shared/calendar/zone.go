package calendar

import (
	"archive/zip"
	"bytes"
	_ "embed" // of the time zone database
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/view/spelling"
)

// Version is the version of the time zone database in zoneinfo.zip.
const Version = "2025c"

// zones is the time zone database, a compiled file for each zone.
//
// Source: lib/time/zoneinfo.zip of Go 1.26.8, made from the IANA Time Zone Database, which is in the public domain.
//
//go:embed zoneinfo.zip
var zones []byte

// LoadZone returns a time zone by its IANA name: "Europe/Berlin", "UTC". The error says what is wrong with the name, as
// the end of a sentence about it.
func LoadZone(name string) (*time.Location, error) {
	database, err := zip.NewReader(bytes.NewReader(zones), int64(len(zones)))
	if err != nil {
		return nil, fmt.Errorf("cannot be looked up: %w", err)
	}
	for _, file := range database.File {
		if file.Name == name && name != "Factory" && !strings.HasSuffix(name, "/") {
			return readZone(file)
		}
	}
	if meant := meantZone(name, database.File); meant != "" {
		return nil, fmt.Errorf("is no IANA time zone; did you mean %s?", meant)
	}
	return nil, fmt.Errorf("is no IANA time zone; write one such as Europe/Berlin, America/New_York or UTC")
}

func readZone(file *zip.File) (*time.Location, error) {
	content, err := file.Open()
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer content.Close()
	data, err := io.ReadAll(content)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return time.LoadLocationFromTZData(file.Name, data)
}

// meantZone returns the zone that a name comes close to; "" for none. People leave out the continent, write spaces, or
// mistype a letter.
func meantZone(name string, files []*zip.File) string {
	name = strings.ReplaceAll(strings.TrimSpace(name), " ", "_")
	var names []string
	meant := ""
	for _, file := range files {
		if strings.EqualFold(file.Name, name) {
			return file.Name
		}
		if _, city, _ := strings.Cut(file.Name, "/"); name != "" && strings.EqualFold(city, name) {
			meant = file.Name
		}
		names = append(names, file.Name)
	}
	if meant != "" {
		return meant
	}
	return spelling.Nearest(name, names)
}

// FormatTime writes an instant as RFC 3339 in a zone, with as many digits as it needs. RFC 3339 has no seconds in an
// offset, which zones had before they had a standard time, and no year beyond 0000 to 9999: such an instant is written
// in UTC.
func FormatTime(t time.Time, zone *time.Location) string {
	local := t.In(zone)
	if _, offset := local.Zone(); offset%60 != 0 || local.Year() < 0 || local.Year() > 9999 {
		local = t.UTC()
	}
	return local.Format(time.RFC3339Nano)
}
