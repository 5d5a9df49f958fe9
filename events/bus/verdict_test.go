package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// Every code that a produce request can get has a stated end; those of no
// meaning to it, and those that Kafka may add, fail.
func TestJudge(t *testing.T) {
	for want, errs := range map[verdict][]error{
		verdictDone: {nil},
		verdictRetry: {
			io.EOF, context.DeadlineExceeded, protocol.NewErrNoLeader("t", 0), protocol.NewErrNoTopic("t"), errors.New("dial refused"),
			kafka.NotLeaderForPartition, kafka.RequestTimedOut, kafka.NotEnoughReplicasAfterAppend, kafka.ThrottlingQuotaExceeded, kafka.Unknown,
		},
		verdictRetryMissing: {kafka.UnknownTopicOrPartition},
		verdictRetryFew:     {kafka.InvalidMessage},
		verdictDuplicate:    {kafka.DuplicateSequenceNumber},
		verdictSplit:        {kafka.MessageSizeTooLarge, kafka.RecordListTooLarge},
		verdictNewID:        {kafka.OutOfOrderSequenceNumber, kafka.UnknownProducerId, kafka.InvalidProducerIDMapping},
		verdictFenced:       {kafka.InvalidProducerEpoch, kafka.ProducerFenced},
		verdictFail:         {kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.InvalidTopic, kafka.UnsupportedVersion, kafka.InvalidTransactionState},
		verdictRefuse:       {kafka.InvalidRecord, kafka.InvalidTimestamp, kafka.PolicyViolation, kafka.Error(9999)},
	} {
		for _, err := range errs {
			if got := judge(err); got != want {
				t.Errorf("judge(%v) = %d, want %d", err, got, want)
			}
			if err != nil {
				if got := judge(fmt.Errorf("wrapped: %w", err)); got != want {
					t.Errorf("judge(wrapped %v) = %d, want %d", err, got, want)
				}
			}
		}
	}
}
