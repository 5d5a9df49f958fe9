package schema_test

import (
	"errors"
	"fmt"
	"time"

	"rollcall.dev/events/schema"
)

// What a downstream service does with a record of session.lifecycle.
func ExampleDecode() {
	record := []byte(`{"specversion":"1.0","id":"edges/edge-0/41/session.lifecycle/7/1045.0","source":"/edges/edge-0/41",
		"type":"rollcall.session.disconnected.v1","subject":"alice","time":"2026-11-20T10:00:00.123Z",
		"sequence":"0000000000001045.0000","data":{"session":"01K","user":"alice","edge":"edge-0","epoch":41,
		"reason":"connection_lost","initiator":"network","close_code":1006,"clean":false}}`)

	event, data, err := schema.Decode(record)
	if _, unknown := errors.AsType[*schema.UnknownTypeError](err); unknown {
		return // a newer writer made it: not for us
	}
	if err != nil {
		fmt.Println("poison:", err)
		return
	}
	switch data := data.(type) {
	case *schema.SessionDisconnected:
		fmt.Println(event.Time.Format(time.TimeOnly), data.User, data.Reason, data.Clean)
	}
	// Output: 10:00:00 alice connection_lost false
}

// An edge stamps what it writes with its epoch and a count per partition.
func ExampleEncode() {
	at := schema.At(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC))
	stamp := schema.Stamp{Source: schema.EdgeSource("edge-0", 41), Sequence: schema.Sequence{Offset: 1}}
	id, value, err := schema.Encode(schema.TypeEdgeStarted, "edge-0", at, stamp, schema.TopicLifecycle, 7,
		&schema.EdgeStarted{Edge: "edge-0", Epoch: 41})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(id)
	fmt.Println(string(value))
	// Output:
	// edges/edge-0/41/session.lifecycle/7/1.0
	// {"specversion":"1.0","id":"edges/edge-0/41/session.lifecycle/7/1.0","source":"/edges/edge-0/41","type":"rollcall.edge.started.v1","subject":"edge-0","time":"2026-11-20T10:00:00.000Z","sequence":"0000000000000001.0000","data":{"edge":"edge-0","epoch":41}}
}

// A reader keeps the highest sequence per source and drops what isn't above it.
func ExampleSequence_Above() {
	watermark := schema.Sequence{Offset: 1042, Index: 1}
	for _, seq := range []schema.Sequence{{Offset: 1042, Index: 0}, {Offset: 1042, Index: 1}, {Offset: 1042, Index: 2}, {Offset: 1043}} {
		fmt.Println(seq, seq.Above(watermark))
	}
	// Output:
	// 0000000000001042.0000 false
	// 0000000000001042.0001 false
	// 0000000000001042.0002 true
	// 0000000000001043.0000 true
}

func ExampleParseSource() {
	fmt.Printf("%+v\n", schema.ParseSource("/edges/edge-0/41"))
	fmt.Printf("%+v\n", schema.ParseSource("/tasks/presence-01K/7"))
	// Output:
	// {Kind:edges Name:edge-0 Number:41}
	// {Kind:tasks Name:presence-01K Number:7}
}

func ExampleMailboxPartition() {
	for _, edge := range []string{"edge-0", "edge-1", "edge-17"} {
		fmt.Println(edge, schema.MailboxPartition(edge, 16))
	}
	// Output:
	// edge-0 0
	// edge-1 1
	// edge-17 1
}

func ExampleReason_Clean() {
	fmt.Println(schema.ReasonClientClose.Clean(1000), schema.ReasonClientClose.Clean(1001))
	// Output: true false
}
