package host

import (
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
)

// Freshness is what every answer says about how much of the log it knows.
type Freshness struct {
	AsOf      schema.Time `json:"as_of" format:"date-time" doc:"all that the log held at this time is in the answer"`
	Partition int32       `json:"partition" doc:"the partition of the log"`
	Position  int64       `json:"position" doc:"the next offset: all below it is in the answer"`
	Lag       int64       `json:"lag" doc:"how many records of the partition were not in yet when it was last heard"`
	Stale     bool        `json:"stale" doc:"as_of is more than 5 s ago: the log isn't heard, or there is a backlog. The answer may be out of date"`
}

// FreshnessOf is that of a state.
func FreshnessOf(f stream.Freshness) Freshness {
	return Freshness{AsOf: schema.At(f.Fresh), Partition: f.Partition, Position: f.Position, Lag: f.Lag, Stale: f.Stale}
}
