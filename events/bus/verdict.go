package bus

import (
	"errors"

	"github.com/segmentio/kafka-go"
)

// verdict is what becomes of a batch after one attempt. This file is the whole
// table: every error that a broker can give to a produce request has its end
// here, and a partition never stops on one for ever except where waiting is
// right.
type verdict int

const (
	// verdictDone: the batch is in the log.
	verdictDone verdict = iota
	// verdictDuplicate: it is in the log, and the broker has forgotten where.
	verdictDuplicate
	// verdictRetry: same batch, same sequence, after a pause, for ever.
	verdictRetry
	// verdictRetryMissing: as retry, but a topic that stays unknown while the
	// cluster answers fails its records with MissingTopicError after
	// missingTopicPatience.
	verdictRetryMissing
	// verdictRetryFew: as retry, but at most corruptRetries times, then fail:
	// either the network garbled it, or our own encoder did.
	verdictRetryFew
	// verdictSplit: the topic takes smaller batches only. Two halves; a single
	// record fails with ErrRecordTooLarge.
	verdictSplit
	// verdictNewID: the broker's and our sequences disagree, and the batch is
	// not in the log. A plain producer takes a new producer id and goes on;
	// one with a transactional id stops, for it can't tell this from a loss.
	verdictNewID
	// verdictFenced: the producer id's epoch is over. With a transactional id
	// that is ErrFenced and final; a plain producer id has one holder, so
	// there it is handled as verdictNewID.
	verdictFenced
	// verdictRefuse: a record in the batch is refused for good, and the others
	// with it. Two halves; a single record fails with the error. See
	// RecordRefused.
	verdictRefuse
	// verdictFail: refused for good, whatever the records: the topic or the
	// producer isn't as it should be. The batch's records fail with the error,
	// those behind it go on.
	verdictFail
)

// final: no later attempt of the same can go through.
func (v verdict) final() bool { return v == verdictFail || v == verdictRefuse }

func judge(err error) verdict {
	if err == nil {
		return verdictDone
	}
	code, ok := errors.AsType[kafka.Error](err)
	if !ok {
		return verdictRetry // no answer: refused connection, lost connection, timeout, no leader known
	}
	switch code {
	case kafka.DuplicateSequenceNumber:
		return verdictDuplicate

	case kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch,
		kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable, kafka.NetworkException, kafka.RequestTimedOut,
		kafka.NotEnoughReplicas, kafka.NotEnoughReplicasAfterAppend, kafka.KafkaStorageError,
		kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup,
		kafka.ConcurrentTransactions, kafka.PreferredLeaderNotAvailable, kafka.EligibleLeadersNotAvailable,
		kafka.ThrottlingQuotaExceeded, kafka.OffsetNotAvailable, kafka.ListenerNotFound, kafka.Unknown:
		return verdictRetry

	case kafka.UnknownTopicOrPartition:
		return verdictRetryMissing

	case kafka.InvalidMessage, kafka.InvalidMessageSize: // CORRUPT_MESSAGE and its kind
		return verdictRetryFew

	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge:
		return verdictSplit

	case kafka.OutOfOrderSequenceNumber, kafka.UnknownProducerId, kafka.InvalidProducerIDMapping:
		return verdictNewID

	case kafka.InvalidProducerEpoch, kafka.ProducerFenced:
		return verdictFenced

	case kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed,
		kafka.TransactionalIDAuthorizationFailed, kafka.SASLAuthenticationFailed, kafka.IllegalSASLState,
		kafka.UnsupportedSASLMechanism, kafka.SecurityDisabled, kafka.InvalidTopic, kafka.InvalidRequiredAcks,
		kafka.UnsupportedVersion, kafka.UnsupportedForMessageFormat, kafka.UnsupportedCompressionType,
		kafka.InvalidTransactionState, kafka.InvalidTransactionTimeout, kafka.InvalidRequest:
		return verdictFail
	}
	// InvalidRecord, InvalidTimestamp, PolicyViolation and what later versions
	// of Kafka may add: trying again changes nothing.
	return verdictRefuse
}

// RecordRefused reports an error of publishing that is final and the record's
// own: it is too large, or a broker won't take it. Others of its topic go
// through. An outage, a closed or fenced producer and a topic that is missing or
// forbidden are not: the same record may go through once that is mended.
func RecordRefused(err error) bool {
	if errors.Is(err, ErrRecordTooLarge) {
		return true
	}
	if errors.Is(err, ErrClosed) || errors.Is(err, ErrUnknownOutcome) {
		return false
	}
	code, ok := errors.AsType[kafka.Error](err)
	if !ok {
		return false
	}
	v := judge(code)
	return v == verdictRefuse || v == verdictRetryFew
}
