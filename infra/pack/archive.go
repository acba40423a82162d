package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxZip is the largest archive, in bytes. Lambda accepts 50 MB, but each cold start fetches all of it.
const maxZip = 15 << 20

// pack writes the files of a folder into an archive of at most limit bytes, and returns the sizes of the bootstrap and
// the archive.
func pack(folder, to string, limit int) (bootstrap, size int64, err error) {
	info, err := os.Stat(filepath.Join(folder, "bootstrap"))
	if err != nil {
		return 0, 0, fmt.Errorf("not built; run make functions: %w", err)
	}
	var body bytes.Buffer
	if err := write(&body, os.DirFS(folder)); err != nil {
		return 0, 0, err
	}
	if body.Len() > limit {
		return 0, 0, fmt.Errorf("the archive has %d bytes; maximum is %d", body.Len(), limit)
	}
	return info.Size(), int64(body.Len()), os.WriteFile(to, body.Bytes(), 0o644)
}

// write writes the files in the order of their names, all with the same time and owner and all executable. Lambda uses
// nothing else of their metadata, so equal content makes equal bytes.
func write(to io.Writer, folder fs.FS) error {
	archive := zip.NewWriter(to)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		header.SetMode(0o755)
		return copyFile(archive, header, folder)
	})
	if err != nil {
		return err
	}
	return archive.Close()
}

func copyFile(archive *zip.Writer, header *zip.FileHeader, folder fs.FS) error {
	body, err := fs.ReadFile(folder, header.Name)
	if err != nil {
		return err
	}
	w, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = w.Write(body)
	return err
}
