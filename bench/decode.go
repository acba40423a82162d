package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// decodeOnly decompresses all objects and counts their lines: what no engine that reads these files can go below.
func decodeOnly(folder string) (Measured, error) {
	var files []string
	err := filepath.WalkDir(filepath.Join(folder, "events"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".zst") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return Measured{}, err
	}
	clock := startClock()
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	failed := make([]error, workers)
	for w := range workers {
		group.Go(func() {
			decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
			if err != nil {
				failed[w] = err
				return
			}
			defer decoder.Close()
			for i := w; i < len(files) && failed[w] == nil; i += workers {
				failed[w] = decodeFile(decoder, files[i])
			}
		})
	}
	group.Wait()
	m, err := clock.stop()
	return m, errors.Join(append(failed, err)...)
}

func decodeFile(decoder *zstd.Decoder, path string) error {
	packed, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := decoder.Reset(bytes.NewReader(packed)); err != nil {
		return err
	}
	part, lines := make([]byte, 256<<10), 0
	for {
		n, err := decoder.Read(part)
		lines += bytes.Count(part[:n], []byte{'\n'})
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
