package chaos

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"rollcall.dev/test/oracle"
)

// line of a tape: the config first, then facts, then records.
type line struct {
	Config *oracle.Config `json:"config,omitempty"`
	Fact   *oracle.Fact   `json:"fact,omitempty"`
	Record *oracle.Record `json:"record,omitempty"`
}

// Save writes a history to a file, as gzipped lines of JSON.
func Save(path string, h oracle.History) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	zip := gzip.NewWriter(f)
	out := bufio.NewWriter(zip)
	enc := json.NewEncoder(out)
	if err := enc.Encode(line{Config: &h.Config}); err != nil {
		return err
	}
	for i := range h.Facts {
		if err := enc.Encode(line{Fact: &h.Facts[i]}); err != nil {
			return err
		}
	}
	for i := range h.Log {
		if err := enc.Encode(line{Record: &h.Log[i]}); err != nil {
			return err
		}
	}
	return errors.Join(out.Flush(), zip.Close())
}

// Load reads a history that was saved.
func Load(path string) (h oracle.History, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer f.Close()
	zip, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return h, fmt.Errorf("%s: %w", path, err)
	}
	for dec := json.NewDecoder(zip); ; {
		var l line
		switch err := dec.Decode(&l); {
		case err == io.EOF:
			return h, nil
		case err != nil:
			return h, fmt.Errorf("%s: %w", path, err)
		case l.Config != nil:
			h.Config = *l.Config
		case l.Fact != nil:
			h.Facts = append(h.Facts, *l.Fact)
		case l.Record != nil:
			h.Log = append(h.Log, *l.Record)
		}
	}
}
