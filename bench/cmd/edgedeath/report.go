package main

import (
	"fmt"
	"time"
)

// report prints the times; an error says which are too long or missing.
func report(seen [kinds]tally, killed time.Time, sessions int) (err error) {
	for kind, bar := range bars {
		s := seen[kind]
		fmt.Printf("%-22s %6d, first after %6.2f s, last after %6.2f s, bar %v\n", bar.name, s.count, s.first.Sub(killed).Seconds(), s.last.Sub(killed).Seconds(), bar.within)
		want := sessions
		if kind == expired {
			want = 1
		}
		if s.count < want || s.last.Sub(killed) > bar.within {
			err = fmt.Errorf("%s: %d of %d, the last after %v, allowed are %v", bar.name, s.count, want, s.last.Sub(killed), bar.within)
		}
	}
	return err
}
