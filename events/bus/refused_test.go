package bus

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestWhichErrorsBlameTheRecord(t *testing.T) {
	for want, errs := range map[bool][]error{
		true: {
			fmt.Errorf("%w: 7 bytes", ErrRecordTooLarge), kafka.InvalidRecord, kafka.InvalidTimestamp,
			kafka.InvalidMessage, kafka.PolicyViolation, fmt.Errorf("wrapped: %w", kafka.InvalidRecord),
		},
		false: {
			nil, ErrClosed, ErrFenced, ErrUnknownOutcome, errors.New("connection lost"), &MissingTopicError{Topic: "t"},
			kafka.NotLeaderForPartition, kafka.TopicAuthorizationFailed, kafka.InvalidTopic,
			fmt.Errorf("%w: %w (last: %w)", ErrClosed, ErrUnknownOutcome, kafka.InvalidMessage),
			fmt.Errorf("%w: %w", ErrFenced, kafka.InvalidProducerEpoch),
		},
	} {
		for _, err := range errs {
			if got := RecordRefused(err); got != want {
				t.Errorf("%v: %v", err, got)
			}
		}
	}
}

// A broker refuses a batch as a whole for one record in it: only that one fails,
// and the others keep their order.
func TestOneRefusedRecordTakesNoOtherWithIt(t *testing.T) {
	cluster := embedded(t, kfake.SeedTopics(1, "t"))
	c := testClient(t, cluster.ListenAddrs())
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		r := req.(*kmsg.ProduceRequest)
		if !strings.Contains(string(r.Topics[0].Partitions[0].Records), "bad") {
			return nil, nil, false
		}
		res := r.ResponseKind().(*kmsg.ProduceResponse)
		p := kmsg.NewProduceResponseTopicPartition()
		p.ErrorCode = int16(kafka.InvalidRecord)
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.Partitions = "t", append(topic.Partitions, p)
		res.Topics = append(res.Topics, topic)
		return res, nil, true
	})
	p := testProducer(t, c, ProducerConfig{})
	var recs []Record
	var want []string
	for i := range 50 {
		v := fmt.Sprintf("good %d", i)
		if i%20 == 7 {
			v = fmt.Sprintf("bad %d", i)
		} else {
			want = append(want, v)
		}
		recs = append(recs, Record{Topic: "t", Value: []byte(v)})
	}
	recs = append(recs, Record{Topic: "t", Value: make([]byte, 2*MaxBatchBytes)}, Record{Topic: "t", Value: []byte("last")})
	want = append(want, "last")
	res, err := p.PublishWait(within(t, 20*time.Second), recs...)
	if !RecordRefused(err) {
		t.Fatalf("ended with %v", err)
	}
	for i, r := range res {
		if bad := i < 50 && i%20 == 7 || i == 50; bad != (r.Err != nil) || bad && !RecordRefused(r.Err) {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	if got := values(readAll(t, c, "t", 0)); !slices.Equal(got, want) {
		t.Errorf("log %v, want %v", got, want)
	}
}

func TestAMissingPartitionIsNamed(t *testing.T) {
	if err := (&MissingTopicError{Topic: "t", Partition: 7, Partitions: 4}).Error(); err != "bus: topic t has no partition 7, it has 4" {
		t.Error(err)
	}
	c := testClient(t, embedded(t, kfake.SeedTopics(4, "t")).ListenAddrs())
	gone, partitions := c.saysMissing(within(t, 10*time.Second), "t", 7)
	if !gone || partitions != 4 {
		t.Errorf("gone %v, of %d partitions", gone, partitions)
	}
	if gone, _ := c.saysMissing(within(t, 10*time.Second), "t", 3); gone {
		t.Error("the last partition is said to be missing")
	}
	if gone, partitions := c.saysMissing(within(t, 10*time.Second), "u", 0); !gone || partitions != 0 {
		t.Errorf("no topic: gone %v, of %d partitions", gone, partitions)
	}
}
