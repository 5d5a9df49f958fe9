module rollcall.dev/events/schema

go 1.26.0
