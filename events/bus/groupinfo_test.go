package bus

import (
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// committed is a group's offset in partition 0, -1 if there is none.
func committed(t testing.TB, c *Client, group, topic string) int64 {
	t.Helper()
	res, err := c.api.OffsetFetch(within(t, 10*time.Second), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {0}}})
	if err != nil || len(res.Topics[topic]) != 1 {
		return -1
	}
	return res.Topics[topic][0].CommittedOffset
}

func memberCount(t testing.TB, c *Client, group string) int {
	t.Helper()
	res, err := c.api.DescribeGroups(within(t, 10*time.Second), &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	if err != nil || len(res.Groups) != 1 {
		return -1
	}
	return len(res.Groups[0].Members)
}
